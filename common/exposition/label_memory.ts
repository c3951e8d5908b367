/**
 * What is known of the labels of series that were read before: a source has the same series on page after page, and only
 * their values and times change.
 *
 * @module
 */

import type { Label } from "./metric_family.ts";

/** Labels, and the bytes that they were last read from. */
interface Remembered {
  page: Uint8Array;
  start: number;
  end: number;
  labels: readonly Label[];
  /** The scrape that had them last. */
  turn: number;
  /** What came behind them there. */
  next?: Remembered;
}

/**
 * Remembers the labels of the series of the last scrape by the bytes that stand for them. Whoever has the same labels again gets
 * the same array. It holds on to the pages that it remembers labels of.
 */
export class LabelMemory {
  readonly #known = new Map<number, Remembered>();
  #turn = 0;
  #page: Uint8Array = new Uint8Array();
  #last: Remembered | undefined;

  /** The length of the last page, in bytes. */
  get pageBytes(): number {
    return this.#page.length;
  }

  /** Starts on another scrape: what the last one did not have is forgotten. */
  turn(): void {
    this.#known.forEach(({ turn }, hash) => {
      if (turn < this.#turn) this.#known.delete(hash);
    });
    this.#turn++;
    if (this.#last !== undefined) this.#last.next = undefined;
    this.#last = undefined;
  }

  /** Goes on with another page of the scrape. */
  open(page: Uint8Array): void {
    this.#page = page;
  }

  /** The labels that the bytes of the page from `start` to `end` stand for, as `read` reads them up to there if they are new. */
  labels(start: number, end: number, read: (end: number) => readonly Label[]): readonly Label[] {
    const known = this.#find(start, end) ?? this.#remember(start, end, read(end));
    if (this.#last !== undefined) this.#last.next = known;
    this.#last = known;
    // So that the page before is let go.
    known.page = this.#page;
    known.start = start;
    known.end = end;
    known.turn = this.#turn;
    return known.labels;
  }

  #find(start: number, end: number): Remembered | undefined {
    // Series mostly come in the order in which they came before.
    const next = this.#last?.next;
    if (next !== undefined && this.#isSame(next, start, end)) return next;
    const known = this.#known.get(this.#hash(start, end));
    return known !== undefined && this.#isSame(known, start, end) ? known : undefined;
  }

  #remember(start: number, end: number, labels: readonly Label[]): Remembered {
    const remembered = { page: this.#page, start, end, labels, turn: this.#turn };
    this.#known.set(this.#hash(start, end), remembered);
    return remembered;
  }

  // Four bytes at a time, which is twice as fast in code that runs too seldom to be compiled well.

  /** FNV-1a of words of four bytes. */
  #hash(start: number, end: number): number {
    const bytes = this.#page;
    let hash = end - start;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
      hash = Math.imul(hash ^ word, 0x01000193);
    }
    for (; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    return hash;
  }

  #isSame({ page, start: from, end: to }: Remembered, start: number, end: number): boolean {
    if (to - from !== end - start) return false;
    const bytes = this.#page;
    const shift = from - start;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const there = at + shift;
      if (
        bytes[at] !== page[there] || bytes[at + 1] !== page[there + 1] || bytes[at + 2] !== page[there + 2] ||
        bytes[at + 3] !== page[there + 3]
      ) return false;
    }
    for (; at < end; at++) if (bytes[at] !== page[at + shift]) return false;
    return true;
  }
}

/** What labels are in protobuf, by the array that they are in. */
export type EncodedLabels = WeakMap<readonly Label[], Uint8Array>;
