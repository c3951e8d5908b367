/**
 * One target of a campaign: its inputs one after the other, what each showed, and what must not be.
 *
 * @module
 */

import { join } from "node:path";
import type { Random } from "../support/random.ts";
import { Corpus } from "./corpus.ts";
import type { FuzzTarget } from "./fuzz_target.ts";
import { INPUT_SUFFIX, writeInputFile } from "./input_file.ts";
import type { Finding, Verdict } from "./verdict.ts";

/** What has happened so far. */
export interface Tally {
  /** Inputs sent. */
  inputs: number;
  /** Inputs by how they were answered. */
  readonly answers: Record<string, number>;
  /** Inputs of which a second reading made the same. */
  agreed: number;
  /** What was found, and how often. */
  readonly findings: Record<string, number>;
}

/** What a lane works with. */
export interface LaneOptions {
  /** What the target is called. */
  readonly name: string;
  /** Where chance comes from. */
  readonly random: Random;
  /** Where the corpus and what was found are kept; without one, in memory. */
  readonly dir?: string;
  /** Told of the file of each input before it is sent, in case that it is the last. */
  readonly before?: (file: Uint8Array) => void;
}

/** Inputs that are saved for one kind of finding. */
const SAVED_FINDINGS = 3;

/** Sends inputs, keeps those that show something new, and saves what was found. */
export class Lane<Input> {
  /** What has happened so far. */
  readonly tally: Tally = { inputs: 0, answers: {}, agreed: 0, findings: {} };
  /** What it has taken, in milliseconds. */
  spentMs = 0;
  readonly #target: FuzzTarget<Input>;
  readonly #options: LaneOptions;
  readonly #shelves = new Map<string, Corpus<Input>>();

  /** Sends nothing yet. */
  constructor(target: FuzzTarget<Input>, options: LaneOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Inputs that are kept. */
  get corpusSize(): number {
    return Array.from(this.#shelves.values(), ({ size }) => size).reduce((a, b) => a + b, 0);
  }

  /** Makes an input and sends it. */
  async step(): Promise<Verdict<Input>> {
    const { random } = this.#options;
    const startedMs = performance.now();
    const verdict = await this.#send(
      this.#target.generate(random, (shelf = "") => this.#shelves.get(shelf)?.pick(random)),
    );
    this.spentMs += performance.now() - startedMs;
    return verdict;
  }

  /** Sends an input that was kept. What cannot be read any more is passed over. */
  async resend(bytes: Uint8Array): Promise<void> {
    let input: Input;
    try {
      input = this.#target.read(bytes);
    } catch {
      return;
    }
    await this.#send(input);
  }

  async #send(input: Input): Promise<Verdict<Input>> {
    const { name, dir, before } = this.#options;
    const file = writeInputFile(name, this.#target.write(input));
    before?.(file);
    const verdict = await this.#target.check(input);
    const { answer, accepted, agrees, feature, finding, shows } = verdict;
    const { tally } = this;
    tally.inputs++;
    tally.answers[answer] = (tally.answers[answer] ?? 0) + 1;
    if (agrees) tally.agreed++;
    if (this.#shelfOf(input).add(input, { feature, accepted, bytes: file.length }) && dir !== undefined) {
      await Deno.writeFile(join(dir, nameOf(`${name} ${accepted} ${feature}`) + INPUT_SUFFIX), file);
    }
    if (finding !== undefined) {
      await this.#save(finding, shows === undefined ? file : writeInputFile(name, this.#target.write(shows)));
    }
    return verdict;
  }

  #shelfOf(input: Input): Corpus<Input> {
    const shelf = this.#target.shelfOf?.(input) ?? "";
    let corpus = this.#shelves.get(shelf);
    if (corpus === undefined) this.#shelves.set(shelf, corpus = new Corpus());
    return corpus;
  }

  async #save({ what, detail }: Finding, file: Uint8Array): Promise<void> {
    const { findings, inputs } = this.tally;
    const count = findings[what] = (findings[what] ?? 0) + 1;
    const { name, dir } = this.#options;
    if (dir === undefined || count > SAVED_FINDINGS) return;
    const folder = join(dir, "findings");
    await Deno.mkdir(folder, { recursive: true });
    const path = join(folder, `${name}-${what.replaceAll(/\W+/g, "-")}-${inputs}`);
    await Deno.writeFile(path + INPUT_SUFFIX, file);
    await Deno.writeTextFile(`${path}.txt`, `${what}\n${detail}\n`);
  }
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
