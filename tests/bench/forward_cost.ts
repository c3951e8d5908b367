/**
 * What it costs to forward pushes: two servers, of which one has a sink, get the same pushes of 521 series by turns, so that whatever
 * else the machine does meanwhile falls on both. Prints one line of JSON: the time of a processor that a push takes.
 *
 * ```text
 * deno run --allow-all tests/bench/forward_cost.ts [PAIRS [PUSHES_A_SECOND [SECONDS]]]
 * ```
 *
 * The sink is a process of its own, which takes whatever comes. No cluster pushes twice before it is forwarded.
 *
 * @module
 */

import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import { Child } from "../../scripts/process/child.ts";
import { OpenServer } from "../support/open_server.ts";
import { processorMs, threadsMs } from "../support/processor_time.ts";
import { realisticFamilies } from "../support/realistic_push.ts";

const [pairs = 15, pushesPerSecond = 200, seconds = 3] = Deno.args.map(Number);
const CLUSTERS = 1_000;
/** Pushes under way at a time, at most. */
const SENDERS = 16;
const FLAGS = ["--ratelimit", "0s"];
/** By when all is forwarded that was pushed: a second for which it is gathered, and some for the rest. */
const SETTLED_MS = 2_000;

/** Takes all, and tells its port. */
const SINK = `
const headers = { "x-prometheus-remote-write-samples-written": "1000000" };
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
  await request.bytes();
  return new Response(null, { status: 204, headers });
});
console.log("port=" + server.addr.port);
`;

const bodies = Array.from({ length: CLUSTERS }, (_, i) => {
  const id = `cluster-${i}`;
  return { id, body: frameSnappy(encodeFamilies(realisticFamilies({ id, nowMs: Date.now() }))) };
});

/** Pushes one cluster after the other at the rate, waits until all is forwarded, and returns what a push took. */
async function slice(server: OpenServer, { first, pushes }: { first: number; pushes: number }): Promise<number> {
  const beforeMs = await processorMs(server.pid), startMs = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: SENDERS }, async () => {
    while (next < pushes) {
      const at = next++, dueMs = startMs + 1_000 * at / pushesPerSecond - performance.now();
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
      const { id, body } = bodies[(first + at) % CLUSTERS];
      const { status, text } = await server.push(id, body, { "content-encoding": "snappy" });
      if (status !== 200) throw new Error(`The server answers ${status}: ${text}`);
    }
  }));
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  return (await processorMs(server.pid) - beforeMs) / pushes;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** What the threads of each kind have had since `before`, in milliseconds a push. */
async function threads(
  server: OpenServer,
  { before, pushes }: { before: ReadonlyMap<string, number>; pushes: number },
) {
  const byName: Record<string, number> = {};
  for (const [thread, ms] of await threadsMs(server.pid)) {
    const [, name] = /^\d+ (.*?)[-\d]*$/.exec(thread)!;
    byName[name] = (byName[name] ?? 0) + (ms - (before.get(thread) ?? 0)) / pushes;
  }
  return Object.fromEntries(
    Object.entries(byName).filter(([, ms]) => ms >= 0.001).map(([name, ms]) => [name, +ms.toFixed(3)]),
  );
}

await using sink = new Child({ name: "sink", path: Deno.execPath(), args: ["eval", SINK] });
const [, port] = await sink.line(/port=(\d+)/);
await using plain = await OpenServer.start(...FLAGS);
await using forwarding = await OpenServer.start(...FLAGS, "--forward-url", `http://127.0.0.1:${port}/`);
const sliceOf = { pushes: Math.round(pushesPerSecond * seconds) };
const servers = [plain, forwarding];
// All clusters are there, and what is compiled as it runs is compiled.
for (let i = 0; i < 2; i++) for (const server of servers) await slice(server, { first: 0, pushes: CLUSTERS });
const before = await Promise.all(servers.map(({ pid }) => threadsMs(pid)));
const sentSamples = async () =>
  await forwarding.metric(`telemeter_sink_samples_sent_total{sink="http://127.0.0.1:${port}/"}`) ?? 0;
const sentBefore = await sentSamples();
const withoutMs: number[] = [], withMs: number[] = [], differenceMs: number[] = [];
for (let pair = 0; pair < pairs; pair++) {
  const part = { ...sliceOf, first: pair * sliceOf.pushes };
  // By turns which of them comes first.
  const order = pair % 2 === 0 ? servers : servers.toReversed();
  const took = new Map<OpenServer, number>();
  for (const server of order) took.set(server, await slice(server, part));
  withoutMs.push(took.get(plain)!);
  withMs.push(took.get(forwarding)!);
  differenceMs.push(withMs[pair] - withoutMs[pair]);
}
const pushes = pairs * sliceOf.pushes;
const figures = {
  pushes,
  withoutMs: +median(withoutMs).toFixed(3),
  withMs: +median(withMs).toFixed(3),
  differenceMs: +median(differenceMs).toFixed(3),
  differencesMs: differenceMs.map((ms) => +ms.toFixed(2)),
  samplesForwardedAPush: Math.round((await sentSamples() - sentBefore) / pushes),
  threadsWithout: await threads(plain, { before: before[0], pushes }),
  threadsWith: await threads(forwarding, { before: before[1], pushes }),
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
