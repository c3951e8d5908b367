/**
 * A process that works a store through a full disk and checks what must hold. How the disk is filled and freed is for the
 * parent: it answers each line `fill` and `free` on standard output with a line on standard input.
 *
 * Arguments: the store's directory and the reason that failures must have.
 *
 * @module
 */

import assert from "node:assert/strict";
import { StoreUnavailableError } from "../../server/store/push_store.ts";
import { NOW, openTestStore, pushOf, TTL_MS } from "./test_store.ts";

const [dir, reason] = Deno.args;

function ask(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
  Deno.stdin.readSync(new Uint8Array(100));
}

/** What was acknowledged, by id. */
const acknowledged = new Map<string, Uint8Array>();
{
  await using test = await openTestStore({ dir });
  const { store, clock } = test;

  /** Calls the store, tells whether it took it, and checks how it refuses. */
  const takes = async (call: Promise<void>): Promise<boolean> => {
    try {
      await call;
      return true;
    } catch (error) {
      assert.ok(error instanceof StoreUnavailableError, String(error));
      assert.equal(error.reason, reason);
      assert.ok(error.message.includes(dir));
      return false;
    }
  };
  const put = async (id: string, body: { bytes: number; seed: number }, receivedAtMs = NOW) => {
    const push = pushOf(id, body, receivedAtMs);
    const taken = await takes(store.put(push));
    if (taken) acknowledged.set(id, push.body);
    return taken;
  };

  for (let at = 0; at < 20; at++) assert.ok(await put(`usual ${at}`, { bytes: 21_000, seed: at }));
  assert.ok(await put("large", { bytes: 200_000, seed: 1 }));
  assert.ok(await put("expires", { bytes: 200_000, seed: 2 }, NOW - TTL_MS + 1));
  assert.ok(await takes(store.setMeta("incarnation", "1")));

  ask("fill");
  let refused = 0;
  for (let round = 1; refused < 20; round++) {
    assert.ok(round < 500, "The disk never fills");
    const results = await Promise.all([
      put(`usual ${round % 20}`, { bytes: 21_000, seed: 1_000 + round }),
      put(`new ${round}`, { bytes: 30_000, seed: round }),
      put("large", { bytes: 200_000 + round, seed: 1_000 + round }),
      put("huge", { bytes: 1_500_000, seed: round }),
    ]);
    refused += results.filter((taken) => !taken).length;
  }
  // Where a large write finds no room, small ones may, until nothing does: a deletion takes more than this.
  for (let at = 0; await takes(store.setMeta("incarnation", "1")); at++) assert.ok(at < 500, "The disk never fills");
  assert.equal(await takes(store.delete("usual 3")), false);
  assert.equal(await takes(store.setMeta("incarnation", "2")), false);
  const { entries, bytes } = store.sizes();
  clock.now += 1;
  await store.sweep();
  assert.equal(await test.metric("telemeter_store_expired_total"), 0);
  assert.deepEqual([store.sizes().entries, store.sizes().bytes], [entries, bytes]);
  assert.equal(entries, acknowledged.size);
  assert.ok(!store.health.ok && store.health.reason === reason);
  assert.equal(test.records.filter(({ level }) => level === "error").length, 1);
  assert.ok(await test.metric("telemeter_store_failures_total", { reason }) >= refused);
  assert.equal(await store.getMeta("incarnation"), "1");

  ask("free");
  // No push comes: a store that is not ready gets none.
  await store.sweep();
  assert.deepEqual(store.health, { ok: true });
  assert.equal(await test.metric("telemeter_store_expired_total"), 1);
  acknowledged.delete("expires");
  assert.ok(await put("usual 5", { bytes: 100, seed: 5 }));
  assert.ok(await put("large", { bytes: 150_000, seed: 5 }));
  assert.ok(await takes(store.delete("usual 4")));
  acknowledged.delete("usual 4");
  await store.sweep();
}
await using test = await openTestStore({ dir });
assert.deepEqual(new Map(test.loaded.map(({ id, body }) => [id, body])), acknowledged);
assert.deepEqual(test.records, []);
await test[Symbol.asyncDispose]();
const kv = await Deno.openKv(`${dir}/telemeter.kv`);
const chunks = await Array.fromAsync(kv.list({ prefix: ["telemeter", "chunk"] }), ({ value }) => value as Uint8Array);
kv.close();
const large = [...acknowledged.values()].filter(({ length }) => length > 65_000);
assert.equal(chunks.reduce((sum, { length }) => sum + length, 0), large.reduce((sum, { length }) => sum + length, 0));
ask("done");
