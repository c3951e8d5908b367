/**
 * A table of lines by what names their series: all of a line that comes before its value.
 *
 * @module
 */

/** Looks lines up in several texts at a time, in memory that it uses again. */
export class LineTable {
  /** By hash: the number of a key plus one, 0 where there is none. */
  #slots = new Int32Array(2_048);
  // By the number of a key: its hash, the text that it stands in, where, and what is known by it.
  #hashes = new Int32Array(1_024);
  #texts = new Int32Array(1_024);
  #starts = new Uint32Array(1_024);
  #ends = new Uint32Array(1_024);
  #values = new Int32Array(1_024);
  #views: DataView[] = [];
  #count = 0;
  // So that nobody can know which lines fall together.
  readonly #seed = crypto.getRandomValues(new Int32Array(1))[0];

  /** Forgets all lines, and looks into these texts from now on. */
  open(texts: readonly Uint8Array[]): void {
    if (this.#count > 0) this.#slots.fill(0);
    this.#count = 0;
    this.#views = texts.map(({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength));
  }

  /**
   * The number of the key from `start` to `end` of a text, which is there from now on if it was not before. What has another
   * `kind` is another key.
   */
  // In four arguments, as an object for each line would be much of a merge's garbage.
  place(text: number, start: number, end: number, kind: number): number {
    const hash = this.#hashOf(this.#views[text], start, end) + kind | 0;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (; this.#slots[slot] !== 0; slot = slot + 1 & mask) {
      const key = this.#slots[slot] - 1;
      if (this.#hashes[key] === hash && this.#isKey(key, text, start, end)) return key;
    }
    const key = this.#count++;
    this.#slots[slot] = key + 1;
    this.#hashes[key] = hash;
    this.#texts[key] = text;
    this.#starts[key] = start;
    this.#ends[key] = end;
    this.#values[key] = -1;
    if (this.#count === this.#hashes.length) this.#grow();
    return key;
  }

  /** What is known by a key; -1 if that is nothing. */
  get(key: number): number {
    return this.#values[key];
  }

  /** Sets what is known by a key. */
  set(key: number, value: number): void {
    this.#values[key] = value;
  }

  #isKey(key: number, text: number, start: number, end: number): boolean {
    const from = this.#starts[key];
    if (this.#ends[key] - from !== end - start) return false;
    const a = this.#views[this.#texts[key]], b = this.#views[text];
    let i = 0;
    for (; start + i + 4 <= end; i += 4) if (a.getInt32(from + i) !== b.getInt32(start + i)) return false;
    for (; start + i < end; i++) if (a.getUint8(from + i) !== b.getUint8(start + i)) return false;
    return true;
  }

  /** As murmur3 mixes words (x86, 32 bits), less a round. */
  #hashOf(view: DataView, start: number, end: number): number {
    let hash = this.#seed, at = start;
    for (; at + 4 <= end; at += 4) {
      hash = Math.imul(hash ^ Math.imul(view.getInt32(at), 0xcc9e2d51), 0x1b873593);
      hash ^= hash >>> 15;
    }
    for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
    return hash ^ hash >>> 16;
  }

  #grow() {
    const longer = <Column extends Int32Array | Uint32Array>(column: Column, grown: Column): Column => {
      grown.set(column);
      return grown;
    };
    const { length } = this.#hashes;
    this.#hashes = longer(this.#hashes, new Int32Array(2 * length));
    this.#texts = longer(this.#texts, new Int32Array(2 * length));
    this.#starts = longer(this.#starts, new Uint32Array(2 * length));
    this.#ends = longer(this.#ends, new Uint32Array(2 * length));
    this.#values = longer(this.#values, new Int32Array(2 * length));
    this.#slots = new Int32Array(4 * length);
    const mask = this.#slots.length - 1;
    for (let key = 0; key < this.#count; key++) {
      let slot = this.#hashes[key] & mask;
      while (this.#slots[slot] !== 0) slot = slot + 1 & mask;
      this.#slots[slot] = key + 1;
    }
  }
}
