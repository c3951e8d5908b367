/**
 * All of Telemeter on this machine, with a real Prometheus at each end: to look at (`deno task demo`) or to check
 * (`deno task integration`).
 *
 * @module
 */

import { formatDuration } from "../common/duration.ts";
import { messageOf } from "../common/explain.ts";
import { FailedError, type Launch, run } from "../common/lifecycle.ts";
import { type Program, readArgument, url, UsageError } from "../common/options.ts";
import { eventually } from "./process/eventually.ts";
import { freePort, isFree } from "./process/free_port.ts";
import { integrationChecks } from "./integration/checks.ts";
import { describeRunner, findPrometheus } from "./integration/prometheus_runner.ts";
import { trySameAnswers } from "./integration/same_answers/same_answers.ts";
import { type Stack, startStack } from "./integration/stack.ts";
import { CLUSTER_ID } from "./integration/stack_plan.ts";

/** Where people find the Prometheus of the demo in which series arrive. */
const DEMO_PORT = 9005;
/** How many servers there are: the client pushes to the first, whichever of them owns its series. */
const SERVERS = 2;
/** So fast that something is to be seen at once; the TTL is the default. */
const DEMO_PACE = { interval: "2s", ttl: "10m" };
/** As fast as the Prometheuses are, and a TTL that outlasts the takeover from a server that was killed. */
const INTEGRATION_PACE = { interval: "1s", ttl: "32s" };

/** How often the demo says that it still waits, and for how long it does, in milliseconds. */
const PROGRESS_MS = 5_000;
const DEMO_PATIENCE_MS = 24 * 3_600_000;
/** How many of the first series are printed. */
const SHOWN_SERIES = 10;

/** The program as `--help` shows it. */
export const INTEGRATION: Program<Record<never, never>> = {
  name: "integration",
  summary: "Runs all of Telemeter on this machine, with a real Prometheus at each end: to look at, or to check.",
  arguments: {
    MODE: "demo (stays up until Ctrl-C) or integration (checks and ends); the task of that name gives it",
    "URL?": "A Prometheus to read in the demo, in place of one that is started",
    "TOKEN?": "The bearer token that it asks for",
  },
  options: {},
};

interface Source {
  readonly url: URL;
  readonly token?: string;
}

/** What a mode works with. */
interface Surroundings {
  readonly signal: AbortSignal;
  /** Tells the user a line. */
  readonly say: (line: string) => void;
}

/** Shows the whole until the signal. */
async function demo({ source, signal, say }: { source?: Source } & Surroundings): Promise<void> {
  if (!isFree(DEMO_PORT)) throw new UsageError(`Port ${DEMO_PORT} is taken: stop what listens there and try again`);
  const runner = await findPrometheus({ say });
  say(`Starting everything; Prometheus runs ${describeRunner(runner)}`);
  const startMs = performance.now();
  const portFor = (usual: number) => freePort({ preferred: usual });
  await using stack = await startStack({ runner, pace: DEMO_PACE, servers: SERVERS, source, portFor, say, signal });
  const lost = stack.crew.lost.then((child) => {
    throw new Error(`The program ${child.name} ended although nobody asked it to; its last lines:\n${child.tail()}`);
  });
  const shown = async () => {
    await showFirstSeries(stack, { startMs, signal, say });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  await Promise.race([shown(), lost]);
  say("Stopping everything");
}

async function showFirstSeries(
  { central, crew, source }: Stack,
  { startMs, signal, say }: { startMs: number } & Surroundings,
) {
  const selector = `{_id="${CLUSTER_ID}"}`;
  const seconds = () => ((performance.now() - startMs) / 1_000).toFixed(1);
  let nextMs = performance.now() + PROGRESS_MS;
  say("Waiting for the first series to arrive");
  const series = await eventually("the first series to arrive", async (signal) => {
    const series = await central.query(selector, { signal });
    // Our own source begins with an alert alone, before its first scrape.
    if (series.length > (source === undefined ? 0 : 1)) return series;
    if (performance.now() < nextMs) return undefined;
    nextMs += PROGRESS_MS;
    const words = crew.children.find(({ name }) => name === "client")?.lines.at(-1);
    say(`None after ${seconds()} s; the client's last line is: ${words}`);
    return undefined;
  }, { timeoutMs: DEMO_PATIENCE_MS, signal });
  say(`After ${seconds()} s there are ${series.length}${series.length > SHOWN_SERIES ? ", such as" : ""}:`);
  for (const { labels: { __name__: name, ...labels }, value } of series.slice(0, SHOWN_SERIES)) {
    say(`  ${name}{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(", ")}} ${value}`);
  }
  const at = new URL(`http://localhost:${DEMO_PORT}/graph?g0.tab=1`);
  at.searchParams.set("g0.expr", selector);
  say(`Look at them: ${at}`);
  say("Ctrl-C stops everything");
}

/** Checks every claim, and ends. Returns whether all hold. */
async function integration(surroundings: Surroundings): Promise<boolean> {
  const stackHolds = await tryStack(surroundings);
  return await trySameAnswers(surroundings) && stackHolds;
}

/** Checks what is claimed of the whole as people set it up, up to the first claim that does not hold. */
async function tryStack({ signal, say }: Surroundings): Promise<boolean> {
  const runner = await findPrometheus({ say });
  say(`Starting everything; Prometheus runs ${describeRunner(runner)}`);
  await using stack = await startStack({ runner, pace: INTEGRATION_PACE, servers: SERVERS, say, signal });
  const lost = stack.crew.lost.then((child) => {
    throw new Error(`the program ${child.name} ended although nobody asked it to`);
  });
  for (const { claim, check } of integrationChecks(stack, { pace: INTEGRATION_PACE, signal })) {
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

async function runMode(
  { arguments: [mode, from, token], signal, print }: Launch<Record<never, never>>,
): Promise<number> {
  const say = (line: string) => print(`${line}\n`);
  if (mode === "demo") {
    const source = from === undefined ? undefined : { url: readArgument(url, from), token };
    await demo({ source, signal, say }).catch((error) => {
      // A signal is how it ends, be it before all has started.
      if (!signal.aborted) throw error;
    });
    say("Stopped: all that was started is gone");
    return 0;
  }
  if (mode !== "integration" || from !== undefined) {
    throw new UsageError("Choose: demo [URL [TOKEN]], or integration");
  }
  const startMs = performance.now();
  const ok = await integration({ signal, say });
  say(`tests: ${ok ? "ok" : "failed"} (${formatDuration(Math.round(performance.now() - startMs))})`);
  return ok ? 0 : 1;
}

if (import.meta.main) {
  await run(INTEGRATION, async (launch) => {
    try {
      return await runMode(launch);
    } catch (cause) {
      launch.signal.throwIfAborted();
      // What goes wrong here goes wrong in one of the programs, whose lines say more than our stack.
      throw cause instanceof UsageError ? cause : new FailedError(messageOf(cause), { cause });
    }
  }, { startsPrograms: true });
}
