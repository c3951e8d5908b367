/**
 * Pushes through the owners of their clusters against pushes through other servers.
 *
 * @module
 */

import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../../common/exposition/snappy.ts";
import { keyHash, Rendezvous } from "../../../ring/placement/rendezvous.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { type RingServer, RingServers } from "../../faults/ring_servers.ts";

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
}

/** Which server a cluster pushes to: the owner, or the last one that the ring would choose. */
type Route = "owner" | "other";

/** Each route by turns, as this machine does other things too. */
const TURNS: readonly Route[] = ["owner", "other", "owner", "other", "owner", "other"];
interface Result {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly p99Ms: number;
}

/** Pushes on both routes by turns, and says how they compare. */
export async function compareRoutes(
  { servers: count, clusters, duration, connections }: Routes,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `server-${index}`);
  await using ring = await RingServers.create({ names });
  await ring.start();
  const ids = Array.from({ length: clusters }, (_, index) => `cluster-${index}`);
  const bodies = new Map(
    ids.map((id) => [id, frameSnappy(encodeFamilies(realisticFamilies({ id, nowMs: Date.now() })))]),
  );
  const tokens = new Map(await Promise.all(ids.map(async (id) => [id, await ring.token(id)] as const)));
  const rendezvous = new Rendezvous(names.map((name) => ({ name, host: name })));
  const targets = (route: Route) =>
    ids.map((id) => {
      const { owner, standby } = rendezvous.place(keyHash(id))!;
      const others = ring.servers.filter(({ name }) => name !== owner);
      const target = route === "owner"
        ? ring.servers.find(({ name }) => name === owner)!
        : others.find(({ name }) => name !== standby) ?? others[0];
      return { server: target, request: requestOf(target, { token: tokens.get(id)!, body: bodies.get(id)! }) };
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
  let next = 0;
  await Promise.all(Array.from({ length: connections }, async () => {
    const open = new Map<RingServer, Deno.TcpConn>();
    try {
      while (performance.now() - startMs < duration) {
        signal.throwIfAborted();
        const { server, request } = targets[next++ % targets.length];
        const pushedMs = performance.now();
        if (!open.has(server)) open.set(server, await connect(server));
        await post(open.get(server)!, request);
        tookMs.push(performance.now() - pushedMs);
      }
    } finally {
      for (const connection of open.values()) connection.close();
    }
  }));
  const elapsedMs = performance.now() - startMs;
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: 1_000 * tookMs.length / elapsedMs,
    cpuMs: (await cpuMs() - usedMs) / tookMs.length,
    p99Ms: tookMs[Math.floor(0.99 * tookMs.length)],
  };
}

function describe({ perSecond, cpuMs, p99Ms }: Result): string {
  return `${perSecond.toFixed(0)} pushes/s, ${cpuMs.toFixed(2)} ms of all servers' processors a push, p99 ${
    p99Ms.toFixed(0)
  } ms`;
}

function connect({ external }: RingServer): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: external.hostname, port: Number(external.port) });
}

/** A client of `fetch` would take longer than the servers. */
function requestOf({ external }: RingServer, { token, body }: { token: string; body: Uint8Array }): Uint8Array {
  const head = new TextEncoder().encode(
    `POST /upload HTTP/1.1\r\nhost: ${external.host}\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: ${PROTOBUF_CONTENT_TYPE}\r\ncontent-encoding: snappy\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  const request = new Uint8Array(head.length + body.length);
  request.set(head);
  request.set(body, head.length);
  return request;
}

async function post(connection: Deno.TcpConn, request: Uint8Array): Promise<void> {
  for (let sent = 0; sent < request.length;) sent += await connection.write(request.subarray(sent));
  const answer = new Uint8Array(4_096), length = await connection.read(answer);
  const text = new TextDecoder().decode(answer.subarray(0, length ?? 0));
  if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`A push was not taken: ${text.split("\r\n")[0]}`);
}
