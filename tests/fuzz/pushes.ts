/**
 * Pushes as a target of the fuzzer: servers of several rules, each with a corpus of its own.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { Checker } from "./check_push.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import { generate } from "./generate_push.ts";
import { type PushInput, readInput, writeInput } from "./push_input.ts";
import { NOW_MS, PUSH_TARGETS, PushTarget } from "./push_target.ts";
import { Seeds } from "./seeds.ts";
import type { Verdict } from "./verdict.ts";

/** Most samples of a seed: mostly few, as short inputs are fast, and now and then some hundreds. */
const FEW_SAMPLES = 40, MANY_SAMPLES = 400;

interface Row {
  readonly target: PushTarget;
  readonly checker: Checker;
}

/** The target. */
export class Pushes implements FuzzTarget<PushInput> {
  readonly #rows: readonly Row[];
  readonly #seeds = new Seeds(NOW_MS);

  private constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  /** Prepares the servers. */
  static async open(): Promise<Pushes> {
    return new Pushes(
      await Promise.all(Array.from({ length: PUSH_TARGETS }, async (_, number) => {
        const target = await PushTarget.create(number);
        return { target, checker: await Checker.create(target) };
      })),
    );
  }

  /** Makes a push. */
  generate(random: Random, earlier: Earlier<PushInput>): PushInput {
    const number = random.chance(0.7) ? 0 : random.below(this.#rows.length);
    return generate({
      random,
      target: number,
      identities: this.#rows[number].target.clusters.map(({ labels }) => labels),
      seeds: this.#seeds,
      nowMs: NOW_MS,
      maxSamples: random.chance(0.02) ? MANY_SAMPLES : FEW_SAMPLES,
      earlier: () => earlier(String(number)),
    });
  }

  /** Sends a push, and a good one after it. */
  async check(input: PushInput): Promise<Verdict<PushInput>> {
    const row = this.#rows[input.target];
    if (row === undefined) throw new SyntaxError(`Cannot send a push to the target ${input.target}: there is none`);
    return await row.checker.check(input);
  }

  /** Inputs stand by the rules that they were made for. */
  shelfOf({ target }: PushInput): string {
    return String(target);
  }

  /** A push as bytes. */
  write(input: PushInput): Uint8Array {
    return writeInput(input);
  }

  /** Bytes as a push. */
  read(bytes: Uint8Array): PushInput {
    return readInput(bytes);
  }
}
