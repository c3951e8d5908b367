/**
 * Runs the ring in simulated worlds, each of which follows from a seed, until an invariant of docs/ring.md is violated:
 * `deno task simulate`. Then it exits with 1 and tells by which faults, and what happened.
 *
 * @module
 */

import { type Launch, run } from "../../common/lifecycle.ts";
import { count, duration, names } from "../../common/option_kinds.ts";
import { type OptionTable, type Program, UsageError } from "../../common/options.ts";
import { report, simulate, summaryOf } from "./campaign.ts";
import { SCENARIOS } from "./scenarios.ts";

/** The option table. */
export const SIMULATE_OPTIONS = {
  seed: { kind: count, help: "The first seed; a new one each time by default" },
  seeds: { kind: count, default: "500", help: "How many seeds to run; 0 for no limit" },
  duration: { kind: duration, default: "10m", help: "Stop after this long" },
  scenario: { kind: names, help: `One of ${Object.keys(SCENARIOS).join(", ")}; repeatable; by default all` },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const SIMULATE: Program<typeof SIMULATE_OPTIONS> = {
  name: "simulate",
  summary:
    "Runs the ring in worlds with simulated clocks, links and disks, and checks after each step what must always hold.",
  options: SIMULATE_OPTIONS,
};

/** Runs what the command line asks for, and returns the exit code. */
async function runWorlds({ values, signal: stop, print }: Launch<typeof SIMULATE_OPTIONS>): Promise<number> {
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0], seeds, duration, scenario: scenarios } = values;
  const unknown = scenarios.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) {
    throw new UsageError(`Bad --scenario: Cannot find '${unknown}': choose among ${Object.keys(SCENARIOS).join(", ")}`);
  }
  const signal = AbortSignal.any([stop, AbortSignal.timeout(duration)]);
  print(`simulate: from seed ${seed}\n`);
  const campaign = await simulate({ seed, seeds: seeds === 0 ? Infinity : seeds, scenarios, signal });
  print(`${summaryOf(campaign)}\n`);
  if (campaign.failed !== undefined) print(`${report(campaign.failed)}\n`);
  return campaign.failed === undefined ? 0 : 1;
}

if (import.meta.main) await run(SIMULATE, runWorlds);
