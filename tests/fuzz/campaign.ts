/**
 * A run of the fuzzer: one input after the other, what each showed, and what must not be.
 *
 * @module
 */

import { join } from "node:path";
import { Random } from "../support/random.ts";
import { Checker } from "./check.ts";
import type { Finding, Verdict } from "./verdict.ts";
import { Corpus } from "./corpus.ts";
import { generate } from "./generate.ts";
import { type PushInput, writeInput } from "./push_input.ts";
import { Seeds } from "./seeds.ts";
import { NOW_MS, Target, TARGETS } from "./target.ts";

/** What a campaign works with. */
export interface CampaignOptions {
  /** All inputs follow from it, and from what the corpus holds at first. */
  readonly seed: number;
  /** Where the corpus and what was found are kept; without one, in memory. */
  readonly dir?: string;
  /** Told of each input before it is sent, in case that it is the last. */
  readonly before?: (input: PushInput) => void;
}

/** What has happened so far. */
export interface Tally {
  /** Inputs sent. */
  inputs: number;
  /** Inputs by status. */
  readonly statuses: Record<string, number>;
  /** Accepted inputs that an independent decoder read the same. */
  agreed: number;
  /** Accepted inputs that an independent decoder refused, or was not asked about. */
  unread: number;
  /** What was found, and how often. */
  readonly findings: Record<string, number>;
}

/** Most samples of a seed: mostly few, as short inputs are fast, and now and then some hundreds. */
const FEW_SAMPLES = 40, MANY_SAMPLES = 400;
/** Inputs that are saved for one kind of finding. */
const SAVED_FINDINGS = 3;

/** A target with what belongs to it. */
interface Row {
  readonly target: Target;
  readonly checker: Checker;
  readonly corpus: Corpus;
}

/** Sends inputs, keeps those that show something new, and saves what was found. */
export class Campaign {
  /** What has happened so far. */
  readonly tally: Tally = { inputs: 0, statuses: {}, agreed: 0, unread: 0, findings: {} };
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #seeds = new Seeds(NOW_MS);
  readonly #rows: readonly Row[];

  private constructor(options: CampaignOptions, rows: readonly Row[]) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#rows = rows;
  }

  /** Prepares the targets, and sends them what the corpus holds. */
  static async start(options: CampaignOptions): Promise<Campaign> {
    const rows = await Promise.all(Array.from({ length: TARGETS }, async (_, number) => {
      const target = await Target.create(number);
      return { target, checker: await Checker.create(target), corpus: new Corpus(options.dir) };
    }));
    const campaign = new Campaign(options, rows);
    for await (const input of rows[0].corpus.stored()) if (input.target < TARGETS) await campaign.#send(input);
    return campaign;
  }

  /** Inputs that are kept. */
  get corpusSize(): number {
    return this.#rows.reduce((sum, { corpus }) => sum + corpus.size, 0);
  }

  /** Makes an input and sends it. */
  async step(): Promise<Verdict> {
    const random = this.#random;
    const number = random.chance(0.7) ? 0 : random.below(this.#rows.length);
    const { target, corpus } = this.#rows[number];
    return await this.#send(generate({
      random,
      target: number,
      identities: target.clusters.map(({ labels }) => labels),
      seeds: this.#seeds,
      nowMs: NOW_MS,
      maxSamples: random.chance(0.02) ? MANY_SAMPLES : FEW_SAMPLES,
      earlier: () => corpus.pick(random),
    }));
  }

  async #send(input: PushInput): Promise<Verdict> {
    this.#options.before?.(input);
    const { checker, corpus } = this.#rows[input.target];
    const verdict = await checker.check(input);
    const { outcome: { status }, feature, finding, oracle } = verdict;
    const { tally } = this;
    tally.inputs++;
    tally.statuses[status] = (tally.statuses[status] ?? 0) + 1;
    if (oracle === "agrees") tally.agreed++;
    else if (status === 200) tally.unread++;
    corpus.add(input, { feature: `${input.target} ${feature}`, accepted: status === 200 });
    if (finding !== undefined) await this.#save(input, finding);
    return verdict;
  }

  async #save(input: PushInput, { what, detail }: Finding): Promise<void> {
    const { findings } = this.tally;
    const count = findings[what] = (findings[what] ?? 0) + 1;
    const { dir } = this.#options;
    if (dir === undefined || count > SAVED_FINDINGS) return;
    const folder = join(dir, "findings");
    await Deno.mkdir(folder, { recursive: true });
    const name = join(folder, `${what.replaceAll(/\W+/g, "-")}-${this.#options.seed}-${this.tally.inputs}`);
    await Deno.writeFile(`${name}.push`, writeInput(input));
    await Deno.writeTextFile(`${name}.txt`, `${what}\n${detail}\n`);
  }
}
