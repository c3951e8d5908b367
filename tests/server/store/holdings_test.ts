import assert from "node:assert/strict";
import { type Holding, Holdings, MAX_UNSURE } from "../../../server/store/holdings.ts";

const holding = (fields: Partial<Holding> = {}): Holding => ({ receivedAtMs: 0, bytes: 10, chunked: false, ...fields });

Deno.test("Holdings adds up what is held as it comes, changes and goes", () => {
  const holdings = new Holdings();
  const steps: [() => void, number, number][] = [
    [() => holdings.set("a", holding()), 1, 10],
    [() => holdings.set("b", holding({ bytes: 5 })), 2, 15],
    [() => holdings.set("a", holding({ bytes: 100 })), 2, 105],
    [() => holdings.delete("a"), 1, 5],
    [() => holdings.delete("a"), 1, 5],
    [() => holdings.doubt("b"), 1, 5],
    [() => holdings.delete("b"), 0, 0],
  ];
  for (const [step, size, bytes] of steps) {
    step();
    assert.deepEqual([holdings.size, holdings.bytes], [size, bytes], String(step));
  }
});

Deno.test("Holdings knows where chunks may lie", () => {
  const holdings = new Holdings();
  holdings.set("inline", holding());
  holdings.set("chunked", holding({ chunked: true }));
  holdings.set("doubtful", holding());
  holdings.doubt("doubtful");
  holdings.doubt("unknown");
  const ids = ["inline", "chunked", "doubtful", "unknown", "never"];
  assert.deepEqual(ids.filter((id) => holdings.has(id)), ["inline", "chunked", "doubtful", "unknown"]);
  assert.deepEqual(ids.filter((id) => holdings.hasChunks(id)), ["chunked", "doubtful", "unknown"]);
  assert.deepEqual([holdings.unsure(9), holdings.unsure(1)], [["doubtful", "unknown"], ["doubtful"]]);
  holdings.set("doubtful", holding());
  holdings.delete("unknown");
  assert.deepEqual(holdings.unsure(9), []);
  assert.deepEqual(ids.filter((id) => holdings.hasChunks(id)), ["chunked"]);
});

Deno.test("Holdings remembers only so many doubts", () => {
  const holdings = new Holdings();
  for (let at = 0; at < 2 * MAX_UNSURE; at++) holdings.doubt(`${at}`);
  assert.equal(holdings.unsure(Infinity).length, MAX_UNSURE);
});

Deno.test("Holdings tells what is expired: what is as old as the TTL, or older", () => {
  const holdings = new Holdings();
  for (const receivedAtMs of [899, 900, 901, 1_000, 1_001, 5_000]) {
    holdings.set(`${receivedAtMs}`, holding({ receivedAtMs }));
  }
  const at = (nowMs: number) => holdings.expired({ nowMs, ttlMs: 100 });
  assert.deepEqual(at(1_000), ["899", "900"]);
  assert.equal(holdings.isExpired("gone", { nowMs: 1_000, ttlMs: 100 }), false);
  holdings.settle(1_000);
  assert.deepEqual(at(1_099), ["899", "900", "901"]);
  assert.deepEqual(at(1_100), ["899", "900", "901", "1000", "1001", "5000"]);
});
