/** One who has a certificate of the ring, and says there what no member would. */

import assert from "node:assert/strict";
import { MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { helloHeader, RawPeer } from "../support/raw_peer.ts";
import { Pusher } from "./pusher.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT_MS = 90_000;

interface Status {
  readonly members: readonly { readonly name: string }[];
  readonly agreed: { readonly epoch: number; readonly members: readonly unknown[] };
  readonly view: { readonly members: readonly string[]; readonly settled: boolean };
}

async function statusOf({ internal }: RingServer): Promise<Status> {
  return await (await fetch(new URL("debug/cluster", internal))).json();
}

async function untilWhole(what: string, servers: readonly RingServer[]): Promise<void> {
  await eventually(what, async () => {
    const all = await Promise.all(servers.map(async (server) => ({
      ready: await server.isReady(),
      view: (await statusOf(server)).view,
    })));
    return all.every(({ ready, view }) => ready && view.settled && view.members.join() === "a,b,c");
  }, { timeoutMs: TIMEOUT_MS });
}

Deno.test("a ring survives a member that says impossible numbers, endless texts and nonsense, and its restarts too", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c", "x"] });
  const servers = ring.servers.slice(0, 3);
  await ring.start(servers);
  const pusher = new Pusher({
    servers: servers.map(({ external }) => external),
    token: (id) => ring.token(id),
    clusters: 40,
    pushesPerSecond: 20,
  });
  await pusher.pushAll();
  const port = Number(servers[0].cluster.split(":")[1]), key = await ring.keyId();
  const hello = helloHeader("x", { cluster: "telemeter", keys: { signing: key, verifying: [key] } });
  using raw = await RawPeer.join(port, await ring.credentials("x"), hello);
  const say = (type: keyof typeof MESSAGE_TYPES, header: Record<string, unknown>, body?: Uint8Array) =>
    raw.send({ version: 2, type: MESSAGE_TYPES[type].number, request: 1, header, body });
  const { members, agreed } = await statusOf(servers[0]);
  for (const number of [2 ** 52, Number.MAX_SAFE_INTEGER, Date.now() * 1_000]) {
    say("TABLE", { rows: members.map((row) => ({ ...row, incarnation: number, since: number })) });
    say("TABLE", { rows: [], agreed: { ...agreed, epoch: number } });
    say("PING", { view: "v", table: "t", epoch: number, accuses: [], at: 1 });
  }
  for (const id of pusher.ids) {
    say("COPY", { id, version: [2 ** 53 - 1, 8.64e15, "x", 2 ** 53 - 1], view: "v", ageMs: 0 }, new Uint8Array(9));
  }
  for (let i = 0; i < 1_000; i++) say("NACK", { code: "\u202e\n", detail: "\u0000".repeat(100) });
  say("NACK", { code: "REFUSED", reason: "x".repeat(9_999), detail: "\u001b[31m\u0000".repeat(9_999) });
  pusher.start();
  await eventually(
    "all of that to have been read",
    async () => await servers[0].metric('telemeter_ring_unread_messages_total{type="NACK"}') === 1_000,
    { timeoutMs: TIMEOUT_MS },
  );
  await untilWhole("one view", servers);
  for (const server of servers) {
    await server.stop();
    server.launch();
    await server.ready();
    await untilWhole(`one view with ${server.name} back`, servers);
  }
  await pusher.stop();
  const before = new Map(pusher.acknowledged);
  await pusher.pushAll();
  for (const id of pusher.ids) assert.ok(pusher.acknowledged.get(id)! > before.get(id)!, id);
  const log = servers[0].tail(1_000);
  assert.doesNotMatch(log, /[[\u202e\p{Cc}]--\n]/v);
});
