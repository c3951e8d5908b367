/**
 * A run of the fuzzer: targets that share the time, each with inputs of its own.
 *
 * @module
 */

import { join } from "node:path";
import { Random } from "../support/random.ts";
import { INPUT_SUFFIX, readInputFile } from "./input_file.ts";
import { Lane, type Tally } from "./lane.ts";
import { openTarget, TARGET_NAMES, type TargetName } from "./targets.ts";

/** What a campaign works with. */
export interface CampaignOptions {
  /** All inputs of a target follow from it, and from what the corpus holds at first. */
  readonly seed: number;
  /** What is attacked. */
  readonly targets: readonly TargetName[];
  /** Inputs of each target at most. */
  readonly maxInputs: number;
  /** Where the corpus and what was found are kept; without one, in memory. */
  readonly dir?: string;
  /** Told of the file of each input before it is sent, in case that it is the last. */
  readonly before?: (file: Uint8Array) => void;
}

/** Sends inputs to targets, whichever has had the least time. Disposing of it ends what they listen on. */
export class Campaign implements AsyncDisposable {
  readonly #lanes: ReadonlyMap<TargetName, Lane<unknown>>;
  readonly #stack: AsyncDisposableStack;
  readonly #maxInputs: number;

  private constructor(lanes: ReadonlyMap<TargetName, Lane<unknown>>, { stack, maxInputs }: {
    stack: AsyncDisposableStack;
    maxInputs: number;
  }) {
    this.#lanes = lanes;
    this.#stack = stack;
    this.#maxInputs = maxInputs;
  }

  /** Prepares the targets, and sends them what the corpus holds. */
  static async start({ seed, targets, maxInputs, dir, before }: CampaignOptions): Promise<Campaign> {
    await using stack = new AsyncDisposableStack();
    const root = new Random(seed), lanes = new Map<TargetName, Lane<unknown>>();
    for (const name of TARGET_NAMES) {
      // Whichever others are attacked beside it, a target gets the same.
      const random = root.fork();
      if (!targets.includes(name)) continue;
      const target = await openTarget(name);
      stack.defer(() => target[Symbol.asyncDispose]?.());
      lanes.set(name, new Lane(target, { name, random, ...dir && { dir }, ...before && { before } }));
    }
    const campaign = new Campaign(lanes, { stack: stack.move(), maxInputs });
    if (dir !== undefined) await campaign.#resend(dir);
    return campaign;
  }

  /** What has happened so far, by target. */
  get tallies(): Record<string, Tally> {
    return Object.fromEntries(Array.from(this.#lanes, ([name, { tally }]) => [name, tally]));
  }

  /** Inputs that are kept. */
  get corpusSize(): number {
    return Array.from(this.#lanes.values(), ({ corpusSize }) => corpusSize).reduce((a, b) => a + b, 0);
  }

  /** Makes an input for a target and sends it. False once all have had as many as they may. */
  async step(): Promise<boolean> {
    let next: Lane<unknown> | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.tally.inputs < this.#maxInputs && !(lane.spentMs >= (next?.spentMs ?? Infinity))) next = lane;
    }
    await next?.step();
    return next !== undefined;
  }

  /** Ends what the targets listen on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }

  /** Sends what a folder holds, which is made if there is none, to the targets that it was for. */
  async #resend(dir: string): Promise<void> {
    await Deno.mkdir(dir, { recursive: true });
    const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
    for (const name of names.filter((name) => name.endsWith(INPUT_SUFFIX)).sort()) {
      const { target, bytes } = readInputFile(await Deno.readFile(join(dir, name)));
      await this.#lanes.get(target as TargetName)?.resend(bytes);
    }
  }
}
