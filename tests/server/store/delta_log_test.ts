import assert from "node:assert/strict";
import { Keys, layDelta, layPush } from "../../../server/store/layout.ts";
import type { StoredDelta, StoredPush } from "../../../server/store/push_store.ts";
import { madeUpBytes, NOW, openTestStore, pushOf, scratchDir, TTL_MS } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const keys = new Keys("telemeter");

function deltaOf(id: string, number: number, bytes = 20): StoredDelta {
  const push = pushOf(id, madeUpBytes({ bytes, seed: number }));
  return { ...push, contentType: "remote write 1.0", number };
}

const numbers = (loaded: readonly StoredPush[]) =>
  loaded.map((push) => "number" in push ? [push.id, push.number] : [push.id, "push"]);

Deno.test("PushStore gives back deltas after pushes, in their order, whatever their size", async () => {
  using scratch = scratchDir();
  const deltas = [
    ...Array.from({ length: 12 }, (_, i) => deltaOf("b", i + 1, 10)),
    deltaOf("a", 3, 300_000),
    deltaOf("a", 4, 3_000_000),
    deltaOf("a", 5),
  ];
  {
    await using test = await openTestStore(scratch);
    await Promise.all([test.store.put(pushOf("b")), ...deltas.map((delta) => test.store.append(delta))]);
    assert.equal(test.store.clusters, 2);
    assert.equal(test.store.logOf("b")?.next, 13);
    assert.equal(test.store.logOf("nobody"), undefined);
  }
  await using test = await openTestStore(scratch);
  const byPlace = (a: StoredDelta, b: StoredDelta) => a.id < b.id ? -1 : a.id > b.id ? 1 : a.number - b.number;
  assert.deepEqual(test.loaded, [pushOf("b"), ...deltas.toSorted(byPlace)]);
  assert.deepEqual([test.store.logOf("b")?.next, test.store.logOf("a")?.next], [13, 6]);
});

Deno.test("PushStore.compact() puts a snapshot in place of a push and of the deltas that it holds", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("a"));
    for (let number = 1; number <= 4; number++) await test.store.append(deltaOf("a", number));
    const before = test.store.logOf("a")!.bytes;
    await test.store.compact({ ...pushOf("a", { bytes: 200_000, seed: 1 }), through: 4 });
    const { bytes, pushBytes, next } = test.store.logOf("a")!;
    assert.ok(bytes < before && bytes > 0);
    assert.deepEqual([pushBytes, next], [200_000, 5]);
    assert.equal(await test.metric("telemeter_store_compactions_total"), 1);
  }
  {
    await using test = await openTestStore(scratch);
    assert.deepEqual(numbers(test.loaded), [["a", "push"], ["a", 4]]);
    assert.equal(test.loaded[0].through, 4);
    await test.store.compact({ ...pushOf("a"), through: 5 });
    assert.deepEqual(test.store.logOf("a"), { bytes: 0, next: 5, pushBytes: pushOf("a").body.length });
  }
  // The numbers go on, or what comes now would pass for what the snapshot holds.
  {
    await using test = await openTestStore(scratch);
    assert.deepEqual([numbers(test.loaded), test.store.logOf("a")?.next], [[["a", "push"]], 5]);
    await test.store.append(deltaOf("a", 5));
  }
  await using test = await openTestStore(scratch);
  assert.deepEqual(numbers(test.loaded), [["a", "push"], ["a", 5]]);
});

Deno.test("PushStore.load() gives back no delta that its snapshot holds, where a crash has kept it", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    for (let number = 1; number <= 3; number++) await test.store.append(deltaOf("a", number));
  }
  const kv = await Deno.openKv(`${scratch.dir}/telemeter.kv`);
  for (const { key, value } of layPush({ ...pushOf("a"), through: 3 }, { keys, generation: 1 })) {
    await kv.set(key, value);
  }
  // And one whose head was not written any more.
  for (const { key, value } of layDelta(deltaOf("a", 4, 200_000), keys).slice(0, -1)) await kv.set(key, value);
  kv.close();
  await using test = await openTestStore(scratch);
  assert.deepEqual(numbers(test.loaded), [["a", "push"], ["a", 3]]);
});

Deno.test("PushStore.load() sets a garbled delta aside and serves the rest", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    for (let number = 1; number <= 3; number++) await test.store.append(deltaOf("a", number));
  }
  const kv = await Deno.openKv(`${scratch.dir}/telemeter.kv`);
  await kv.set(keys.delta("a", 2), new Uint8Array(50));
  kv.close();
  await using test = await openTestStore(scratch);
  assert.deepEqual(numbers(test.loaded), [["a", 1], ["a", 3]]);
  assert.equal(await test.metric("telemeter_store_set_aside_total"), 1);
});

Deno.test("PushStore keeps a cluster as long as deltas of it come, then removes all of it", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    await test.store.put(pushOf("a"));
    test.clock.now = NOW + TTL_MS - 1;
    await test.store.append({ ...deltaOf("a", 1), receivedAtMs: test.clock.now });
    test.clock.now = NOW + TTL_MS + 1;
    await test.store.sweep();
    assert.ok(test.store.has("a"));
    test.clock.now = NOW + 2 * TTL_MS;
    await test.store.sweep();
    assert.ok(!test.store.has("a"));
    assert.equal(test.store.sizes().bytes, 0);
  }
  await using test = await openTestStore(scratch);
  assert.deepEqual(test.loaded, []);
});

Deno.test("PushStore.put() leaves no delta of before, and delete() neither", async () => {
  using scratch = scratchDir();
  {
    await using test = await openTestStore(scratch);
    for (const id of ["a", "b"]) {
      for (let number = 1; number <= 3; number++) await test.store.append(deltaOf(id, number));
    }
    await test.store.put(pushOf("a"));
    await test.store.delete("b");
    assert.deepEqual([test.store.logOf("a"), test.store.clusters], [undefined, 1]);
  }
  await using test = await openTestStore(scratch);
  assert.deepEqual(numbers(test.loaded), [["a", "push"]]);
});

Deno.test("PushStore writes many deltas of one cluster in few commits", async () => {
  using scratch = scratchDir();
  await using test = await openTestStore(scratch);
  const before = await test.metric("telemeter_store_commits_total");
  await Promise.all(Array.from({ length: 100 }, (_, i) => test.store.append(deltaOf("a", i + 1))));
  assert.ok(await test.metric("telemeter_store_commits_total") - before <= 3);
});
