import assert from "node:assert/strict";
import { MAX_UNSURE, StoredIndex, type StoredSize } from "../../../server/store/stored_index.ts";

const holding = (fields: Partial<StoredSize> = {}): StoredSize => ({
  receivedAtMs: 0,
  bytes: 10,
  chunked: false,
  ...fields,
});

Deno.test("StoredIndex adds up what is held as it comes, changes and goes", () => {
  const stored = new StoredIndex();
  const steps: [() => void, number, number][] = [
    [() => stored.set("a", holding()), 1, 10],
    [() => stored.set("b", holding({ bytes: 5 })), 2, 15],
    [() => stored.set("a", holding({ bytes: 100 })), 2, 105],
    [() => stored.delete("a"), 1, 5],
    [() => stored.delete("a"), 1, 5],
    [() => stored.doubt("b"), 1, 5],
    [() => stored.delete("b"), 0, 0],
  ];
  for (const [step, size, bytes] of steps) {
    step();
    assert.deepEqual([stored.size, stored.bytes], [size, bytes], String(step));
  }
});

Deno.test("StoredIndex knows where chunks may lie", () => {
  const stored = new StoredIndex();
  stored.set("inline", holding());
  stored.set("chunked", holding({ chunked: true }));
  stored.set("doubtful", holding());
  stored.doubt("doubtful");
  stored.doubt("unknown");
  const ids = ["inline", "chunked", "doubtful", "unknown", "never"];
  assert.deepEqual(ids.filter((id) => stored.has(id)), ["inline", "chunked", "doubtful", "unknown"]);
  assert.deepEqual(ids.filter((id) => stored.hasChunks(id)), ["chunked", "doubtful", "unknown"]);
  assert.deepEqual([stored.unsure(9), stored.unsure(1)], [["doubtful", "unknown"], ["doubtful"]]);
  stored.set("doubtful", holding());
  stored.delete("unknown");
  assert.deepEqual(stored.unsure(9), []);
  assert.deepEqual(ids.filter((id) => stored.hasChunks(id)), ["chunked"]);
});

Deno.test("StoredIndex remembers only so many doubts", () => {
  const stored = new StoredIndex();
  for (let at = 0; at < 2 * MAX_UNSURE; at++) stored.doubt(`${at}`);
  assert.equal(stored.unsure(Infinity).length, MAX_UNSURE);
});

Deno.test("StoredIndex tells what is expired: what is as old as the TTL, or older", () => {
  const stored = new StoredIndex();
  for (const receivedAtMs of [899, 900, 901, 1_000, 1_001, 5_000]) {
    stored.set(`${receivedAtMs}`, holding({ receivedAtMs }));
  }
  const at = (nowMs: number) => stored.expired({ nowMs, ttlMs: 100 });
  assert.deepEqual(at(1_000), ["899", "900"]);
  assert.equal(stored.isExpired("gone", { nowMs: 1_000, ttlMs: 100 }), false);
  stored.settle(1_000);
  assert.deepEqual(at(1_099), ["899", "900", "901"]);
  assert.deepEqual(at(1_100), ["899", "900", "901", "1000", "1001", "5000"]);
});
