/**
 * What every target of the fuzzer is to the campaign: a maker of inputs, and a judge of what comes of them.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import type { Verdict } from "./verdict.ts";

/** An earlier input of a shelf that was worth keeping, if there is one. */
export type Earlier<Input> = (shelf?: string) => Input | undefined;

/** A target. Disposing of it ends what it listens on. */
export interface FuzzTarget<Input> {
  /** Makes an input: something new, or an earlier one that is mutated. */
  generate(random: Random, earlier: Earlier<Input>): Input;
  /** Sends an input, and looks at all that comes of it. */
  check(input: Input): Promise<Verdict<Input>>;
  /** On which shelf an input stands: those of one shelf are mutated into each other. */
  shelfOf?(input: Input): string;
  /** An input as bytes. */
  write(input: Input): Uint8Array;
  /**
   * Reads what `write()` wrote, and passes over what follows it.
   *
   * @throws {SyntaxError} if it is something else.
   */
  read(bytes: Uint8Array): Input;
  /** Ends what it listens on. */
  [Symbol.asyncDispose]?(): Promise<void>;
}

/** Where chance comes from, and with it `low` to `high` changes of one thing by any of several ways. */
export function mutated<T>(thing: T, { random, ways, most = 4 }: {
  random: Random;
  ways: readonly ((thing: T, random: Random) => T)[];
  most?: number;
}): T {
  let result = thing;
  for (let count = random.size(most); count > 0; count--) result = random.pick(ways)(result, random);
  return result;
}
