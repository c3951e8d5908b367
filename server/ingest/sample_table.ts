/**
 * The samples of one push while it is ingested: where their lines stand, when they were taken, and which is a series that
 * came before in the same push.
 *
 * @module
 */

import { LimitError } from "../../common/exposition/metric_family.ts";

/** Slots tried for one series. The table is at most a quarter full, where a run of this length does not come by chance. */
const MAX_PROBES = 256;

/** Columns, one row a sample, in the order in which their lines were written; used again for every push. */
export class SampleTable {
  /** How many samples there are. */
  size = 0;
  /** How many of them another sample of the same series, further on, replaces. */
  replaced = 0;
  /** Where the lines of a sample end; they start where those of the sample before end. */
  ends = new Int32Array(1_024);
  /** Milliseconds after the base of the push. */
  ages = new Uint32Array(1_024);
  /** How many lines a sample has; 0 marks one that is replaced. */
  lines = new Int32Array(1_024);
  #keyStarts = new Int32Array(1_024);
  #keyEnds = new Int32Array(1_024);
  #hashes = new Int32Array(1_024);
  // An open-addressing hash table of rows; a slot that is empty, or of an earlier push, is told by its stamp.
  #slots = new Int32Array(4_096);
  #stamps = new Int32Array(4_096);
  #stamp = 1;

  /** Forgets all samples. */
  clear() {
    this.size = 0;
    this.replaced = 0;
    if (++this.#stamp > 0x7ffffffe) {
      this.#stamps.fill(0);
      this.#stamp = 1;
    }
  }

  /**
   * Adds a sample of so many lines and returns its row, which in `ends` and `ages` is the caller's to fill in.
   * `keyStart` to `keyEnd` of `text` is what names its series: the same bytes for the same series, as is `hash`. A
   * sample that came before for the same series is marked as replaced.
   *
   * @throws {LimitError} if the hashes of too many series collide, which they do only by intent.
   */
  // In five arguments, as an object for each sample would be most of a push's garbage.
  add(text: DataView, keyStart: number, keyEnd: number, hash: number, lines: number): number {
    if (this.size === this.ends.length) this.#grow();
    const row = this.size++;
    this.lines[row] = lines;
    this.#keyStarts[row] = keyStart;
    this.#keyEnds[row] = keyEnd;
    const spread = scatter(hash);
    this.#hashes[row] = spread;
    const mask = this.#slots.length - 1;
    for (let slot = spread & mask, probes = 0;; slot = (slot + 1) & mask, probes++) {
      if (probes > MAX_PROBES) throw new LimitError("Cannot tell the series of the push apart: their hashes collide");
      if (this.#stamps[slot] !== this.#stamp) {
        this.#stamps[slot] = this.#stamp;
        this.#slots[slot] = row;
        return row;
      }
      const other = this.#slots[slot];
      if (this.#hashes[other] === spread && this.#sameKey(text, other, row)) {
        this.lines[other] = 0;
        this.replaced++;
        this.#slots[slot] = row;
        return row;
      }
    }
  }

  #sameKey(text: DataView, one: number, other: number): boolean {
    const length = this.#keyEnds[one] - this.#keyStarts[one];
    if (this.#keyEnds[other] - this.#keyStarts[other] !== length) return false;
    for (let i = 0, a = this.#keyStarts[one], b = this.#keyStarts[other]; i < length; i++, a++, b++) {
      if (text.getUint8(a) !== text.getUint8(b)) return false;
    }
    return true;
  }

  #grow() {
    const longer = <T extends Int32Array | Uint32Array>(column: T, empty: T): T => {
      empty.set(column);
      return empty;
    };
    const rows = 2 * this.ends.length;
    this.ends = longer(this.ends, new Int32Array(rows));
    this.ages = longer(this.ages, new Uint32Array(rows));
    this.lines = longer(this.lines, new Int32Array(rows));
    this.#keyStarts = longer(this.#keyStarts, new Int32Array(rows));
    this.#keyEnds = longer(this.#keyEnds, new Int32Array(rows));
    this.#hashes = longer(this.#hashes, new Int32Array(rows));
    this.#slots = new Int32Array(4 * rows);
    this.#stamps = new Int32Array(4 * rows);
    this.#stamp = 1;
    const mask = this.#slots.length - 1;
    for (let row = 0; row < this.size; row++) {
      if (this.lines[row] === 0) continue;
      let slot = this.#hashes[row] & mask;
      while (this.#stamps[slot] === 1) slot = (slot + 1) & mask;
      this.#stamps[slot] = 1;
      this.#slots[slot] = row;
    }
  }
}

/** Spreads a hash over all bits (the last steps of Murmur3). */
function scatter(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
