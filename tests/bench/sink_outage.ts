/**
 * What a sink that is down costs a server: clusters of 521 series send every 30 seconds, half of them by remote write and half by
 * `/upload`, while the only sink is there for two minutes, then refuses connections, and then is there again. Prints one line of JSON,
 * and fails if the outage takes more than 64 MiB, or the newest samples of all clusters are not there 30 seconds after it.
 *
 * ```text
 * deno run --allow-all --unstable-kv tests/bench/sink_outage.ts [CLUSTERS [SECONDS_DOWN]]
 * ```
 *
 * @module
 */

import { OpenServer } from "../support/open_server.ts";
import { decodeWriteRequest } from "../support/write_request_oracle.ts";
import { pushing, sendAll, writing } from "./load_clusters.ts";

const [clusters = 1_000, secondsDown = 600] = Deno.args.map(Number);
const INTERVAL_MS = 30_000, BEFORE_MS = 120_000, AFTER_MS = 60_000;
const SERIES = 521;
/** What may pass until all is there, and what the outage may take. */
const BOUND_SECONDS = 30, BOUND_MIB = 64;
/** How often memory is looked at, in milliseconds. */
const LOOK_MS = 5_000;

/** A receiver that keeps what comes once it is back, to be read when all is over. */
class Receiver {
  readonly kept: { readonly body: Uint8Array; readonly version: "1.0" | "2.0"; readonly atMs: number }[] = [];
  keeps = false;
  readonly port: number;
  #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = this.#listen(0);
    this.port = this.#server.addr.port;
  }

  async goDown() {
    await this.#server.shutdown();
  }

  comeBack() {
    this.keeps = true;
    this.#server = this.#listen(this.port);
  }

  #listen(port: number) {
    return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
      const body = await request.bytes();
      const version = request.headers.get("content-type")?.includes("v2") ? "2.0" : "1.0";
      if (this.keeps) this.kept.push({ body, version, atMs: performance.now() });
      // At least as many as there were: it takes all.
      return new Response(null, { status: 204, headers: { "x-prometheus-remote-write-samples-written": "1000000" } });
    });
  }
}

/** Milliseconds that answers took, as a share of them at most did. */
function quantile(tookMs: readonly number[], share: number): number {
  return +tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length * share)].toFixed(1);
}

const receiver = new Receiver();
await using server = await OpenServer.start(
  ...["--ratelimit", "0s", "--forward-url", `http://127.0.0.1:${receiver.port}/api/v1/write`],
);
const senders = Array.from(
  { length: clusters },
  (_, i) => i % 2 === 0 ? writing(`cluster-${i}`) : pushing(`cluster-${i}`),
);
for (const { id } of senders) await server.token(id);

type Phase = "before" | "down" | "after";
const now: { phase: Phase } = { phase: "before" };
const tookMs: Record<Phase, number[]> = { before: [], down: [], after: [] };
const resident: Record<Phase, number[]> = { before: [], down: [], after: [] };
/** The time of the newest samples of each cluster that were taken before the sink was back. */
const newestMs = new Map<string, number>();
const startMs = performance.now();
const looking = setInterval(async () => {
  const bytes = await server.metric("process_resident_memory_bytes");
  // The first rounds fill the index.
  if (bytes !== undefined && performance.now() - startMs > 2 * INTERVAL_MS) resident[now.phase].push(bytes);
}, LOOK_MS);
const load = sendAll(server, senders, {
  lastsMs: BEFORE_MS + 1_000 * secondsDown + AFTER_MS,
  intervalMs: INTERVAL_MS,
  onTaken: (taken) => {
    if (performance.now() - startMs > INTERVAL_MS) tookMs[now.phase].push(taken.tookMs);
    if (now.phase !== "after") newestMs.set(taken.id, taken.atMs);
  },
});
const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
await pass(BEFORE_MS);
now.phase = "down";
await receiver.goDown();
await pass(1_000 * secondsDown);
const queueBytes = await server.metric(
  `telemeter_sink_queue_bytes{sink="http://127.0.0.1:${receiver.port}/api/v1/write"}`,
);
now.phase = "after";
const backMs = performance.now();
receiver.comeBack();
await load;
clearInterval(looking);
await receiver.goDown();

/** The series of each cluster that have not come yet as new as they were when the sink was back. */
const missing = new Map([...newestMs.keys()].map((id) => [id, SERIES]));
const seen = new Set<string>();
let thereMs: number | undefined;
for (const { body, version, atMs } of receiver.kept) {
  for (const { labels, samples: [sample] } of decodeWriteRequest(body, version)) {
    const id = labels.find(([name]) => name === "_id")![1];
    const key = labels.flat().join("\0");
    if (sample.value === "stale" || sample.timestampMs < newestMs.get(id)! || seen.has(key)) continue;
    seen.add(key);
    const left = missing.get(id)! - 1;
    if (left > 0) missing.set(id, left);
    else missing.delete(id);
  }
  if (missing.size > 0) continue;
  thereMs = atMs - backMs;
  break;
}

const mib = (bytes: number) => Math.round(bytes / 1_048_576);
const most = { before: Math.max(...resident.before), down: Math.max(...resident.down) };
const figures = {
  clusters,
  secondsDown,
  requests: { before: tookMs.before.length, down: tookMs.down.length, after: tookMs.after.length },
  p50Ms: { before: quantile(tookMs.before, 0.5), down: quantile(tookMs.down, 0.5), after: quantile(tookMs.after, 0.5) },
  p99Ms: {
    before: quantile(tookMs.before, 0.99),
    down: quantile(tookMs.down, 0.99),
    after: quantile(tookMs.after, 0.99),
  },
  residentMib: { before: mib(most.before), down: mib(most.down), after: mib(Math.max(...resident.after)) },
  grownMib: mib(most.down - most.before),
  queueBytes,
  clustersMissing: missing.size,
  allThereAfterSeconds: thereMs === undefined ? null : +(thereMs / 1_000).toFixed(1),
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
const isInTime = thereMs !== undefined && thereMs <= 1_000 * BOUND_SECONDS;
if (!isInTime || figures.grownMib > BOUND_MIB) Deno.exitCode = 1;
