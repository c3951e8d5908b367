/**
 * Randomness that follows from a seed, so that what a run found can be found again.
 *
 * @module
 */

/** A stream of random numbers: the generator sfc32 (Chris Doty-Humphrey, PractRand), not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c = 0x9e3779b9 | 0;
  #counter = 1;

  /** Starts the stream of a seed, a whole number from 0 to 2^53. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    // The first numbers of seeds that are alike are alike.
    for (let i = 0; i < 16; i++) this.uint32();
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const sum = ((this.#a + this.#b | 0) + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = this.#c + (this.#c << 3) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }

  /** A number from 0 up, and below 1. */
  unit(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from 0 up, and below `limit`. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** A whole number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** A whole number from 1 to `high`, where small ones are likelier: every power of two as likely as the next. */
  size(high: number): number {
    return Math.min(high, Math.floor(2 ** (this.unit() * Math.log2(high + 1))));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of several. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** Bytes of any value. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff);
  }

  /** A generator of its own, which follows from this one. */
  fork(): Random {
    return new Random(this.uint32() + 2 ** 32 * this.below(2 ** 20));
  }
}
