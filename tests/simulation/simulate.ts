/**
 * Runs the ring in simulated worlds, each of which follows from a seed, until an invariant of docs/ring.md is violated:
 * `deno task simulate`. Then it exits with 1 and tells by which faults, and what happened.
 *
 * @module
 */

import {
  count,
  duration,
  names,
  type OptionTable,
  parseOptions,
  type Program,
  UsageError,
} from "../../common/options.ts";
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

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

async function main(args: readonly string[], stop: AbortSignal): Promise<number> {
  const parsed = parseOptions(SIMULATE, args);
  if ("help" in parsed) {
    say(parsed.help.trimEnd());
    return 0;
  }
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0], seeds, duration, scenario: scenarios } = parsed.values;
  const unknown = scenarios.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) throw new UsageError(`Cannot find a scenario '${unknown}': see --help`);
  const signal = AbortSignal.any([stop, AbortSignal.timeout(duration)]);
  say(`simulate: from seed ${seed}`);
  const campaign = await simulate({ seed, seeds: seeds === 0 ? Infinity : seeds, scenarios, signal });
  say(summaryOf(campaign));
  if (campaign.failed !== undefined) say(report(campaign.failed));
  return campaign.failed === undefined ? 0 : 1;
}

if (import.meta.main) {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stop.abort(new Error(`Stopped by ${signal}`)));
  }
  try {
    Deno.exit(await main(Deno.args, stop.signal));
  } catch (error) {
    say(error instanceof UsageError ? error.message : String((error as Error).stack));
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}
