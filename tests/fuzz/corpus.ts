/**
 * The inputs worth keeping: one for each way in which a target was seen to answer, as a stand-in for coverage.
 *
 * @module
 */

import type { Random } from "../support/random.ts";

/** Inputs kept at most, and the memory they may take. */
const MAX_ENTRIES = 20_000, MAX_TOTAL_BYTES = 64 * 1_048_576;
/** Longer inputs are not kept: what they show, a short one mostly shows too, and faster. */
const MAX_BYTES = 65_536;

interface Kept<Input> {
  readonly input: Input;
  readonly bytes: number;
}

/** What is known of an input that may be kept. */
export interface Seen {
  /** How it was answered. */
  readonly feature: string;
  /** Whether it was accepted. */
  readonly accepted: boolean;
  /** How long it is. */
  readonly bytes: number;
}

/** Inputs of one shelf by what they showed. */
export class Corpus<Input> {
  readonly #places = new Map<string, number>();
  readonly #accepted: Kept<Input>[] = [];
  readonly #refused: Kept<Input>[] = [];
  #bytes = 0;

  /** How many inputs are kept. */
  get size(): number {
    return this.#accepted.length + this.#refused.length;
  }

  /** Keeps an input if nothing was seen of this before, or only at twice its length. True if it does. */
  add(input: Input, { feature, accepted, bytes }: Seen): boolean {
    const pool = accepted ? this.#accepted : this.#refused;
    const key = `${accepted} ${feature}`, place = this.#places.get(key);
    const full = this.size === MAX_ENTRIES || this.#bytes > MAX_TOTAL_BYTES;
    if (bytes > MAX_BYTES || (place === undefined ? full : 2 * bytes > pool[place].bytes)) return false;
    this.#bytes += bytes - (place === undefined ? 0 : pool[place].bytes);
    this.#places.set(key, place ?? pool.length);
    pool[place ?? pool.length] = { input, bytes };
    return true;
  }

  /** One of the inputs, most often one that was accepted; undefined while there is none. */
  pick(random: Random): Input | undefined {
    const pool = random.chance(0.7) ? this.#accepted : this.#refused;
    // The newest are looked at more closely: they are what mutations have just found.
    const from = random.chance(0.3) ? Math.max(0, pool.length - 50) : 0;
    return pool[random.between(from, pool.length - 1)]?.input;
  }
}
