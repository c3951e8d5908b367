/**
 * What it takes servers to join a ring of one that holds all clusters.
 *
 * @module
 */

import { Observer } from "../../faults/observer.ts";
import { Pusher } from "../../faults/pusher.ts";
import { type RingServer, RingServers } from "../../faults/ring_servers.ts";

/** What is tried. */
export interface Growth {
  /** How many servers there are in the end. */
  readonly servers: number;
  /** How many clusters they hold. */
  readonly clusters: number;
  /** The series of each. */
  readonly series: number;
  /** Whether all join at the same time. */
  readonly atOnce: boolean;
}

/** Bytes that a server has sent to others. */
const SENT = 'telemeter_ring_frame_bytes_total{direction="sent"}';
const WHOLE_MS = 120_000;

/** Fills one server, and lets the others join. Says what each step took, and how many bytes all servers sent for it. */
export async function grow(
  { servers: count, clusters, series, atOnce }: Growth,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `server-${index}`);
  await using ring = await RingServers.create({ names, flags: ["--bootstrap"] });
  const [first, ...joiners] = ring.servers;
  await ring.start([first]);
  const pusher = new Pusher({
    servers: [first.external],
    token: (id) => ring.token(id),
    clusters,
    pushesPerSecond: 0,
    series,
  });
  const filledMs = performance.now();
  await pusher.pushAll();
  say(`${clusters} clusters of ${series + 1} series pushed in ${seconds(filledMs)} s to ${first.name}`);
  const steps = atOnce ? [joiners] : joiners.map((joiner) => [joiner]);
  const startMs = performance.now();
  let members: RingServer[] = [first], sentBefore = await sent(members);
  for (const step of steps) {
    const stepMs = performance.now();
    await ring.start(step);
    const readyIn = seconds(stepMs);
    members = [...members, ...step];
    await settled(members, signal);
    const now = await sent(members);
    say(
      `${members.length} servers: ready after ${readyIn} s, all copies there after ${seconds(stepMs)} s; ` +
        `${((now - sentBefore) / 1e6).toFixed(1)} MB sent`,
    );
    sentBefore = now;
  }
  say(`From 1 to ${count} servers in ${seconds(startMs)} s, ${(sentBefore / 1e6).toFixed(1)} MB sent in all`);
  await using observer = new Observer(members, pusher.acknowledged);
  await observer.untilWhole({ timeoutMs: WHOLE_MS });
  say("Each cluster is on one page, with its latest push");
}

/** Waits until no server has copies to send, and all agree on who is in the ring. */
async function settled(members: readonly RingServer[], signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const states = await Promise.all(members.map(async ({ internal }) => {
      const response = await fetch(new URL("debug/cluster", internal));
      return await response.json() as {
        readonly view: { readonly digest: string; readonly members: readonly string[]; readonly settled: boolean };
        readonly transfers: { readonly owed: number; readonly copies: number };
      };
    }));
    const isDone = states.every(({ view, transfers: { owed, copies } }) =>
      view.settled && view.members.length === members.length && owed === 0 && copies === 0
    );
    if (isDone) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function sent(members: readonly RingServer[]): Promise<number> {
  const bytes = await Promise.all(members.map((member) => member.metric(SENT)));
  return bytes.reduce((a, b) => a + b, 0);
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1_000).toFixed(1);
}
