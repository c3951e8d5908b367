/**
 * The process that runs a campaign, as a child of the fuzzer: an input may hang it or end it.
 *
 * Arguments: the seed, the folder of the corpus, inputs at most (0 for any number), and the file that has the input at hand.
 * It writes the state of things as a line of JSON every now and then, and goes on until it is told to stop.
 *
 * @module
 */

import process from "node:process";
import { Campaign, type Tally } from "./campaign.ts";
import { writeInput } from "./push_input.ts";

/** What a worker tells of itself. */
export interface Report {
  /** What has happened. */
  readonly tally: Tally;
  /** Inputs that are kept. */
  readonly corpus: number;
  /** The most memory that the process has had, in bytes. */
  readonly peakBytes: number;
}

/** How often the state of things is told, in milliseconds. */
const REPORT_MS = 500;

async function work([seed, dir, maxInputs, currentPath]: readonly string[]): Promise<void> {
  const current = await Deno.open(currentPath, { write: true, create: true });
  // What is left of a longer input behind this one is passed over when it is read.
  const before = (input: Parameters<typeof writeInput>[0]) => {
    current.seekSync(0, Deno.SeekMode.Start);
    const bytes = writeInput(input);
    for (let at = 0; at < bytes.length;) at += current.writeSync(bytes.subarray(at));
  };
  const campaign = await Campaign.start({ seed: Number(seed), dir, before });
  const report = () => {
    const { tally, corpusSize: corpus } = campaign;
    // In units of 1,024 bytes (man 2 getrusage).
    const told: Report = { tally, corpus, peakBytes: 1_024 * process.resourceUsage().maxRSS };
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(told) + "\n"));
  };
  let stopped = false;
  Deno.addSignalListener("SIGTERM", () => stopped = true);
  const most = Number(maxInputs) || Infinity;
  for (let dueMs = 0; !stopped && campaign.tally.inputs < most;) {
    await campaign.step();
    if (performance.now() < dueMs) continue;
    dueMs = performance.now() + REPORT_MS;
    report();
    // An input is answered without a wait: signals would never be heard.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  report();
  Deno.exit(0);
}

if (import.meta.main) await work(Deno.args);
