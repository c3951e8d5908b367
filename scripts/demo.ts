/**
 * All of Telemeter on this machine, with a real Prometheus at each end, to look at.
 *
 * @module
 */

import { flag, url } from "../common/option_kinds.ts";
import { type OptionTable, type Program, readArgument, UsageError } from "../common/options.ts";
import { eventually } from "./process/eventually.ts";
import { freePort, isFree } from "./process/free_port.ts";
import { describeRunner, findPrometheus } from "./integration/prometheus_runner.ts";
import { runTrial, SERVERS, type Surroundings } from "./integration/run_trial.ts";
import { type Stack, startStack } from "./integration/stack.ts";
import { CLUSTER_ID, WRITER_ID } from "./integration/stack_plan.ts";
import type { Files } from "./integration/trial_files.ts";

/** Where people find the Prometheus in which series arrive. */
const DEMO_PORT = 9005;
/** So fast that something is to be seen at once; the TTL is the default. */
const DEMO_PACE = { interval: "2s", ttl: "10m" };
/** How often it says that it still waits, and for how long it does, in milliseconds. */
const PROGRESS_MS = 5_000;
const DEMO_PATIENCE_MS = 24 * 3_600_000;
/** How many of the first series are printed. */
const SHOWN_SERIES = 10;
/** So low that all series of a Prometheus are too many, and so high that those of the first client are not near it. */
const LIMIT_SERIES = 100;
/** Sources that fare badly, by their ids. */
const GREEDY_ID = "greedy", SILENT_ID = "silent";

/** The option table. */
export const DEMO_OPTIONS = {
  remoteWrite: {
    kind: flag,
    help: "Have the source also send by remote write itself, and the servers forward to one more Prometheus",
  },
} as const satisfies OptionTable;

/** The program as `--help` shows it. */
export const DEMO: Program<typeof DEMO_OPTIONS> = {
  name: "demo",
  summary: "Runs all of Telemeter on this machine, with a real Prometheus at each end, until Ctrl-C.",
  arguments: {
    "URL?": "A Prometheus to read, in place of one that is started",
    "TOKEN?": "The bearer token that it asks for",
  },
  options: DEMO_OPTIONS,
};

interface Source {
  readonly url: URL;
  readonly token?: string;
}

/** Shows the whole until the signal. */
async function demo(
  { source, hasRemoteWrite, signal, say }: { source?: Source; hasRemoteWrite: boolean } & Surroundings,
): Promise<void> {
  if (!isFree(DEMO_PORT)) throw new UsageError(`Port ${DEMO_PORT} is taken: stop what listens there and try again`);
  const runner = await findPrometheus({ say });
  say(`Starting everything; Prometheus runs ${describeRunner(runner)}`);
  const startMs = performance.now();
  const portFor = (usual: number) => freePort({ preferred: usual });
  const moreServerFlags = (files: Files) => [
    ...[`--limit-series=${LIMIT_SERIES}`, `--revoked-file=${files.revoked}`, "--web.enable-admin-api"],
  ];
  const about = { runner, pace: DEMO_PACE, servers: SERVERS, source, hasRemoteWrite, moreServerFlags, portFor };
  await using stack = await startStack({ ...about, say, signal });
  const lost = stack.crew.lost.then((child) => {
    throw new Error(`The program ${child.name} ended although nobody asked it to; its last lines:\n${child.tail()}`);
  });
  const shown = async () => {
    await showFirstSeries(stack, { startMs, signal, say });
    await showRemoteWrite(stack, { signal, say });
    await showTrouble(stack, { signal, say });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  await Promise.race([shown(), lost]);
  say("Stopping everything");
}

async function showFirstSeries(
  { central, crew, servers, source }: Stack,
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
  const owner = await ownerOf(CLUSTER_ID, { servers, signal });
  if (owner !== undefined) {
    say(`${owner.name} owns them, shows them to Prometheus, and tells of their source: ${pageOf(CLUSTER_ID, owner)}`);
  }
}

/** Tells where those series are that the source sends by itself, and what the servers forward. */
async function showRemoteWrite({ receiver, servers }: Stack, { signal, say }: Surroundings) {
  if (receiver === undefined) return;
  const selector = `{_id="${WRITER_ID}"}`;
  const series = await eventually("what the source sends by itself to be forwarded", async (signal) => {
    const series = await receiver.query(selector, { signal });
    return series.length > 0 ? series : undefined;
  }, { timeoutMs: DEMO_PATIENCE_MS, signal });
  const owner = await ownerOf(WRITER_ID, { servers, signal }) ?? servers[0];
  say(
    `The source also sends by remote write, as the cluster ${WRITER_ID} with tokens by OAuth 2.0: ${
      pageOf(WRITER_ID, owner)
    }`,
  );
  const at = new URL("graph?g0.tab=1", receiver.url);
  at.searchParams.set("g0.expr", '{_id=~".+"}');
  say(`The servers forward all that they show, of it ${series.length} such series: ${at}`);
  say(`How that goes is at ${new URL("sinks", owner.internal)}`);
}

/** Adds sources that fare badly, so that the page has every state to show. */
async function showTrouble({ launchClient, crew, servers }: Stack, { signal, say }: Surroundings) {
  launchClient({ id: GREEDY_ID, flags: ['--match={__name__=~".+"}'] });
  const silent = launchClient({ id: SILENT_ID, flags: [] });
  // Twice, so that the server knows how often to expect it.
  const hasPushedTwice = () => silent.lines.filter((line) => line.includes(" msg=Pushed ")).length >= 2;
  await eventually("the source to push twice", hasPushedTwice, { timeoutMs: DEMO_PATIENCE_MS, signal });
  await crew.stop(silent);
  say(
    `The source ${SILENT_ID} was stopped and is called silent in a moment; ${GREEDY_ID} sends more than the servers take`,
  );
  say(`The page:     ${servers[0].internal}`);
  say("Ctrl-C stops everything");
}

/** The server that owns a cluster and so shows its series, which any of them knows. */
async function ownerOf(
  id: string,
  { servers, signal }: { servers: Stack["servers"]; signal: AbortSignal },
): Promise<Stack["servers"][number] | undefined> {
  const response = await fetch(new URL(`api/v1/sources/${encodeURIComponent(id)}`, servers[0].internal), { signal });
  const { data } = await response.json();
  return servers.find(({ name }) => name === data?.owner);
}

/** The page of a cluster on its owner. */
function pageOf(id: string, { internal }: Stack["servers"][number]): URL {
  return new URL(`sources/${encodeURIComponent(id)}`, internal);
}

if (import.meta.main) {
  await runTrial(
    DEMO,
    async ({ signal, say }, { values: { remoteWrite: hasRemoteWrite }, arguments: [from, token] }) => {
      if (hasRemoteWrite && from !== undefined) {
        throw new UsageError(
          "Cannot use --remote-write with a URL: how a Prometheus of yours sends is in its configuration",
        );
      }
      const source = from === undefined ? undefined : { url: readArgument(url, from), token };
      await demo({ source, hasRemoteWrite, signal, say }).catch((error) => {
        // A signal is how it ends, be it before all has started.
        if (!signal.aborted) throw error;
      });
      say("Stopped: all that was started is gone");
      return 0;
    },
  );
}
