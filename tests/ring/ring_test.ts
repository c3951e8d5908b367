/** Members that run, with real timers and a network in memory: what the machine asks for is done, and only that. */

import assert from "node:assert/strict";
import { Registry } from "prom-client";
import type { CommitResult, Entry } from "../../ring/protocol/effects.ts";
import { madeBytes } from "../../ring/protocol/push_bytes.ts";
import { Ring, type RingHost } from "../../ring/ring.ts";
import { eventually as eventuallyWithin } from "../../scripts/process/eventually.ts";
import { MemoryNetwork } from "../support/memory_mesh.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A server in memory. */
class MemoryHost implements RingHost {
  readonly entries = new Map<string, Entry>();
  readonly shown = new Map<string, string>();
  saved: string | undefined;
  /** Failures to come of each kind. */
  readonly failures = { save: 0, commit: 0, load: 0 };
  /** Answers commits in place of the store. */
  answer: (() => Promise<CommitResult>) | undefined;

  async commit(entry: Entry): Promise<CommitResult> {
    if (this.failures.commit-- > 0) throw new Error("the disk is gone");
    if (this.answer) return await this.answer();
    this.entries.set(entry.id, entry);
    return { ok: true };
  }

  load(id: string): Promise<Entry | undefined> {
    if (this.failures.load-- > 0) return Promise.reject(new Error("the disk does not read"));
    return Promise.resolve(this.entries.get(id));
  }

  prepare(): void {}

  release(): void {}

  show(id: string): void {
    this.shown.set(id, new TextDecoder().decode(madeBytes(this.entries.get(id)!.bytes)));
  }

  hide(id: string): void {
    this.shown.delete(id);
  }

  save(state: string): Promise<void> {
    if (this.failures.save-- > 0) return Promise.reject(new Error("the disk is full"));
    this.saved = state;
    return Promise.resolve();
  }
}

/** Starts a member at the address that is its name. */
async function startMember(
  name: string,
  { network, seeds = [], host = new MemoryHost(), saved }: {
    network: MemoryNetwork;
    seeds?: readonly string[];
    host?: MemoryHost;
    saved?: string;
  },
) {
  const registry = new Registry();
  const { log, records } = recordingLog();
  const ring = await Ring.start({
    self: { name, address: name, host: name },
    seeds,
    saved,
    ttlMs: 600_000,
    mesh: (hello) => network.mesh(name, hello),
    host,
    registry,
    log,
  });
  const metric = async (metric: string, labels: Record<string, string> = {}) => {
    const { values } = await registry.getSingleMetric(metric)!.get();
    return values.find((value) => Object.entries(labels).every(([key, text]) => value.labels[key] === text))?.value;
  };
  return { ring, host, records, metric, [Symbol.asyncDispose]: () => ring[Symbol.asyncDispose]() };
}

const eventually = (what: string, holds: () => boolean) => eventuallyWithin(what, holds, { timeoutMs: 30_000 });
const untilOpen = (ring: Ring) => eventually("the ring to open", () => ring.closed === undefined);
const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("Ring of one takes pushes, shows them, and leaves at once", async () => {
  const network = new MemoryNetwork();
  await using member = await startMember("a", { network });
  const { ring, host } = member;
  await untilOpen(ring);
  assert.deepEqual(await ring.push("c", bytesOf("one")), { result: "stored" });
  assert.deepEqual(await ring.push("c", bytesOf("two")), { result: "stored" });
  assert.deepEqual([...host.shown], [["c", "two"]]);
  assert.deepEqual(ring.status().clusters, { owned: 1, standby: 0, foreign: 0 });
  await ring.leave();
  assert.equal(ring.closed?.reason, "leaving");
  assert.equal((await ring.push("c", bytesOf("three"))).result, "rejected");
});

Deno.test("Ring warns once of pushes that it cannot read to copy them, however many they are", async () => {
  const network = new MemoryNetwork();
  await using a = await startMember("a", { network });
  await untilOpen(a.ring);
  for (let i = 0; i < 10; i++) assert.equal((await a.ring.push(`cluster-${i}`, bytesOf("one"))).result, "stored");
  a.host.failures.load = 20;
  await using b = await startMember("b", { network, seeds: ["a"] });
  await eventually("copies to be read again and again, and then sent", () => b.host.entries.size === 10);
  assert(a.host.failures.load <= 0);
  const told = a.records.filter(({ sentence }) => /^Cannot read a push/.test(sentence));
  assert.deepEqual(told.map(({ level, fields }) => [level, fields.error]), [["warn", "the disk does not read"]]);
});

Deno.test("Ring of two forwards to the owner alone, copies to the standby, and hands over when one leaves", async () => {
  const network = new MemoryNetwork();
  await using a = await startMember("a", { network, seeds: ["b"] });
  await using b = await startMember("b", { network, seeds: ["a"] });
  await untilOpen(a.ring);
  await untilOpen(b.ring);
  const ids = Array.from({ length: 20 }, (_, i) => `cluster-${i}`);
  for (const id of ids) {
    assert.deepEqual(await a.ring.push(id, bytesOf("old")), { result: "stored" });
    assert.deepEqual(await b.ring.push(id, bytesOf("new")), { result: "stored" });
  }
  assert.deepEqual([...a.host.shown.keys(), ...b.host.shown.keys()].sort(), ids.toSorted());
  assert.ok(a.host.shown.size > 3 && b.host.shown.size > 3, "both own some");
  await eventually(
    "the copies to arrive",
    () => a.host.entries.size === ids.length && b.host.entries.size === ids.length,
  );
  assert.equal(await a.metric("telemeter_ring_clusters", { role: "owned" }), a.host.shown.size);
  assert.equal(await a.metric("telemeter_ring_members", { status: "alive" }), 2);
  const before = new Map([...a.host.shown, ...b.host.shown]);
  assert.deepEqual(new Set(before.values()), new Set(["new"]));
  await a.ring.leave();
  assert.equal(a.ring.closed?.reason, "leaving");
  await eventually("the heir to show everything", () => b.host.shown.size === ids.length);
  assert.deepEqual(new Map([...b.host.shown].toSorted()), new Map([...before].toSorted()));
});

Deno.test("Ring.start() listens only once its incarnation is kept", async () => {
  const network = new MemoryNetwork();
  const host = new MemoryHost();
  host.failures.save = 1;
  const starting = startMember("a", { network, host });
  await eventually("the second try to save", () => host.saved !== undefined);
  await using member = await starting;
  assert.ok(network.hasMember("a"));
  assert.match(member.records.find(({ level }) => level === "warn")!.sentence, /^Cannot save the state of the ring/);
});

Deno.test("Ring goes on from the state that was saved", async () => {
  const network = new MemoryNetwork();
  const host = new MemoryHost();
  {
    await using _first = await startMember("a", { network, host });
  }
  await using second = await startMember("a", { network, host, saved: host.saved });
  const { incarnation } = second.ring.status().members[0];
  assert.ok(incarnation > 1, String(incarnation));
});

for (
  const saved of [
    "",
    "null",
    "{}",
    '{"incarnation":-1,"flaps":0}',
    '{"incarnation":1,"flaps":0,"agreed":{}}',
    '{"incarnation":1,"flaps":0,"agreed":{"epoch":1,"members":[null]}}',
  ]
) {
  Deno.test(`Ring starts without a saved state that is garbled: ${saved}`, async () => {
    await using member = await startMember("a", { network: new MemoryNetwork(), saved });
    assert.equal(member.ring.status().members[0].incarnation, 1);
    assert.equal(member.records.filter(({ level }) => level === "warn").length, 1);
  });
}

Deno.test("Ring takes a host that throws for a store that fails", async () => {
  const network = new MemoryNetwork();
  await using member = await startMember("a", { network });
  await untilOpen(member.ring);
  member.host.failures.commit = 1;
  const outcome = await member.ring.push("c", bytesOf("one"));
  assert.deepEqual([outcome.result, outcome.result === "rejected" && outcome.reason], ["rejected", "store"]);
  assert.equal(member.records.filter(({ level }) => level === "error").length, 1);
  assert.equal(member.host.shown.size, 0);
});

Deno.test("Ring tells why the owner refuses a push", async () => {
  const network = new MemoryNetwork();
  await using a = await startMember("a", { network, seeds: ["b"] });
  await using b = await startMember("b", { network, seeds: ["a"] });
  await untilOpen(a.ring);
  await untilOpen(b.ring);
  const refused = { reason: "invalid identity", detail: "It is another's" };
  for (const { host } of [a, b]) host.answer = () => Promise.resolve({ ok: false, refused });
  for (const { ring } of [a, b]) {
    const outcome = await ring.push("c", bytesOf("one"));
    assert.ok(outcome.result === "rejected" && outcome.reason === "refused");
    assert.deepEqual(outcome.refused, refused);
  }
});

Deno.test("Ring settles what is under way when it is disposed of", async () => {
  const network = new MemoryNetwork();
  const commit = Promise.withResolvers<CommitResult>();
  await using member = await startMember("a", { network });
  await untilOpen(member.ring);
  member.host.answer = () => commit.promise;
  const push = member.ring.push("c", bytesOf("one"));
  await member.ring[Symbol.asyncDispose]();
  assert.equal((await push).result, "rejected");
  commit.resolve({ ok: true });
});
