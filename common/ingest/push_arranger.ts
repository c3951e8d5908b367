/**
 * Arranges what the kernel has written of a push: samples that later ones of their series replaced go, lines of a family come
 * into the order of their timestamps, and blocks and runs tell what stands where.
 *
 * @module
 */

import { isDistribution, type MetricType } from "../exposition/metric_family.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type Block, type IngestedPush, type NativeSample, SAMPLE_NUMBERS } from "./ingested_push.ts";

/** A family whose samples are in the kernel's table. */
export interface ReadFamily {
  /** The metric's name. */
  readonly name: string;
  /** The type of its samples. */
  readonly type: MetricType;
  /** The sample in the table behind its last. */
  readonly endSample: number;
  /** Whether a name in its lines stands in quotes. */
  readonly quoted: boolean;
  /** A hash of its series, unless they are of several lines each. */
  readonly seriesHash: number;
}

/** What there is to arrange beside what the kernel knows. */
export interface ArrangeOptions {
  /** Native histograms by their sample in the table. */
  readonly natives: ReadonlyMap<number, Uint8Array>;
  /** Whether other families of the push have lines of the names that the native histograms of a family would have. */
  readonly hidesNatives: (family: ReadFamily) => boolean;
  /** What ages count from, in milliseconds since the epoch. */
  readonly baseMs: number;
  /** The age from which on a sample is shown. */
  readonly freshFrom: number;
  /** Samples of families that were left out as a whole. */
  readonly unread: number;
  /** Whether samples are noted as numbers. */
  readonly notesSamples: boolean;
}

const NO_NATIVES: readonly NativeSample[] = [];
const NO_SAMPLES = new Uint32Array(0);

/** Arranges pushes one after the other, in memory that it uses again. */
export class PushArranger {
  #runs = new Uint32Array(4_096);
  #samples = NO_SAMPLES;
  #sampleEnds = NO_SAMPLES;

  /** Arranges the push that the kernel has read. */
  arrange(
    families: readonly ReadFamily[],
    { exports, bytes }: Kernel,
    { natives, hidesNatives, baseMs, freshFrom, unread, notesSamples }: ArrangeOptions,
  ): Omit<IngestedPush, "leftOut"> {
    const size = exports.size.value;
    const ends = new Int32Array(bytes.buffer, exports.ends.value, size);
    const ages = new Uint32Array(bytes.buffer, exports.ages.value, size);
    const lines = new Int32Array(bytes.buffer, exports.lines.value, size);
    const text = bytes.subarray(exports.textAt.value, exports.out.value);
    if (this.#runs.length < 2 * size) this.#runs = new Uint32Array(4 * size);
    const runs = this.#runs;
    const numbers = new Uint32Array(bytes.buffer, exports.numbers.value, notesSamples ? 4 * size : 0);
    if (notesSamples && this.#sampleEnds.length < size) {
      this.#samples = new Uint32Array(2 * SAMPLE_NUMBERS * size);
      this.#sampleEnds = new Uint32Array(2 * size);
    }
    const samples = this.#samples, sampleEnds = this.#sampleEnds;
    const encoded = new Uint8Array(natives.values().reduce((sum, { length }) => sum + length, 0));
    const blocks: Block[] = [];
    const startOf = (row: number) => row === 0 ? 0 : ends[row - 1] - text.byteOffset;
    let runCount = 0, length = 0, series = 0, stale = 0, first = 0, nativesEnd = 0, noted = 0;
    for (const family of families) {
      const { name, type, endSample, quoted } = family;
      const seriesHash = isDistribution(type) ? undefined : family.seriesHash;
      const start = length, firstRun = runCount;
      const firstSample = notesSamples && !isDistribution(type) ? noted : undefined;
      let ofBlock: NativeSample[] | undefined;
      const order = isAscending(ages, { first, end: endSample }) ? undefined : orderOf(ages, { first, end: endSample });
      const familyStart = startOf(first);
      const unordered = order && text.slice(familyStart, startOf(endSample));
      for (let i = first; i < endSample; i++) {
        const row = order === undefined ? i : order[i - first];
        if (lines[row] === 0) continue;
        const from = startOf(row), to = startOf(row + 1);
        if (unordered !== undefined) text.set(unordered.subarray(from - familyStart, to - familyStart), length);
        else if (length !== from) text.copyWithin(length, from, to);
        const native = encoded.length === 0 ? undefined : natives.get(row);
        if (native !== undefined) {
          encoded.set(native, nativesEnd);
          const place = { nativeStart: nativesEnd, nativeEnd: nativesEnd += native.length };
          (ofBlock ??= []).push({ start: length, end: length + to - from, ...place });
        }
        length += to - from;
        series += lines[row];
        if (ages[row] < freshFrom) stale += lines[row];
        if (runCount === firstRun || runs[2 * runCount - 2] !== ages[row]) runs[2 * runCount++] = ages[row];
        runs[2 * runCount - 1] = length;
        if (firstSample !== undefined) sampleEnds[noted++] = length;
      }
      if (firstSample !== undefined) {
        const to = samples.subarray(4 * firstSample, 4 * noted);
        if (order === undefined && noted - firstSample === endSample - first) {
          to.set(numbers.subarray(4 * first, 4 * endSample));
        } else copyRows(numbers, { rows: (order ?? rowsFrom(first, endSample)).filter((row) => lines[row] > 0), to });
      }
      first = endSample;
      if (length === start) continue;
      const place = { start, end: length, firstRun, endRun: runCount };
      const hides = ofBlock !== undefined && hidesNatives(family);
      blocks.push({
        name,
        type,
        ...place,
        quoted,
        seriesHash,
        firstSample,
        natives: ofBlock ?? NO_NATIVES,
        hidesNatives: hides,
      });
    }
    samples.set(sampleEnds.subarray(0, noted), 4 * noted);
    return {
      text: text.subarray(0, length),
      blocks,
      runs: runs.subarray(0, 2 * runCount),
      natives: encoded.subarray(0, nativesEnd),
      samples: samples.subarray(0, SAMPLE_NUMBERS * noted),
      baseMs,
      series,
      received: exports.received.value + unread,
      dropped: exports.dropped.value,
      duplicates: exports.replaced.value,
      stale,
    };
  }
}

/** Copies the numbers of rows, four of each. */
function copyRows(numbers: Uint32Array, { rows, to }: { rows: Uint32Array; to: Uint32Array }) {
  rows.forEach((row, i) => to.set(numbers.subarray(4 * row, 4 * row + 4), 4 * i));
}

function rowsFrom(first: number, end: number): Uint32Array {
  return Uint32Array.from({ length: end - first }, (_, i) => first + i);
}

function isAscending(ages: Uint32Array, { first, end }: { first: number; end: number }): boolean {
  for (let row = first + 1; row < end; row++) if (ages[row] < ages[row - 1]) return false;
  return true;
}

/** The rows from `first` to `end` by ascending age. */
function orderOf(ages: Uint32Array, { first, end }: { first: number; end: number }): Uint32Array {
  return rowsFrom(first, end).sort((a, b) => ages[a] - ages[b] || a - b);
}
