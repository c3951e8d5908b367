/**
 * What members of a large ring say to each other while nothing happens: how many messages, how many bytes, and what that costs.
 *
 * The machines run as they are, in time that passes as fast as they can work; a message's way over a link is measured on a real one, of
 * this process with itself. In memory as on a link a message goes through its frame; that is counted once. What else the network in memory
 * takes is counted as the machines': the result is an upper bound.
 *
 * @module
 */

import process from "node:process";
import { keyHash, Rendezvous } from "../../../ring/placement/rendezvous.ts";
import type { Entry } from "../../../ring/protocol/effects.ts";
import { type MeshMessage, MESSAGE_TYPES } from "../../../ring/protocol/mesh.ts";
import { encodeFrame } from "../../../ring/transport/frames.ts";
import { throughFrame } from "../../support/through_frame.ts";
import { RingFolder } from "../../support/ring_members.ts";
import { RingMachines } from "../../support/ring_machines.ts";

/** What is tried. */
export interface LargeRing {
  /** How many members there are. */
  readonly servers: number;
  /** How many clusters they hold, each on two of them. */
  readonly clusters: number;
}

/** How long the ring is watched, in milliseconds: two rounds of anti-entropy, which are a minute apart, and four of whole tables. */
const WATCHED_MS = 120_000;
/** What a message is in beside its frame: the WebSocket's head, the TLS record, and TCP and IP. */
const WRAPPING_BYTES = 8 + 22 + 52;
/** Messages that go to and fro on a real link, and before it is measured, as a ring that has run for a minute has sent as many. */
const ROUND_TRIPS = 20_000;

/** Says what one member sends and receives, and what it costs of a core. */
export async function control(
  { servers: size, clusters }: LargeRing,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const perMessageUs = await costOfMessage(), perFrameUs = await costOfFrame();
  say(
    `A message costs its sender and its receiver ${
      perMessageUs.toFixed(0)
    } µs of a core together, on a link of this machine`,
  );
  const names = Array.from({ length: size }, (_, index) => `member-${String(index).padStart(2, "0")}`);
  const world = new RingMachines(names);
  const counts = new Map<string, { messages: number; bytes: number }>();
  const entries = holdings({ names, clusters, wallMs: world.clock.wall });
  for (const name of names) world.start(name, { entries: entries.get(name) });
  world.until("one view", () => {
    signal.throwIfAborted();
    return world.isWhole(size);
  });
  // What was compared and exchanged as it came up is over by then.
  world.run(WATCHED_MS / 2);
  const before = process.cpuUsage();
  world.run(WATCHED_MS);
  const { user, system } = process.cpuUsage(before);
  world.onSend = (_from, _to, message) => {
    const { type } = message, count = counts.get(type) ?? { messages: 0, bytes: 0 };
    counts.set(type, { messages: count.messages + 1, bytes: count.bytes + frameBytes(message) + WRAPPING_BYTES });
  };
  world.run(WATCHED_MS);
  const memberSeconds = size * WATCHED_MS / 1_000;
  let messages = 0, bytes = 0;
  for (const [type, count] of [...counts].sort(([, a], [, b]) => b.bytes - a.bytes)) {
    messages += count.messages;
    bytes += count.bytes;
    say(
      `${type.padEnd(12)} ${(count.messages / memberSeconds).toFixed(1)} messages/s, ` +
        `${(8 * count.bytes / memberSeconds / 1e6).toFixed(3)} Mbit/s of a member`,
    );
  }
  const machineCore = (user + system - messages * perFrameUs) / 1e6 / memberSeconds;
  const linkCore = messages / memberSeconds * perMessageUs / 1e6;
  say(
    `${size} members, ${clusters} clusters: each sends ${(messages / memberSeconds).toFixed(1)} messages/s, ` +
      `${(8 * bytes / memberSeconds / 1e6).toFixed(3)} Mbit/s, and takes ${
        (100 * (machineCore + linkCore)).toFixed(2)
      } % ` +
      `of a core (${(100 * machineCore).toFixed(2)} % the machine with its network in memory, ${
        (100 * linkCore).toFixed(2)
      } % its links)`,
  );
}

/** What each member holds, as owner or standby: all copies are there. */
function holdings(
  { names, clusters, wallMs }: { names: readonly string[]; clusters: number; wallMs: number },
): Map<string, Entry[]> {
  const rendezvous = new Rendezvous(names.map((name) => ({ name, host: name })));
  const held = new Map<string, Entry[]>(names.map((name) => [name, []]));
  const bytes = new Uint8Array(1);
  for (let index = 0; index < clusters; index++) {
    const id = `cluster-${index}`, { owner, standby } = rendezvous.place(keyHash(id))!;
    const entry: Entry = {
      id,
      version: { epoch: 1, ms: wallMs, ingress: owner, sequence: index },
      receivedAtMs: wallMs,
      bytes,
    };
    for (const name of [owner, standby]) if (name !== undefined) held.get(name)!.push(entry);
  }
  return held;
}

function frameBytes(message: MeshMessage): number {
  return encodeFrame({ ...message, version: 1, type: MESSAGE_TYPES[message.type].number }).length;
}

/** A message as most are. */
const PING: MeshMessage = {
  type: "PING",
  request: 0,
  header: { at: 1_000, beliefs: { view: "0123456789abcdef", table: "0123456789abcdef", epoch: 7, clear: true } },
  body: new Uint8Array(),
};

/** The time of a core that a message takes from its sender to its receiver, in microseconds: in and out of its frame, TLS, system calls. */
async function costOfMessage(): Promise<number> {
  await using folder = await RingFolder.create("a", "b");
  let left = 0, done = Promise.withResolvers<void>();
  await using a = await folder.member("a", {
    handlers: { message: () => void (--left > 0 ? a.transport.send("b", PING) : done.resolve()) },
  });
  await using b = await folder.member("b", { handlers: { message: () => void b.transport.send("a", PING) } });
  await a.link(b);
  const goToAndFro = async () => {
    left = ROUND_TRIPS;
    done = Promise.withResolvers();
    a.transport.send("b", PING);
    await done.promise;
  };
  await goToAndFro();
  return await cpuUsOf(goToAndFro) / (2 * ROUND_TRIPS);
}

/** What of that a message takes in and out of its frame. */
async function costOfFrame(): Promise<number> {
  const goThrough = () => {
    for (let i = 0; i < ROUND_TRIPS; i++) throughFrame(PING);
  };
  goThrough();
  return await cpuUsOf(goThrough) / ROUND_TRIPS;
}

async function cpuUsOf(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
