import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { Registry } from "prom-client";
import { MAX_META_BYTES, PushStore } from "../../../server/store/push_store.ts";
import { KEPT_ASIDE } from "../../../server/store/aside.ts";
import { Keys, layPush } from "../../../server/store/layout.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { madeUpBytes, NOW, openTestStore, pushOf, scratchDir, TTL_MS } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LARGE = { bytes: 300_000, seed: 1 };
const HUGE = { bytes: 3_000_000, seed: 2 };
const keys = new Keys("telemeter");

/** Opens the raw Deno KV of a store that is closed. */
async function rawKv(dir: string): Promise<Deno.Kv> {
  return await Deno.openKv(`${dir}/telemeter.kv`);
}

async function rawKeys(dir: string): Promise<Deno.KvKey[]> {
  const kv = await rawKv(dir);
  const found = await Array.fromAsync(kv.list({ prefix: ["telemeter"] }), ({ key }) => key);
  kv.close();
  return found;
}

Deno.test("PushStore gives back after a restart what was put last, whatever its size and id", async () => {
  using scratch = scratchDir();
  const ids = [
    "plain",
    'q"u\\o\nte',
    "../../etc/passwd",
    "\u0000",
    "nul\0inside",
    "ü😀",
    "é",
    "e\u0301",
    "x".repeat(255),
  ];
  const full = {
    ...pushOf("full", LARGE),
    contentType: "text" as const,
    contentEncoding: "gzip" as const,
    version: { ms: NOW, ingress: "a", sequence: 3 },
    role: "standby" as const,
  };
  const pushes = [...ids.map((id) => pushOf(id)), full, pushOf("huge", HUGE), pushOf("empty", new Uint8Array())];
  {
    await using test = await openTestStore(scratch);
    assert.deepEqual(test.loaded, []);
    await Promise.all(pushes.map((push) => test.store.put({ ...push, body: new Uint8Array([9]) })));
    await Promise.all(pushes.map((push) => test.store.put(push)));
    const bytes = pushes.reduce((sum, { body }) => sum + body.length, 0);
    assert.deepEqual([test.store.sizes().entries, test.store.sizes().bytes], [pushes.length, bytes]);
  }
  await using test = await openTestStore(scratch);
  assert.deepEqual(new Map(test.loaded.map((push) => [push.id, push])), new Map(pushes.map((push) => [push.id, push])));
  assert.equal(test.loaded.length, pushes.length);
});

Deno.test("PushStore keeps the order of the calls for one cluster", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    const done: number[] = [];
    const calls = Array.from({ length: 20 }, (_, at) => {
      const body = at % 3 === 0 ? { bytes: 100_000, seed: at } : new Uint8Array([at]);
      return (at % 5 === 4 ? test.store.delete("a") : test.store.put(pushOf("a", body))).then(() => done.push(at));
    });
    const last = [test.store.put(pushOf("b", new Uint8Array([1]))), test.store.delete("b")];
    await Promise.all([...calls, ...last]);
    assert.deepEqual(done, Array.from(calls.keys()));
    await test.store.put(pushOf("a", new Uint8Array([99])));
  }
  await using test = await openTestStore(scratch);
  assert.deepEqual(test.loaded, [pushOf("a", new Uint8Array([99]))]);
});

Deno.test("PushStore leaves no chunk of what was replaced or deleted", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    for (const body of [LARGE, HUGE, LARGE, new Uint8Array([1])]) await test.store.put(pushOf("a", body));
    await test.store.put(pushOf("b", HUGE));
    await test.store.delete("b");
    await test.store.delete("b");
    await test.store.delete("never put");
    assert.deepEqual([test.store.sizes().entries, test.store.sizes().bytes], [1, 1]);
  }
  assert.deepEqual(await rawKeys(scratch.dir), [["telemeter", "push", "a"]]);
});

Deno.test("PushStore.load() removes what a crash left half-written and serves what was there before", async () => {
  using scratch = scratchDir();
  const before = pushOf("a", LARGE);
  {
    await using test = await openTestStore(scratch);
    await test.store.put(before);
  }
  const kv = await rawKv(scratch.dir);
  const cut = layPush(pushOf("a", HUGE), { keys, generation: 5 });
  const isNew = layPush(pushOf("b", HUGE), { keys, generation: 5 });
  for (const { key, value } of [...cut.slice(0, 20), ...isNew.slice(0, 3)]) await kv.set(key, value);
  await kv.set(["telemeter", "chunk", "odd", "generation", "n"], "x");
  kv.close();
  {
    await using test = await openTestStore(scratch);
    assert.deepEqual(test.loaded, [before]);
    assert.equal(await test.metric("telemeter_store_set_aside_total"), 0);
  }
  const left = await rawKeys(scratch.dir);
  assert.deepEqual(left.map(([, kind, id]) => `${String(kind)} ${String(id)}`), [
    ...Array(5).fill("chunk a"),
    "push a",
  ]);
});

Deno.test("PushStore.load() sets aside what does not check out, counts it and serves the rest", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    for (const id of ["a", "b", "c", "d"]) await test.store.put(pushOf(id));
    await test.store.put(pushOf("large", LARGE));
    await test.store.put(pushOf("also large", LARGE));
  }
  const kv = await rawKv(scratch.dir);
  const { value } = await kv.get<Uint8Array>(keys.head("a"));
  value![value!.length - 1] ^= 1;
  await kv.set(keys.head("a"), value);
  await kv.set(keys.head("b"), new Uint8Array([1, 2]));
  await kv.set(keys.head("c"), (await kv.get(keys.head("d"))).value);
  const [chunk] = await Array.fromAsync(kv.list({ prefix: keys.chunks("large") }));
  await kv.delete(chunk.key);
  await kv.set(["telemeter", "push", "a", "longer"], new Uint8Array([1]));
  await kv.set(["telemeter", "push", 5], new Uint8Array([1]));
  kv.close();
  {
    await using test = await openTestStore(scratch);
    assert.deepEqual(test.loaded.map(({ id }) => id).sort(), ["also large", "d"]);
    assert.equal(await test.metric("telemeter_store_set_aside_total"), 6);
    const [record] = test.records;
    assert.deepEqual([record.level, record.fields.entries], ["error", 6]);
  }
  const left = await rawKeys(scratch.dir);
  const kept = left.filter(([, kind]) => kind === "aside").map(([, , at, id]) => [at, id]);
  assert.deepEqual(kept, [[NOW, "5"], [NOW, "a"], [NOW, "b"], [NOW, "c"], [NOW, "large"]]);
  assert.deepEqual(left.filter(([, kind]) => kind === "push").map((key) => key[2]), ["also large", "d"]);
  assert.ok(left.filter(([, kind]) => kind === "chunk").every((key) => key[2] === "also large"));
  await using test = await openTestStore(scratch);
  assert.equal(await test.metric("telemeter_store_set_aside_total"), 0);
});

Deno.test("PushStore.load() keeps only so many of the entries that it sets aside", async () => {
  using scratch = scratchDir();
  for (const round of [1, 2]) {
    await (await openTestStore(scratch))[Symbol.asyncDispose]();
    const kv = await rawKv(scratch.dir);
    for (let at = 0; at < KEPT_ASIDE; at++) await kv.set(keys.head(`${round} ${at}`), new Uint8Array([round]));
    kv.close();
    await using test = await openTestStore(scratch, { now: () => NOW + round });
    assert.deepEqual([test.loaded, await test.metric("telemeter_store_set_aside_total")], [[], KEPT_ASIDE]);
  }
  const left = await rawKeys(scratch.dir);
  assert.equal(left.length, KEPT_ASIDE);
  assert.ok(left.every(([, kind, at]) => kind === "aside" && at === NOW + 2));
});

Deno.test("PushStore drops what is older than the TTL, at load and in a sweep", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("old", undefined, NOW - TTL_MS));
    await test.store.put(pushOf("old and large", LARGE, NOW - TTL_MS));
    await test.store.put(pushOf("young", undefined, NOW - TTL_MS + 1));
  }
  {
    await using test = await openTestStore(scratch);
    assert.deepEqual(test.loaded.map(({ id }) => id), ["young"]);
    assert.equal(await test.metric("telemeter_store_expired_total"), 2);
    await test.store.put(pushOf("new"));
    test.clock.now += 1;
    await test.store.sweep();
    assert.equal(await test.metric("telemeter_store_expired_total"), 3);
    assert.equal(await test.metric("telemeter_store_entries"), 1);
  }
  assert.deepEqual(await rawKeys(scratch.dir), [["telemeter", "push", "new"]]);
});

Deno.test("PushStore.sweep() does not take a push that was put while it ran", async () => {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  await test.store.put(pushOf("a"));
  test.clock.now += TTL_MS;
  await Promise.all([
    test.store.put(pushOf("a", new Uint8Array([2]), test.clock.now)),
    test.store.sweep(),
  ]);
  assert.equal(await test.metric("telemeter_store_expired_total"), 0);
  await test[Symbol.asyncDispose]();
  await using again = await openTestStore(scratch, { now: () => NOW + TTL_MS });
  assert.deepEqual(again.loaded.map(({ body }) => [...body]), [[2]]);
});

Deno.test("PushStore counts the age of a push on after a restart with a clock an hour back", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("old"));
    test.clock.now += TTL_MS / 2;
    await test.store.put(pushOf("young", undefined, test.clock.now));
    test.clock.now += TTL_MS / 2 - 1;
    await test.store.sweep();
  }
  const clock = { now: NOW - 3_600_000 };
  await using test = await openTestStore(scratch, { now: () => clock.now });
  assert.deepEqual(test.loaded.map(({ id, receivedAtMs }) => [id, clock.now - receivedAtMs]), [
    ["old", TTL_MS - 1],
    ["young", TTL_MS / 2 - 1],
  ]);
  clock.now += 1;
  await test.store.sweep();
  assert.equal(test.store.sizes().entries, 1);
});

Deno.test("PushStore counts the age of a push from the future from the moment it sees it", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("a", undefined, NOW + 3_600_000));
    await test.store.sweep();
    test.clock.now += TTL_MS - 1;
    await test.store.sweep();
    assert.equal(test.store.sizes().entries, 1);
  }
  await using test = await openTestStore(scratch);
  assert.deepEqual(test.loaded.map(({ receivedAtMs }) => receivedAtMs), [NOW]);
  test.clock.now += TTL_MS;
  await test.store.sweep();
  assert.equal(test.store.sizes().entries, 0);
});

Deno.test("PushStore.startSweeping() sweeps at its interval until the store is disposed of", async () => {
  using scratch = scratchDir();
  const timers = install({ toFake: ["setInterval", "clearInterval"] });
  try {
    const test = await openTestStore(scratch);
    await test.store.put(pushOf("a"));
    test.store.startSweeping({ intervalMs: 1_000 });
    test.store.startSweeping();
    timers.tick(999);
    test.clock.now += TTL_MS;
    assert.equal(timers.countTimers(), 1);
    timers.tick(1);
    await test.store.sweep();
    assert.equal(test.store.sizes().entries, 0);
    await test[Symbol.asyncDispose]();
    assert.equal(timers.countTimers(), 0);
  } finally {
    timers.uninstall();
  }
});

Deno.test("PushStore keeps the server's own small values", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    assert.equal(await test.store.getMeta("incarnation"), undefined);
    await test.store.setMeta("incarnation", "1");
    await test.store.setMeta("incarnation", "2");
    await test.store.setMeta("view", "x".repeat(MAX_META_BYTES));
    await assert.rejects(test.store.setMeta("view", "€".repeat(MAX_META_BYTES / 2)), RangeError);
  }
  await using test = await openTestStore(scratch);
  assert.equal(await test.store.getMeta("incarnation"), "2");
  assert.equal((await test.store.getMeta("view"))?.length, MAX_META_BYTES);
});

Deno.test("PushStore shares a Deno KV between namespaces", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch, { namespace: "one" });
    await test.store.put(pushOf("a"));
  }
  {
    await using test = await openTestStore(scratch, { namespace: "two" });
    assert.deepEqual(test.loaded, []);
  }
  await using test = await openTestStore(scratch, { namespace: "one" });
  assert.deepEqual(test.loaded, [pushOf("a")]);
});

Deno.test("PushStore writes what it has taken when it is disposed of, and takes no more", async () => {
  using scratch = scratchDir();
  const test = await openTestStore(scratch);
  const puts = Array.from(
    { length: 100 },
    (_, at) => test.store.put(pushOf(`${at}`, madeUpBytes({ bytes: 20_000, seed: at }))),
  );
  await test[Symbol.asyncDispose]();
  await Promise.all(puts);
  await assert.rejects(test.store.put(pushOf("late")), { name: "StoreUnavailableError", reason: "closed" });
  await using again = await openTestStore(scratch);
  assert.equal(again.loaded.length, 100);
});

Deno.test("PushStore takes nothing before it is loaded, and loads once", async () => {
  using scratch = scratchDir();
  const { log } = recordingLog();
  const options = { place: scratch, ttlMs: TTL_MS, now: () => NOW, log, registry: new Registry() };
  await using store = await PushStore.open(options);
  await assert.rejects(store.put(pushOf("a")), /Cannot change the store before load/);
  await assert.rejects(store.delete("a"), /Cannot change the store before load/);
  assert.equal(await store.getMeta("incarnation"), undefined);
  for await (const _ of store.load());
  await store.put(pushOf("a"));
  await assert.rejects(Array.fromAsync(store.load()), /Cannot load a store twice/);
});

Deno.test("PushStore shows what it does on /metrics", async () => {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  const commits = await test.metric("telemeter_store_commits_total");
  await Promise.all(
    Array.from({ length: 30 }, (_, at) => test.store.put(pushOf(`${at}`, { bytes: 20_000, seed: at }))),
  );
  assert.equal(await test.metric("telemeter_store_commits_total"), commits + 1);
  assert.equal(await test.metric("telemeter_store_entries"), 30);
  assert.equal(await test.metric("telemeter_store_bytes"), 600_000);
  assert.ok(await test.metric("telemeter_store_file_bytes") > 600_000);
  assert.deepEqual(test.store.health, { ok: true });
});
