/**
 * Series that are there no more, with the times at which they ended: a millisecond behind the last sample of each. So an end is
 * never later than what comes of the series if it returns, whatever clocks say.
 *
 * @module
 */

import { concatenate } from "../concatenate.ts";
import type { Block } from "../ingest/ingested_push.ts";
import { runAt, type TimedFamilies } from "../ingest/sample_runs.ts";
import type { TimedNative } from "./native_series.ts";
import { SeriesMatcher } from "./series_matcher.ts";
import type { TimedLines } from "./write_encoder.ts";

/** Series that have ended; immutable. */
export interface EndedSeries {
  /** Those of one line each. */
  readonly lines: TimedLines;
  /** The lines of native histograms, for receivers that take these by their lines. */
  readonly nativeLines: TimedLines;
  /** The native histograms. */
  readonly natives: readonly TimedNative[];
  /** How many lines there are in all. */
  readonly series: number;
  /** The memory that they take, in bytes. */
  readonly bytes: number;
}

const LINE_FEED = 0x0a;

/** Finds the ends of series, of the families of one cluster at a time. */
export class SeriesEnds {
  readonly #matcher = new SeriesMatcher();

  /** What was there before and is not any more; undefined if there is nothing of the kind. */
  between(before: TimedFamilies, after: TimedFamilies): EndedSeries | undefined {
    // Nearly always each family has the series that it had, and their lines need not be looked at.
    const changed: { readonly block: Block; readonly now: Block | undefined }[] = [];
    for (let at = 0; at < before.blocks.length; at++) {
      const block = before.blocks[at], now = sameFamily(after, { block, at });
      if (now?.seriesHash === undefined || now.seriesHash !== block.seriesHash) changed.push({ block, now });
    }
    if (changed.length === 0) return undefined;
    const collector = new Collector(before);
    this.#matcher.load(before.text, after.text);
    for (const { block, now } of changed) {
      if (now !== undefined && this.#matcher.areSame(block, now)) continue;
      for (let at = block.start;;) {
        at = this.#matcher.missing(at, block.end);
        if (at === block.end) break;
        at = collector.add(at, block);
      }
    }
    return collector.finish();
  }

  /** All of it, as nothing is there any more. */
  all(entry: TimedFamilies): EndedSeries | undefined {
    const collector = new Collector(entry);
    for (const block of entry.blocks) for (let at = block.start; at < block.end;) at = collector.add(at, block);
    return collector.finish();
  }
}

/** The family of an entry that is like a block, which nearly always is at the same place. */
function sameFamily(
  { blocks }: TimedFamilies,
  { block: { name, type }, at }: { block: Block; at: number },
): Block | undefined {
  const known = blocks[at];
  if (known !== undefined && known.name === name && known.type === type) return known;
  return blocks.find((other) => other.name === name && other.type === type);
}

/** Lines with their times, in the making. */
class Lines {
  readonly #parts: Uint8Array[] = [];
  readonly #runs: number[] = [];
  #length = 0;

  get count(): number {
    return this.#parts.length;
  }

  add(line: Uint8Array, afterBaseMs: number) {
    this.#parts.push(line);
    this.#runs.push(afterBaseMs, this.#length += line.length);
  }

  finish(baseMs: number): TimedLines {
    return { text: concatenate(this.#parts), runs: Uint32Array.from(this.#runs), baseMs };
  }
}

class Collector {
  readonly #entry: TimedFamilies;
  readonly #lines = new Lines();
  readonly #nativeLines = new Lines();
  readonly #natives: TimedNative[] = [];

  constructor(entry: TimedFamilies) {
    this.#entry = entry;
  }

  /** Adds the line that starts at a place in a block, and returns where the next one does. */
  add(at: number, block: Block): number {
    const { text, runs, natives, baseMs } = this.#entry;
    const next = text.indexOf(LINE_FEED, at) + 1;
    const afterBaseMs = runs[2 * runAt(this.#entry, { block, at })] + 1;
    const native = block.natives.find(({ start, end }) => start <= at && at < end);
    (native === undefined ? this.#lines : this.#nativeLines).add(text.subarray(at, next), afterBaseMs);
    if (native?.start === at) {
      const field = natives.slice(native.nativeStart, native.nativeEnd);
      this.#natives.push({
        name: block.name,
        type: block.type,
        field,
        timestampMs: baseMs + afterBaseMs,
        ends: true,
      });
    }
    return next;
  }

  finish(): EndedSeries | undefined {
    const series = this.#lines.count + this.#nativeLines.count;
    if (series === 0) return undefined;
    const { baseMs } = this.#entry;
    const lines = this.#lines.finish(baseMs), nativeLines = this.#nativeLines.finish(baseMs);
    const bytes = lines.text.length + nativeLines.text.length + 8 * series +
      this.#natives.reduce((sum, { field }) => sum + field.length + NATIVE_BYTES, FIXED_BYTES);
    return { lines, nativeLines, natives: this.#natives, series, bytes };
  }
}

/** What ended series take beside their lines: objects and the heads of buffers. */
const FIXED_BYTES = 1_000;
/** The same of each native histogram. */
const NATIVE_BYTES = 200;
