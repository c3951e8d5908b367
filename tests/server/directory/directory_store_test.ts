import assert from "node:assert/strict";
import { Directory } from "../../../server/directory/directory.ts";
import { DirectoryStore } from "../../../server/directory/directory_store.ts";
import { readRecord, writeRecord } from "../../../server/directory/source_record.ts";
import { StoreUnavailableError } from "../../../server/store/push_store.ts";

const START = 1_700_000_000_000;

/** Stands in for what a store does with small values. */
class Texts {
  readonly texts = new Map<string, string>();
  isBroken = false;

  getMeta(key: string) {
    return Promise.resolve(this.texts.get(key));
  }

  setMeta(key: string, text: string) {
    if (this.isBroken) {
      return Promise.reject(new StoreUnavailableError("full", { location: "x", retryAfterMs: 1 }));
    }
    if (new TextEncoder().encode(text).length > 65_536) return Promise.reject(new RangeError("too long"));
    this.texts.set(key, text);
    return Promise.resolve();
  }
}

function newDirectory() {
  return new Directory({ maxSources: 1_000, retentionMs: 1e9, ttlMs: 600_000, now: () => START, elapsed: () => 1e6 });
}

function push(directory: Directory, id: string, more = {}) {
  directory.accepted({
    id,
    receivedAtMs: START,
    transport: "text, gzip",
    bytes: 10,
    families: 1,
    series: 1,
    dropped: 0,
    leftOut: new Map([["too_old", 2]]),
    newestMs: START,
    ...more,
  });
  directory.broughtBy(id, {
    userAgent: "client",
    address: "192.0.2.1",
    keyId: "k",
    tokenEndsMs: START + 1,
    atMs: START,
  });
}

/** All that a directory knows. */
function facts(directory: Directory) {
  return [...directory.list()].map(({ source: { pushedTick: _, untold: __, ...source } }) => ({
    ...source,
    timeline: directory.pushesOf(source.id),
  })).sort((a, b) => a.id < b.id ? -1 : 1);
}

Deno.test("DirectoryStore brings back after a restart what was known of every source", async () => {
  const texts = new Texts();
  const before = newDirectory();
  {
    await using _kept = await DirectoryStore.open(before, texts);
    for (let i = 0; i < 100; i++) push(before, `cluster ${i}`);
    before.refused("cluster 7", { stage: "push", path: "/upload", status: 400, reason: "identity", why: "No" });
  }
  const after = newDirectory();
  await using _kept = await DirectoryStore.open(after, texts);
  assert.deepEqual(facts(after), facts(before));
});

Deno.test("DirectoryStore writes what is rare at once, and pushes like those before less often", async () => {
  const texts = new Texts();
  const directory = newDirectory();
  await using kept = await DirectoryStore.open(directory, texts);
  push(directory, "a");
  await kept.save({ withUsual: false });
  const first = texts.texts.get("sources 0");
  assert.ok(first !== undefined);
  push(directory, "a", { series: 9 });
  await kept.save({ withUsual: false });
  assert.equal(texts.texts.get("sources 0"), first);
  await kept.save({ withUsual: true });
  assert.notEqual(texts.texts.get("sources 0"), first);
});

Deno.test("DirectoryStore tries again what the store has not taken", async () => {
  const texts = new Texts();
  const directory = newDirectory();
  await using kept = await DirectoryStore.open(directory, texts);
  push(directory, "a");
  texts.isBroken = true;
  await kept.save({ withUsual: false });
  texts.isBroken = false;
  await kept.save({ withUsual: false });
  assert.equal(texts.texts.size, 1);
});

Deno.test("DirectoryStore stays within what the store takes, with names at their longest", async () => {
  const texts = new Texts();
  const before = newDirectory();
  {
    await using _kept = await DirectoryStore.open(before, texts);
    for (let i = 0; i < 64; i++) {
      const id = String(i).padStart(3, "0") + "\u0001".repeat(252);
      push(before, id);
      before.refused(id, { stage: "push", path: "/upload", status: 400, reason: "identity", why: '"'.repeat(200) });
    }
  }
  const after = newDirectory();
  await using _kept = await DirectoryStore.open(after, texts);
  assert.deepEqual(
    facts(after).map(({ id, refusal }) => [id, refusal?.reason]),
    facts(before).map(({ id, refusal }) => [id, refusal?.reason]),
  );
});

Deno.test("DirectoryStore starts without what is garbled on disk", async () => {
  const texts = new Texts();
  texts.texts.set("sources 0", "[{]");
  texts.texts.set(
    "sources 1",
    '[null, {"id": 7}, {"id": "\\ud800"}, {"id": "good", "pushedAtMs": "x", "timeline": [1]}]',
  );
  const directory = newDirectory();
  await using _kept = await DirectoryStore.open(directory, texts);
  assert.deepEqual(facts(directory).map(({ id, pushedAtMs }) => [id, pushedAtMs]), [["good", 0]]);
});

Deno.test("readRecord() clips what another member says, and takes no number that is none", () => {
  const record = readRecord({
    id: "a",
    pushes: -1,
    series: 1e300,
    intervalMs: "7",
    skewMs: -5,
    transport: "x".repeat(10_000),
    leftOut: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`rule ${i}`, 1])),
    refusal: { stage: "nowhere" },
    refusedAtMs: 5,
    timeline: Array(1_000).fill(1),
  })!;
  const { pushes, series, intervalMs, skewMs, transport, leftOut, refusal, refusedAtMs } = record.source;
  assert.deepEqual([pushes, series, intervalMs, skewMs, refusal, refusedAtMs], [0, 0, 0, -5, undefined, 0]);
  assert.ok(transport.length <= 200 && Object.keys(leftOut).length === 64 && record.pushes.length === 24);
});

Deno.test("writeRecord() keeps to itself what is measured by this process's own clock", () => {
  const directory = newDirectory();
  push(directory, "a");
  assert.ok(!JSON.stringify(writeRecord(directory.shard(0)[0])).includes("pushedTick"));
});
