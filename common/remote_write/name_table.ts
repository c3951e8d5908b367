/**
 * A table of names by their bytes, that gives each a number in the order in which they came.
 *
 * @module
 */

/** Numbers names, a set of them at a time. */
export class NameTable {
  /** By hash: the number plus one, 0 where there is none. */
  #slots = new Int32Array(1_024);
  /** By number. */
  #hashes = new Int32Array(512);
  #count = 0;
  // So that nobody can know which names fall together.
  readonly #seed = crypto.getRandomValues(new Int32Array(1))[0];

  /** Forgets all names. */
  clear(): void {
    if (this.#count > 0) this.#slots.fill(0);
    this.#count = 0;
  }

  /** The number of the name from `start` to `end`, a new one if `isName` takes it for none of those with the same hash. */
  // In three arguments more than are usual, as an object for each series would be much of a request's garbage.
  place(bytes: Uint8Array, start: number, end: number, isName: (number: number) => boolean): number {
    const hash = this.#hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (; this.#slots[slot] !== 0; slot = slot + 1 & mask) {
      const number = this.#slots[slot] - 1;
      if (this.#hashes[number] === hash && isName(number)) return number;
    }
    const number = this.#count++;
    this.#slots[slot] = number + 1;
    this.#hashes[number] = hash;
    if (this.#count === this.#hashes.length) this.#grow();
    return number;
  }

  #grow() {
    const hashes = new Int32Array(2 * this.#hashes.length);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#slots = new Int32Array(4 * this.#hashes.length / 2);
    const mask = this.#slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      let slot = hashes[number] & mask;
      while (this.#slots[slot] !== 0) slot = slot + 1 & mask;
      this.#slots[slot] = number + 1;
    }
  }

  #hashOf(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    // What distinguishes two names may be in the upper bits alone.
    return hash ^ hash >>> 15;
  }
}
