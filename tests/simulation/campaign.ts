/**
 * Runs many worlds, and tells what came of them.
 *
 * @module
 */

import { type RingWorldOptions, runPlan, type RunResult } from "./ring_world.ts";
import { planOf } from "./scenarios.ts";
import { linesThatMatter, shrink } from "./shrink.ts";
import { addTally, emptyTally, type Tally } from "./tally.ts";

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

/** A campaign as people read it: cluster-seconds in which nobody showed a cluster, and how long things took. */
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
    } h simulated; in cluster-seconds, with the longest of each in s`,
    ...lines.map((cells) => cells.join("  ").trimEnd()),
  ].join("\n");
}

const HEADER = [
  "scenario",
  "seeds",
  "to show",
  "missing",
  "longest",
  "pages",
  "forked",
  "acked",
  "behind",
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
    seconds(tally.longestDarkMs),
    String(tally.pages),
    tally.forkedSeconds.toFixed(0),
    String(tally.stored),
    String(tally.behind),
    seconds(tally.convergedMs),
    seconds(tally.servingMs),
    seconds(tally.heirMs),
  ];
}

/** What there is to say of a run that failed: how to repeat it, by which faults, and what happened. */
export function report(failed: RunResult, options: Pick<RingWorldOptions, "makeMachine"> = {}): string {
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
