/**
 * Runs the ring in simulated worlds, each of which follows from a seed, until an invariant of its design is violated:
 * `deno task simulate`. Then it exits with 1 and tells by which faults, and what happened.
 *
 * @module
 */

import { count, duration, names, type OptionTable, parseOptions, type Program, UsageError } from "../common/options.ts";
import { runPlan, type RunResult } from "../tests/support/ring_world.ts";
import type { MachineFactory } from "../tests/support/ring_world/process.ts";
import { planOf, SCENARIOS } from "../tests/support/ring_world/scenarios.ts";
import { linesThatMatter, shrink } from "../tests/support/ring_world/shrink.ts";
import { addTally, emptyTally, type Tally } from "../tests/support/ring_world/tally.ts";

/** The option table. */
export const SIMULATE_OPTIONS = {
  seed: { kind: count, help: "The first seed; without one, a new one each time" },
  seeds: { kind: count, default: "500", help: "How many seeds to run; 0 for any number" },
  duration: { kind: duration, default: "10m", help: "Stop after this long" },
  scenario: { kind: names, help: `One of ${Object.keys(SCENARIOS).join(", ")}; repeatable; by default all` },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const SIMULATE: Program<typeof SIMULATE_OPTIONS> = {
  name: "simulate",
  summary:
    "Runs the ring in worlds with simulated clocks, links and disks, and checks what must always hold after each step.",
  options: SIMULATE_OPTIONS,
};

/** How often the smaller plans of a failing seed are tried. */
const SHRINK_RUNS = 200;

/** What a campaign has come to. */
export interface Campaign {
  /** How many seeds were run. */
  readonly seeds: number;
  /** Time that went by in all worlds together, in milliseconds. */
  readonly simulatedMs: number;
  /** What was counted, by scenario. */
  readonly tallies: ReadonlyMap<string, Tally>;
  /** The run that violated an invariant; then the campaign ended. */
  readonly failed?: RunResult;
}

/** Runs seeds one after the other, until one fails or the signal is given. */
export async function simulate(
  { seed, seeds, scenarios = [], signal }: {
    seed: number;
    seeds: number;
    scenarios?: readonly string[];
    signal: AbortSignal;
  },
): Promise<Campaign> {
  const tallies = new Map<string, Tally>();
  let run = 0, simulatedMs = 0, failed: RunResult | undefined;
  while (run < seeds && failed === undefined && !signal.aborted) {
    const scenario = scenarios.length === 0 ? undefined : scenarios[run % scenarios.length];
    const result = runPlan({ plan: planOf(seed + run, { scenario }) });
    run++;
    simulatedMs += result.endedAt;
    const { plan: { scenario: name }, tally } = result;
    if (!tallies.has(name)) tallies.set(name, emptyTally());
    addTally(tallies.get(name)!, tally);
    if (result.violation !== undefined) failed = result;
    // Lets signals in.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { seeds: run, simulatedMs, tallies, failed };
}

/** A campaign as people read it: cluster-seconds in which two members showed a cluster, or none did, and how long things took. */
export function summaryOf({ seeds, simulatedMs, tallies }: Campaign): string {
  const rows = [...tallies].sort(([a], [b]) => a < b ? -1 : 1).map(([name, tally]) => [name, ...cellsOf(tally)]);
  const table = [HEADER, ...rows];
  const widths = HEADER.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row.map((cell, at) => at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))
  );
  return [
    `${seeds} seeds, ${
      (simulatedMs / 3_600_000).toFixed(1)
    } h simulated; cluster-seconds, and the longest of each in s`,
    ...lines.map((cells) => cells.join("  ").trimEnd()),
  ].join("\n");
}

const HEADER = [
  "scenario",
  "seeds",
  "to show",
  "missing",
  "twice",
  "longest",
  "as pair",
  "longest",
  "overdue",
  "longest",
  "strangers",
  "acked",
  "equal",
  "serving",
  "heir",
];

function cellsOf(tally: Tally): string[] {
  const seconds = (ms: number) => (ms / 1_000).toFixed(ms > 0 && ms < 10 ? 3 : 1);
  return [
    String(tally.runs),
    tally.seconds.toFixed(0),
    tally.missing.toFixed(1),
    tally.twice.toFixed(2),
    seconds(tally.longestMs),
    tally.twicePair.toFixed(0),
    seconds(tally.longestPairMs),
    tally.twiceOverdue.toFixed(0),
    seconds(tally.longestOverdueMs),
    tally.twiceStrangers.toFixed(0),
    String(tally.stored + tally.standby),
    seconds(tally.convergedMs),
    seconds(tally.servingMs),
    seconds(tally.heirMs),
  ];
}

/** What there is to say of a run that failed: how to repeat it, by which faults, and what happened. */
export function report(failed: RunResult, options: { readonly makeMachine?: MachineFactory } = {}): string {
  const { plan: { seed, scenario } } = failed;
  const smallest = shrink(failed, { ...options, runs: SHRINK_RUNS });
  const { nodes, faults, ...rest } = smallest.plan;
  return [
    `Seed ${seed} fails: ${failed.violation!.message}`,
    `Again: deno task simulate --scenario ${scenario} --seed ${seed} --seeds 1`,
    `With ${faults.length} of ${failed.plan.faults.length} faults: ${smallest.violation!.message}`,
    JSON.stringify(rest),
    ...nodes.map((node) => `  node ${JSON.stringify(node)}`),
    ...faults.map((fault) => `  fault ${JSON.stringify(fault)}`),
    `What mattered until ${(smallest.endedAt / 1_000).toFixed(3)} s:`,
    ...linesThatMatter(smallest),
  ].join("\n");
}

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
