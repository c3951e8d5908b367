/**
 * From lines of the text format to requests of remote write, of either version, in the kernel.
 *
 * @module
 */

import { concatenate } from "../concatenate.ts";
import type { MetricType } from "../exposition/metric_family.ts";
import { SAMPLE_NUMBERS } from "../ingest/ingested_push.ts";
import { prepareNumbers } from "../exposition/number_powers.ts";
import * as status from "../kernel/assembly/status.ts";
import { Kernel, type KernelVariable, SPARE_BYTES } from "../kernel/kernel.ts";
import { nativeSeries, type TimedNative } from "./native_series.ts";
import { WRITE_METRIC_TYPES } from "./metric_types.ts";
import type { WriteVersion } from "./write_fields.ts";

/**
 * The most samples of a request. Prometheus has 2,000 unless told otherwise, and OpenShift tells it 10,000: a request takes as much time
 * as the samples of a cluster do, so that several clusters should share one, and no turn of the event loop should make many.
 */
export const MAX_REQUEST_SAMPLES = 5_000;

/** What the labels of a line take as places, a label being six bytes at least. */
const LABEL_WORK = 3;

const NO_SAMPLES = new Uint32Array(0);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Lines without times, and the times of their runs, as the server keeps them. */
export interface TimedLines {
  /** The lines: names and labels as the server renders them, and a value. */
  readonly text: Uint8Array;
  /** Pairs `[milliseconds after baseMs, end in the text]`. */
  readonly runs: Uint32Array;
  /** What the runs count from, in milliseconds since the epoch. */
  readonly baseMs: number;
  /** Samples of lines as numbers, as {@linkcode import("../ingest/ingested_push.ts").IngestedPush} has them. @default none */
  readonly samples?: Uint32Array;
}

/** What an encoder knows of the series of a cluster from one time to the next, so that their lines need not be read again. */
export interface KnownSeries {
  /** Their strings, the names of their labels, and the series as numbers of these, one behind the other; empty for nothing. */
  readonly bytes: Uint8Array;
  /** How many bytes the strings have. */
  readonly strings: number;
  /** How many bytes the names have. */
  readonly shapes: number;
  /** How many series there are. */
  readonly count: number;
  /** Counts how often they were met. */
  readonly pass: number;
}

/** What is known of a cluster that comes for the first time. */
export const NOTHING_KNOWN: KnownSeries = { bytes: new Uint8Array(0), strings: 0, shapes: 0, count: 0, pass: 0 };

/** Some of the lines, all of one family. */
export interface LineRange {
  /** Where they start in the text. */
  readonly start: number;
  /** Where they end. */
  readonly end: number;
  /** A run that ends no later than the first of them does. */
  readonly firstRun: number;
  /** The type of the family. */
  readonly type: MetricType;
  /** Whether the series end at their times, rather than having their values then. @default {false} */
  readonly ends?: boolean;
  /** The sample of the first of them, if samples are noted. @default none */
  readonly firstSample?: number;
}

const NO_LINES: TimedLines = { text: new Uint8Array(0), runs: new Uint32Array(0), baseMs: 0 };

/** Writes one request after the other, in memory that it uses again. */
export class WriteEncoder {
  readonly #kernel = new Kernel();
  readonly #linesAt: number;
  #runsAt = 0;
  #samplesAt = 0;
  #workAt = 0;
  #lines: TimedLines = NO_LINES;
  #hasText = false;
  #nextSample = 0;

  /** Lays out the memory. */
  constructor() {
    const [keyed] = crypto.getRandomValues(new Uint32Array(1));
    this.#linesAt = this.#kernel.exports.layOutRequests(prepareNumbers(this.#kernel), keyed);
    this.#kernel.reserve(this.#linesAt);
    this.#workAt = this.#linesAt;
    this.open("1.0");
  }

  /** How many samples the request has. */
  get samples(): number {
    return this.#kernel.exports.seriesCount.value;
  }

  /** The sample behind those of the lines that were added last. */
  get nextSample(): number {
    return this.#nextSample;
  }

  /** Starts on a request. */
  open(version: WriteVersion): void {
    this.#kernel.exports.openRequest(Number(version === "2.0"));
  }

  /** Takes in lines, of which ranges are then added, to this request and to further ones. */
  load(lines: TimedLines, known?: KnownSeries): void {
    const kernel = this.#kernel;
    const { text: { length }, runs, samples = NO_SAMPLES } = lines;
    this.#lines = lines;
    this.#hasText = false;
    this.#runsAt = this.#linesAt + length + SPARE_BYTES + 15 & ~15;
    this.#samplesAt = this.#runsAt + runs.byteLength + 15 & ~15;
    this.#workAt = this.#samplesAt + samples.byteLength + 15 & ~15;
    const labelsAt = this.#workAt + length + SPARE_BYTES + 15 & ~15;
    kernel.reserve(labelsAt + LABEL_WORK * length + 4_096);
    const { bytes, exports } = kernel, numbers = new Uint32Array(bytes.buffer);
    numbers.set(runs, this.#runsAt / 4);
    numbers.set(samples, this.#samplesAt / 4);
    const sampleCount = samples.length / SAMPLE_NUMBERS;
    exports.openCluster(this.#workAt, labelsAt, this.#samplesAt, sampleCount, Number(known !== undefined));
    if (known !== undefined && known.count > 0) this.#know(known);
  }

  /** Adds a series for each line of a range, and returns where the first one is that the request has no more room for, or the end. */
  addLines({ start, end, firstRun, type, ends = false, firstSample }: LineRange): number {
    const { exports, bytes } = this.#kernel;
    let at = this.#linesAt + start, sample = firstSample ?? -1;
    if (firstSample === undefined) this.#putText();
    while (true) {
      const stopped = exports.writeSeries(
        at,
        this.#linesAt + end,
        this.#linesAt,
        this.#runsAt + 8 * firstRun,
        this.#lines.baseMs,
        WRITE_METRIC_TYPES[type],
        Number(ends),
        MAX_REQUEST_SAMPLES,
        sample,
        Number(this.#hasText),
      );
      at = exports.writeAt.value;
      sample = exports.writeSample.value;
      if (stopped === status.NUMBER) {
        const text = decoder.decode(bytes.subarray(exports.writeNumberAt.value, exports.writeNumberEnd.value));
        exports.setWriteNumber(text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
      } else if (stopped === status.TEXT) this.#putText();
      else break;
    }
    this.#nextSample = sample;
    return at - this.#linesAt;
  }

  /** What is known of the series of the lines that were taken in with what was known before, once all of them are added. */
  knownSeries(before: KnownSeries): KnownSeries {
    const { exports, bytes } = this.#kernel, change = exports.changeOfSeries();
    if (change !== status.MORE) return change === status.SAME ? before : NOTHING_KNOWN;
    const part = (from: KernelVariable, to: KernelVariable) => bytes.subarray(from.value, to.value);
    const { stringsFrom, stringsTo, shapesFrom, shapesTo, rowsFrom, rowsTo, rowCount, pass } = exports;
    const strings = part(stringsFrom, stringsTo), shapes = part(shapesFrom, shapesTo), rows = part(rowsFrom, rowsTo);
    return {
      bytes: concatenate([strings, shapes, rows]),
      strings: strings.length,
      shapes: shapes.length,
      count: rowCount.value,
      pass: pass.value,
    };
  }

  /** Adds a native histogram to a request of version 2.0; false if it has no more room for it. */
  addNative(native: TimedNative): boolean {
    if (this.samples >= MAX_REQUEST_SAMPLES) return false;
    let hasRoom = true;
    const series = nativeSeries(native, (text) => {
      const number = this.#numberOf(text);
      if (number === 0 && text !== "") hasRoom = false;
      return number;
    });
    if (!hasRoom) return false;
    const { exports } = this.#kernel;
    this.#kernel.reserve(this.#workAt + series.length + SPARE_BYTES);
    this.#kernel.bytes.set(series, this.#workAt);
    return exports.appendSeries(this.#workAt, series.length) !== 0;
  }

  /** The request as it is sent: one block of snappy. */
  finish(): Uint8Array<ArrayBuffer> {
    const { exports } = this.#kernel, end = exports.finishRequest(this.#workAt), { bytes } = this.#kernel;
    return concatenate([
      bytes.subarray(this.#workAt, end),
      bytes.subarray(exports.elementsFrom.value, exports.elementsTo.value),
    ]);
  }

  #know({ bytes, strings, shapes, count, pass }: KnownSeries) {
    const { exports, bytes: memory } = this.#kernel, shapesEnd = strings + shapes;
    memory.set(bytes.subarray(0, strings), exports.stringsFrom.value);
    memory.set(bytes.subarray(strings, shapesEnd), exports.shapesFrom.value);
    memory.set(bytes.subarray(shapesEnd), exports.rowsFrom.value);
    exports.knowSeries(strings, shapes, bytes.length - shapesEnd, count, pass);
  }

  /** Most lines have series that are known, so that nobody reads them. */
  #putText() {
    if (this.#hasText) return;
    this.#kernel.bytes.set(this.#lines.text, this.#linesAt);
    this.#hasText = true;
  }

  #numberOf(text: string): number {
    const bytes = encoder.encode(text), at = this.#workAt;
    this.#kernel.reserve(at + bytes.length + SPARE_BYTES);
    this.#kernel.bytes.set(bytes, at);
    return this.#kernel.exports.numberOf(at, bytes.length);
  }
}
