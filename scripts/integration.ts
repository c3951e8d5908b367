/**
 * All of Telemeter on this machine, with a real Prometheus at each end, to check.
 *
 * @module
 */

import { formatDuration } from "../common/duration.ts";
import { messageOf } from "../common/explain.ts";
import type { Program } from "../common/options.ts";
import { alertChecks, REFUSING_FLAGS } from "./integration/alert_checks.ts";
import { integrationChecks } from "./integration/checks.ts";
import { openSink } from "./integration/open_sink.ts";
import { describeRunner, findPrometheus } from "./integration/prometheus_runner.ts";
import { runTrial, SERVERS, type Surroundings } from "./integration/run_trial.ts";
import { trySameAnswers } from "./integration/same_answers/same_answers.ts";
import { shippedRules } from "./integration/shipped_rules.ts";
import { startStack } from "./integration/stack.ts";

/** As fast as the Prometheuses are, and a TTL that outlasts the takeover from a server that was killed. */
const INTEGRATION_PACE = { interval: "1s", ttl: "32s" };

/** So that alerts fire within seconds; ranges hold some scrapes. */
const ALERT_PACE = { wait: "2s", range: "15s" };

/** The program as `--help` shows it. */
export const INTEGRATION: Program<Record<never, never>> = {
  name: "integration",
  summary:
    "Checks all of Telemeter on this machine, with a real Prometheus at each end. To look at it: deno task demo.",
  options: {},
};

/** Checks every claim, and ends. Returns whether all hold. */
async function integration(surroundings: Surroundings): Promise<boolean> {
  const stackHolds = await tryStack(surroundings);
  return await trySameAnswers(surroundings) && stackHolds;
}

/** Checks what is claimed of the whole as people set it up, up to the first claim that does not hold. */
async function tryStack({ signal, say }: Surroundings): Promise<boolean> {
  const runner = await findPrometheus({ say });
  say(`Starting everything; Prometheus runs ${describeRunner(runner)}`);
  const rules = await shippedRules(ALERT_PACE);
  await using sink = openSink();
  const moreServerFlags = () => [...REFUSING_FLAGS, `--forward-url=${sink.url}`];
  const surroundings = { pace: INTEGRATION_PACE, servers: SERVERS, moreServerFlags, rules };
  await using stack = await startStack({ runner, ...surroundings, say, signal });
  const lost = stack.crew.lost.then((child) => {
    throw new Error(`the program ${child.name} ended although nobody asked it to`);
  });
  // Those that kill servers come last.
  const checks = [
    ...alertChecks(stack, { sink, signal }),
    ...integrationChecks(stack, { pace: INTEGRATION_PACE, signal }),
  ];
  for (const { claim, check } of checks) {
    const startMs = performance.now();
    try {
      await Promise.race([check(), lost]);
    } catch (error) {
      if (signal.aborted) throw error;
      for (const child of stack.crew.children) say(`--- the last lines of ${child.name}\n${child.tail()}\n`);
      say(`failed: ${claim}: ${messageOf(error)}`);
      return false;
    }
    say(`passed: ${claim} (${((performance.now() - startMs) / 1_000).toFixed(1)} s)`);
  }
  return true;
}

if (import.meta.main) {
  await runTrial(INTEGRATION, async (surroundings) => {
    const startMs = performance.now();
    const ok = await integration(surroundings);
    surroundings.say(`tests: ${ok ? "ok" : "failed"} (${formatDuration(Math.round(performance.now() - startMs))})`);
    return ok ? 0 : 1;
  });
}
