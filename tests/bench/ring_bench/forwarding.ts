/**
 * Pushes, or requests of remote write, through the owners of their clusters against those through other servers.
 *
 * @module
 */

import { snappyCompress } from "hysnappy";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../../common/exposition/snappy.ts";
import { keyHash, Rendezvous } from "../../../ring/placement/rendezvous.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { type RingServer, RingServers } from "../../faults/ring_servers.ts";
import { oracleWriteRequest } from "../../support/write_request_oracle.ts";

/** What is tried. */
export interface Routes {
  /** How many servers there are. */
  readonly servers: number;
  /** How many clusters push. */
  readonly clusters: number;
  /** How long each route is tried at a time, in milliseconds. */
  readonly duration: number;
  /** Pushes under way at a time. */
  readonly connections: number;
  /** What is sent. @default {"upload"} */
  readonly way?: Way;
}

/** The whole of a cluster, or, as often as there are connections for a cluster, a share of it by remote write. */
export type Way = "upload" | "remote write";

/** Which server a cluster pushes to: the owner, or the last one that the ring would choose. */
type Route = "owner" | "other";

/** Each route by turns, as this machine does other things too. */
const TURNS: readonly Route[] = ["owner", "other", "owner", "other", "owner", "other"];
interface Result {
  readonly perSecond: number;
  /** How many were told to come again, as the ring was busy. */
  readonly busy: number;
  readonly cpuMs: number;
  readonly p99Ms: number;
}

/** Pushes on both routes by turns, and says how they compare. */
export async function compareRoutes(
  { servers: count, clusters, duration, connections, way = "upload" }: Routes,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `server-${index}`);
  await using ring = await RingServers.create({ names });
  await ring.start();
  const ids = Array.from({ length: clusters }, (_, index) => `cluster-${index}`);
  const shares = way === "upload" ? 1 : Math.max(1, Math.round(connections / clusters));
  const bodies = new Map(
    ids.map((id) => [id, Array.from({ length: shares }, (_, share) => bodyOf(way, { id, share }))]),
  );
  const tokens = new Map(await Promise.all(ids.map(async (id) => [id, await ring.token(id)] as const)));
  const rendezvous = new Rendezvous(names.map((name) => ({ name, host: name })));
  const targets = (route: Route) =>
    ids.flatMap((id) => {
      const { owner, standby } = rendezvous.place(keyHash(id))!;
      const others = ring.servers.filter(({ name }) => name !== owner);
      const target = route === "owner"
        ? ring.servers.find(({ name }) => name === owner)!
        : others.find(({ name }) => name !== standby) ?? others[0];
      return bodies.get(id)!.map((body) => ({
        server: target,
        request: requestOf(target, { token: tokens.get(id)!, body, way }),
      }));
    });
  const results: Record<Route, Result[]> = { owner: [], other: [] };
  // The first pushes find code that is not compiled yet.
  for (const route of ["owner", "other"] as const) {
    await measure(ring.servers, { targets: targets(route), duration: duration / 2, connections, signal });
  }
  for (const route of TURNS) {
    const result = await measure(ring.servers, { targets: targets(route), duration, connections, signal });
    results[route].push(result);
    say(`${route.padEnd(6)} ${describe(result)}`);
  }
  const [owner, other] = (["owner", "other"] as const).map((route) =>
    results[route].reduce((sum, { perSecond }) => sum + perSecond, 0)
  );
  say(`Through others ${Math.round(100 * other / owner)} % of the pushes a second through owners`);
}

interface Target {
  readonly server: RingServer;
  readonly request: Uint8Array;
}

async function measure(
  servers: readonly RingServer[],
  { targets, duration, connections, signal }: {
    targets: readonly Target[];
    duration: number;
    connections: number;
    signal: AbortSignal;
  },
): Promise<Result> {
  const cpuMs = async () => {
    const ofEach = await Promise.all(servers.map((server) => server.metric("process_cpu_seconds_total")));
    return 1_000 * ofEach.reduce((a, b) => a + b, 0);
  };
  const tookMs: number[] = [];
  const [usedMs, startMs] = [await cpuMs(), performance.now()];
  let next = 0, busy = 0;
  await Promise.all(Array.from({ length: connections }, async () => {
    const open = new Map<RingServer, Deno.TcpConn>();
    try {
      while (performance.now() - startMs < duration) {
        signal.throwIfAborted();
        const { server, request } = targets[next++ % targets.length];
        const pushedMs = performance.now();
        if (!open.has(server)) open.set(server, await connect(server));
        if (await post(open.get(server)!, request)) tookMs.push(performance.now() - pushedMs);
        else busy++;
      }
    } finally {
      for (const connection of open.values()) connection.close();
    }
  }));
  const elapsedMs = performance.now() - startMs;
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: 1_000 * tookMs.length / elapsedMs,
    busy,
    cpuMs: (await cpuMs() - usedMs) / tookMs.length,
    p99Ms: tookMs[Math.floor(0.99 * tookMs.length)],
  };
}

function describe({ perSecond, busy, cpuMs, p99Ms }: Result): string {
  return `${perSecond.toFixed(0)} pushes/s, ${cpuMs.toFixed(2)} ms of all servers' processors a push, p99 ${
    p99Ms.toFixed(0)
  } ms, ${busy} told to come again`;
}

/** What a cluster sends, or one of its shares. */
function bodyOf(way: Way, { id, share }: { id: string; share: number }): Uint8Array {
  const families = realisticFamilies({ id, nowMs: Date.now() });
  if (way === "upload") return frameSnappy(encodeFamilies(families));
  const series = families.flatMap(({ name, metrics }) =>
    metrics.map(({ labels, value, timestampMs }) => ({
      labels: [{ name: "__name__", value: name }, ...labels, { name: "share", value: String(share) }],
      samples: [{ value: value as number, timestamp: timestampMs! }],
    }))
  );
  return snappyCompress(Uint8Array.from(oracleWriteRequest(series, { version: "1.0" })));
}

function connect({ external }: RingServer): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: external.hostname, port: Number(external.port) });
}

const FORM: Readonly<Record<Way, { readonly path: string; readonly type: string }>> = {
  "upload": { path: "/upload", type: PROTOBUF_CONTENT_TYPE },
  "remote write": { path: "/api/v1/write", type: "application/x-protobuf" },
};

/** A client of `fetch` would take longer than the servers. */
function requestOf(
  { external }: RingServer,
  { token, body, way }: { token: string; body: Uint8Array; way: Way },
): Uint8Array {
  const { path, type } = FORM[way];
  const head = new TextEncoder().encode(
    `POST ${path} HTTP/1.1\r\nhost: ${external.host}\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: ${type}\r\ncontent-encoding: snappy\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  const request = new Uint8Array(head.length + body.length);
  request.set(head);
  request.set(body, head.length);
  return request;
}

/** Sends a request. False if it is to come again. */
async function post(connection: Deno.TcpConn, request: Uint8Array): Promise<boolean> {
  for (let sent = 0; sent < request.length;) sent += await connection.write(request.subarray(sent));
  const answer = new Uint8Array(4_096), length = await connection.read(answer);
  const text = new TextDecoder().decode(answer.subarray(0, length ?? 0));
  if (/^HTTP\/1\.1 20[04] /.test(text)) return true;
  if (text.startsWith("HTTP/1.1 503 ")) return false;
  throw new Error(`A push was not taken: ${text.split("\r\n")[0]}`);
}
