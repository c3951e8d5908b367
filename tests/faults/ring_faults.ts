/**
 * Tries what may happen to a ring of real servers on this machine, and says what it cost: `deno task ring-faults`.
 *
 * @module
 */

import { type Launch, run } from "../../common/lifecycle.ts";
import { count, names, wholeNumber } from "../../common/option_kinds.ts";
import { type OptionTable, type Program, UsageError } from "../../common/options.ts";
import { chaos } from "./chaos.ts";
import { SCENARIOS } from "./scenarios.ts";
import { tryScenario, type Verdict } from "./trial.ts";

/** The option table. */
export const RING_FAULTS_OPTIONS = {
  scenario: { kind: names, help: `One of ${SCENARIOS.map(({ name }) => name).join(", ")}; repeatable; by default all` },
  clusters: { kind: wholeNumber({ least: 1 }), default: "300", help: "Clusters that push" },
  chaos: { kind: count, default: "0", help: "Rounds of random faults to try in place of scenarios" },
  seed: { kind: count, help: "What the random faults follow from; without one, a new one each time" },
  rate: { kind: wholeNumber({ least: 1 }), default: "100", help: "Pushes a second, of all clusters together" },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const RING_FAULTS: Program<typeof RING_FAULTS_OPTIONS> = {
  name: "ring-faults",
  summary: "Kills, pauses, adds and removes servers of a ring under load, and says what was lost and what was shown.",
  options: RING_FAULTS_OPTIONS,
};

/** A verdict as people read it. */
export function describe(
  { name, waits, shown, gapSeconds, answers, slowestMs, failure, logs }: Verdict,
): string {
  const seconds = (count: number) => count.toFixed(1);
  const twice = `${seconds(shown.twiceSeconds)} (surely ${seconds(shown.surelyTwiceSeconds)})`;
  const missing = `${seconds(shown.missingSeconds)} (${shown.missed} clusters, the longest ${
    seconds(shown.longestGapSeconds)
  } s${gapSeconds === Infinity ? "" : ` of ${gapSeconds} s allowed`})`;
  const pushes = [...answers].sort().map(([answer, number]) => `${answer}: ${number}`).join(", ");
  return [
    failure === undefined ? `passed: ${name}` : `FAILED: ${name}\n  ${failure}`,
    ...waits.map(({ after, seconds: waited }) => `  ${seconds(waited)} s: ${after}`),
    `  cluster-seconds shown twice: ${twice}, not at all: ${missing}; went back ${shown.wentBack} times`,
    `  pushes by answer: ${pushes}; the slowest that was acknowledged took ${Math.round(slowestMs)} ms`,
    ...failure === undefined ? [] : logs,
  ].join("\n");
}

/** Tries what the command line asks for, and returns the exit code. */
async function tryScenarios({ values, signal, print }: Launch<typeof RING_FAULTS_OPTIONS>): Promise<number> {
  const { scenario: wanted, chaos: rounds, seed = Date.now() % 1e6, clusters, rate } = values;
  const unknown = wanted.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    const known = SCENARIOS.map(({ name }) => name).join(", ");
    throw new UsageError(`Bad --scenario: Cannot find '${unknown}': choose among ${known}`);
  }
  const scenarios = rounds > 0
    ? [chaos({ seed, rounds })]
    : SCENARIOS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  let failed = 0;
  for (const scenario of scenarios) {
    try {
      const verdict = await tryScenario(scenario, { clusters, pushesPerSecond: rate, signal });
      if (verdict.failure !== undefined) failed++;
      print(`${describe(verdict)}\n`);
    } catch (error) {
      // Nobody has asked for what this machine cannot do.
      if (wanted.length > 0 || !(error instanceof UsageError)) throw error;
      print(`skipped: ${scenario.name}\n  ${error.message}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) await run(RING_FAULTS, tryScenarios, { startsPrograms: true });
