/**
 * From lines of the text format to requests of remote write, of either version, in the kernel.
 *
 * @module
 */

import type { MetricType } from "../exposition/metric_family.ts";
import { prepareNumbers } from "../exposition/number_powers.ts";
import * as status from "../kernel/assembly/status.ts";
import { Kernel, SPARE_BYTES } from "../kernel/kernel.ts";
import { nativeSeries, type TimedNative } from "./native_series.ts";
import { WRITE_METRIC_TYPES } from "./metric_types.ts";
import type { WriteVersion } from "./write_fields.ts";

/**
 * The most samples of a request. Prometheus has 2,000 unless told otherwise, and OpenShift tells it 10,000: a request takes as much time
 * as the samples of a cluster do, so that several clusters should share one, and no turn of the event loop should make many.
 */
export const MAX_REQUEST_SAMPLES = 5_000;

/** What lines take beside themselves while they are read: their labels as places, and their strings without escapes. */
const WORK = 5;

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
}

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
}

/** Writes one request after the other, in memory that it uses again. */
export class WriteEncoder {
  readonly #kernel = new Kernel();
  readonly #linesAt: number;
  #runsAt = 0;
  #workAt = 0;
  #baseMs = 0;

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

  /** Starts on a request. */
  open(version: WriteVersion): void {
    this.#kernel.exports.openRequest(Number(version === "2.0"));
  }

  /** Takes in lines, of which ranges are then added, to this request and to further ones. */
  load({ text, runs, baseMs }: TimedLines): void {
    const kernel = this.#kernel;
    this.#baseMs = baseMs;
    this.#runsAt = this.#linesAt + text.length + SPARE_BYTES + 15 & ~15;
    this.#workAt = this.#runsAt + runs.byteLength + 15 & ~15;
    kernel.reserve(this.#workAt + WORK * text.length + 4_096);
    kernel.bytes.set(text, this.#linesAt);
    new Uint32Array(kernel.bytes.buffer, this.#runsAt, runs.length).set(runs);
  }

  /** Adds a series for each line of a range, and returns where the first one is that the request has no more room for, or the end. */
  addLines({ start, end, firstRun, type, ends = false }: LineRange): number {
    const { exports, bytes } = this.#kernel;
    for (let at = this.#linesAt + start;;) {
      const stopped = exports.writeSeries(
        at,
        this.#linesAt + end,
        this.#linesAt,
        this.#runsAt + 8 * firstRun,
        this.#baseMs,
        WRITE_METRIC_TYPES[type],
        Number(ends),
        MAX_REQUEST_SAMPLES,
        this.#workAt,
      );
      at = exports.writeAt.value;
      if (stopped !== status.NUMBER) return at - this.#linesAt;
      const text = decoder.decode(bytes.subarray(exports.writeNumberAt.value, exports.writeNumberEnd.value));
      exports.setWriteNumber(text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
    }
  }

  /** Adds a native histogram to a request of version 2.0; false if it has no more room for it. */
  addNative(native: TimedNative): boolean {
    if (this.samples >= MAX_REQUEST_SAMPLES) return false;
    const series = nativeSeries(native, (text) => this.#numberOf(text));
    const { exports } = this.#kernel;
    this.#kernel.reserve(this.#workAt + series.length + SPARE_BYTES);
    this.#kernel.bytes.set(series, this.#workAt);
    return exports.appendSeries(this.#workAt, series.length) !== 0;
  }

  /** The request as it is sent: one block of snappy. */
  finish(): Uint8Array<ArrayBuffer> {
    const end = this.#kernel.exports.finishRequest(this.#workAt);
    return this.#kernel.bytes.slice(this.#workAt, end);
  }

  #numberOf(text: string): number {
    const bytes = encoder.encode(text), at = this.#workAt;
    this.#kernel.reserve(at + bytes.length + SPARE_BYTES);
    this.#kernel.bytes.set(bytes, at);
    return this.#kernel.exports.numberOf(at, bytes.length);
  }
}
