/**
 * The process that runs a campaign, as a child of the fuzzer: an input may hang it or end it.
 *
 * Its argument is a {@linkcode WorkerPlan} in JSON. It writes the state of things as a line of JSON every now and then, and goes on
 * until it is told to stop, or has sent all that it should.
 *
 * @module
 */

import process from "node:process";
import { Campaign, type CampaignOptions } from "./campaign.ts";
import type { Tally } from "./lane.ts";

/** What a worker is told. */
export interface WorkerPlan extends Pick<CampaignOptions, "seed" | "targets"> {
  /** The folder of the corpus. */
  readonly dir: string;
  /** Inputs of each target at most, 0 for any number. */
  readonly inputs: number;
  /** The file that has the input at hand. */
  readonly current: string;
}

/** What a worker tells of itself. */
export interface Report {
  /** What has happened, by target. */
  readonly tallies: Readonly<Record<string, Tally>>;
  /** Inputs that are kept. */
  readonly corpus: number;
  /** The most memory that the process has had, in bytes. */
  readonly peakBytes: number;
  /** The memory of the process now, in bytes. */
  readonly residentBytes: number;
}

/** How often the state of things is told, in milliseconds. */
const REPORT_MS = 500;

async function work({ seed, targets, dir, inputs, current: path }: WorkerPlan): Promise<void> {
  const current = await Deno.open(path, { write: true, create: true });
  // What is left of a longer input behind this one is passed over when it is read.
  const before = (file: Uint8Array) => {
    current.seekSync(0, Deno.SeekMode.Start);
    for (let at = 0; at < file.length;) at += current.writeSync(file.subarray(at));
  };
  const campaign = await Campaign.start({ seed, targets, maxInputs: inputs || Infinity, dir, before });
  const report = () => {
    const { tallies, corpusSize: corpus } = campaign;
    // In units of 1,024 bytes (man 2 getrusage).
    const peakBytes = 1_024 * process.resourceUsage().maxRSS, residentBytes = Deno.memoryUsage().rss;
    const told: Report = { tallies, corpus, peakBytes, residentBytes };
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(told) + "\n"));
  };
  let stopped = false;
  Deno.addSignalListener("SIGTERM", () => stopped = true);
  for (let dueMs = 0; !stopped && await campaign.step();) {
    if (performance.now() < dueMs) continue;
    dueMs = performance.now() + REPORT_MS;
    report();
    // An input is answered without a wait: signals would never be heard.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  report();
  Deno.exit(0);
}

if (import.meta.main) await work(JSON.parse(Deno.args[0]));
