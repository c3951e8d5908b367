/**
 * The inputs worth keeping: one for each way in which the target was seen to answer, as a stand-in for coverage.
 *
 * @module
 */

import { join } from "node:path";
import type { Random } from "../support/random.ts";
import { type PushInput, readInput, writeInput } from "./push_input.ts";

/** Inputs kept at most, and the memory they may take. */
const MAX_ENTRIES = 20_000, MAX_TOTAL_BYTES = 128 * 1_048_576;
/** Longer inputs are not kept: what they show, a short one mostly shows too, and faster. */
const MAX_BYTES = 65_536;

/** Inputs by what they showed; a feature stands for inputs that are all accepted, or all refused. */
export class Corpus {
  readonly #dir: string | undefined;
  readonly #places = new Map<string, number>();
  readonly #accepted: PushInput[] = [];
  readonly #refused: PushInput[] = [];
  #bytes = 0;

  /** Keeps inputs in memory, and in a directory if one is given. */
  constructor(dir?: string) {
    this.#dir = dir;
  }

  /** How many inputs are kept. */
  get size(): number {
    return this.#accepted.length + this.#refused.length;
  }

  /** Reads the inputs of the directory, which is made if there is none. What is not an input is passed over. */
  async *stored(): AsyncGenerator<PushInput, void, void> {
    if (this.#dir === undefined) return;
    await Deno.mkdir(this.#dir, { recursive: true });
    const names = await Array.fromAsync(Deno.readDir(this.#dir), ({ name }) => name);
    for (const name of names.filter((name) => name.endsWith(".push")).sort()) {
      let input: PushInput;
      try {
        input = readInput(await Deno.readFile(join(this.#dir, name)));
      } catch {
        continue;
      }
      yield input;
    }
  }

  /** Keeps an input if nothing was seen of this before, or only at twice its length. True if it shows something new. */
  add(input: PushInput, { feature, accepted }: { feature: string; accepted: boolean }): boolean {
    const pool = accepted ? this.#accepted : this.#refused;
    const place = this.#places.get(feature);
    const bytes = lengthOf(input);
    const full = this.size === MAX_ENTRIES || this.#bytes > MAX_TOTAL_BYTES;
    if (bytes > MAX_BYTES || (place === undefined ? full : 2 * bytes > lengthOf(pool[place]))) return false;
    this.#bytes += bytes - (place === undefined ? 0 : lengthOf(pool[place]));
    this.#places.set(feature, place ?? pool.length);
    pool[place ?? pool.length] = input;
    if (this.#dir !== undefined) Deno.writeFileSync(join(this.#dir, `${nameOf(feature)}.push`), writeInput(input));
    return place === undefined;
  }

  /** One of the inputs, most often one that was accepted; undefined while there is none. */
  pick(random: Random): PushInput | undefined {
    const pool = random.chance(0.7) ? this.#accepted : this.#refused;
    // The newest are looked at more closely: they are what mutations have just found.
    const from = random.chance(0.3) ? Math.max(0, pool.length - 50) : 0;
    return pool[random.between(from, pool.length - 1)];
  }
}

function lengthOf({ payload, body }: PushInput): number {
  return payload.length + body.length;
}

/** A file name that follows from a feature (FNV-1a, twice). */
function nameOf(feature: string): string {
  let [a, b] = [0x811c9dc5, 0x9747b28c];
  for (let i = 0; i < feature.length; i++) {
    a = Math.imul(a ^ feature.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ feature.charCodeAt(i), 0x5bd1e995);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
