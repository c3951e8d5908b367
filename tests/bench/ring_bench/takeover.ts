/**
 * How long clusters are on no page whose owner is lost, counted from when the ring has decided to go on without it.
 *
 * @module
 */

import { Pusher } from "../../faults/pusher.ts";
import { type RingServer, RingServers } from "../../faults/ring_servers.ts";

/** What is tried. */
export interface Takeover {
  /** How many servers there are, one of which is lost. */
  readonly servers: number;
  /** How many clusters they hold. */
  readonly clusters: number;
  /** The series of each. */
  readonly series: number;
}

/** How often the servers are asked what they show, in milliseconds. */
const LOOK_MS = 20;
/** How often it is looked whether all copies are where they belong, in milliseconds. */
const COPIES_LOOK_MS = 1_000;
/** For how long copies that took a detour are waited for, in milliseconds: pairs are compared each minute. */
const COPIES_PATIENCE_MS = 300_000;
/** For how long heirs are waited for, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Fills a ring, then kills a server, pauses one, and has one leave, each in a ring of its own. */
export async function takeOver(
  takeover: Takeover,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const ways: Readonly<Record<string, (server: RingServer) => Promise<void> | void>> = {
    "kill -9": (server) => server.kill(),
    "SIGSTOP": (server) => server.pause(),
    "SIGTERM": (server) => server.stop(),
  };
  for (const [way, lose] of Object.entries(ways)) say(`${way}: ${await loseOne(takeover, { lose, signal })}`);
}

async function loseOne(
  { servers: count, clusters, series }: Takeover,
  { lose, signal }: { lose: (server: RingServer) => Promise<void> | void; signal: AbortSignal },
): Promise<string> {
  const names = Array.from({ length: count }, (_, index) => `server-${index}`);
  await using ring = await RingServers.create({ names });
  await ring.start();
  const servers = ring.servers.map(({ external }) => external);
  const pusher = new Pusher({ servers, token: (id) => ring.token(id), clusters, pushesPerSecond: 0, series });
  await pusher.pushAll();
  await allCopied(ring.servers, { clusters, signal });
  const [lost, ...heirs] = ring.servers.toReversed();
  const lostAt = Date.now();
  // It may take its time to go.
  const gone = lose(lost);
  for (;;) {
    signal.throwIfAborted();
    const shown = await Promise.all(heirs.map((heir) => heir.metric("telemeter_partitions")));
    if (shown.reduce((a, b) => a + b, 0) >= clusters) break;
    if (Date.now() - lostAt > PATIENCE_MS) throw new Error(`Waited ${PATIENCE_MS / 1_000} s in vain for the heirs`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const shownAt = Date.now();
  await gone;
  const decidedAt = Math.max(...await Promise.all(heirs.map(changedAt)));
  return `decided after ${decidedAt - lostAt} ms, all shown ${shownAt - decidedAt} ms after that`;
}

/** Waits until each cluster lies with its owner and its standby. */
async function allCopied(
  servers: readonly RingServer[],
  { clusters, signal }: { clusters: number; signal: AbortSignal },
): Promise<void> {
  const giveUp = AbortSignal.any([signal, AbortSignal.timeout(COPIES_PATIENCE_MS)]);
  for (const role of ["owned", "standby"]) {
    const held = async () => {
      const counts = await Promise.all(servers.map((one) => one.metric(`telemeter_ring_clusters{role="${role}"}`)));
      return counts.reduce((a, b) => a + b, 0);
    };
    while (await held() < clusters) {
      giveUp.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, COPIES_LOOK_MS));
    }
  }
}

/** When a server took over the last view. */
async function changedAt({ internal }: RingServer): Promise<number> {
  const { transitions } = await (await fetch(new URL("debug/cluster", internal))).json();
  const change = (transitions as { what: string; at: string }[]).find(({ what }) => what === "The view changed");
  return Date.parse(change?.at ?? "");
}
