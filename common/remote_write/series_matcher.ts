/**
 * Tells which series of some lines are among those of others, in the kernel: of each push that is sent on, for all of its lines.
 *
 * @module
 */

import { Kernel, SPARE_BYTES } from "../kernel/kernel.ts";

const LINE_FEED = 0x0a;

/** A stretch of lines. */
export interface Stretch {
  /** Where it starts in its text. */
  readonly start: number;
  /** Where it ends there. */
  readonly end: number;
}

/** Compares two texts at a time. */
export class SeriesMatcher {
  readonly #kernel = new Kernel();
  // So that nobody can know which series fall together.
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0];
  #beforeAt = 0;
  #afterAt = 0;
  #afterEnd = 0;
  #hasTable = false;

  /** Takes two texts in. */
  load(before: Uint8Array, after: Uint8Array): void {
    const kernel = this.#kernel;
    this.#beforeAt = kernel.freeFrom;
    this.#afterAt = this.#beforeAt + before.length + SPARE_BYTES;
    this.#afterEnd = this.#afterAt + after.length;
    this.#hasTable = false;
    kernel.reserve(this.#afterEnd + SPARE_BYTES);
    kernel.bytes.set(before, this.#beforeAt);
    kernel.bytes.set(after, this.#afterAt);
  }

  /** Whether a stretch of the text before and one of that after have the same series in the same order. */
  areSame(before: Stretch, after: Stretch): boolean {
    const one = this.#beforeAt, other = this.#afterAt;
    return this.#kernel.exports.sameSeries(
      one + before.start,
      one + before.end,
      other + after.start,
      other + after.end,
    ) !==
      0;
  }

  /** Where the first line from `start` to `end` of the text before is whose series the text after has not; else `end`. */
  missing(start: number, end: number): number {
    if (!this.#hasTable) this.#fillTable();
    return this.#kernel.exports.missingSeries(this.#beforeAt + start, this.#beforeAt + end) - this.#beforeAt;
  }

  #fillTable() {
    const { exports, bytes } = this.#kernel;
    let lines = 0;
    for (let at = this.#afterAt; at < this.#afterEnd; at = bytes.indexOf(LINE_FEED, at) + 1) lines++;
    const slots = 2 ** Math.ceil(Math.log2(2 * lines + 2));
    const tableAt = this.#afterEnd + SPARE_BYTES + 15 & ~15;
    this.#kernel.reserve(tableAt + 12 * slots + SPARE_BYTES);
    exports.clearSeriesKeys(tableAt, slots, this.#seed);
    exports.addSeriesKeys(this.#afterAt, this.#afterEnd);
    this.#hasTable = true;
  }
}
