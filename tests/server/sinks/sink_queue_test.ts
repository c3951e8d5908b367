import assert from "node:assert/strict";
import type { EndedSeries } from "../../../common/remote_write/ended_series.ts";
import { SinkQueue, type Waiting } from "../../../server/sinks/sink_queue.ts";

const NO_LINES = { text: new Uint8Array(), runs: new Uint32Array(), baseMs: 0 };

const endedOf = (bytes: number): EndedSeries => ({
  lines: NO_LINES,
  nativeLines: NO_LINES,
  natives: [],
  series: 1,
  bytes,
});

function taken(queue: SinkQueue): Waiting {
  const waiting = queue.take();
  assert.ok(waiting !== undefined);
  return waiting;
}

Deno.test("SinkQueue keeps since when a cluster waits whose news become an end", () => {
  const queue = new SinkQueue();
  queue.news("a", 1);
  assert.ok(queue.end("a", { ended: endedOf(10), nowMs: 5 }));
  queue.withdraw("a");
  assert.equal(queue.oldestMs, 1);
  const { hasNews, ended } = taken(queue);
  assert.deepEqual([hasNews, ended.length], [false, 1]);
});

Deno.test("SinkQueue keeps since when a cluster waits that is put back while newer news came", () => {
  const queue = new SinkQueue();
  queue.news("a", 1);
  const first = taken(queue);
  queue.news("a", 5);
  assert.equal(queue.oldestMs, 1);
  assert.equal(queue.putBack(first), true);
  assert.equal(queue.oldestMs, 1);
});

Deno.test("SinkQueue counts from the newer news once those before are sent", () => {
  const queue = new SinkQueue();
  queue.news("a", 1);
  const first = taken(queue);
  queue.news("a", 5);
  queue.done(first);
  assert.equal(queue.oldestMs, 5);
});

Deno.test("SinkQueue does not put back the news of a cluster that were withdrawn on their way", () => {
  const queue = new SinkQueue();
  queue.news("moved", 1);
  const moved = taken(queue);
  queue.withdraw("moved");
  assert.deepEqual([...queue.unconfirmed()], []);
  queue.putBack(moved);
  assert.deepEqual([queue.clusters, queue.oldestMs], [0, undefined]);
});

Deno.test("SinkQueue puts back the ends of a cluster whose news were withdrawn on their way, and what came later", () => {
  const queue = new SinkQueue();
  queue.end("a", { ended: endedOf(10), nowMs: 1 });
  queue.news("a", 2);
  const first = taken(queue);
  queue.end("a", { ended: endedOf(20), nowMs: 3 });
  queue.withdraw("a");
  queue.putBack(first);
  assert.equal(queue.oldestMs, 1);
  const { hasNews, ended } = taken(queue);
  assert.equal(hasNews, false);
  assert.deepEqual(ended.map(({ bytes }) => bytes), [10, 20]);
});

Deno.test("SinkQueue keeps news that came after those that were withdrawn on their way", () => {
  const queue = new SinkQueue();
  queue.news("back", 1);
  const first = taken(queue);
  queue.withdraw("back");
  queue.news("back", 3);
  assert.equal(queue.putBack(first), false);
  assert.equal(taken(queue).hasNews, true);
});

Deno.test("SinkQueue forgets a cluster whose end does not fit, as nothing of it is left to be sent", () => {
  const queue = new SinkQueue({ maxEndedBytes: 15 });
  queue.end("a", { ended: endedOf(10), nowMs: 1 });
  queue.news("b", 2);
  assert.equal(queue.end("b", { ended: endedOf(10), nowMs: 3 }), false);
  queue.withdraw("b");
  assert.deepEqual([queue.clusters, queue.oldestMs, queue.endedBytes], [1, 1, 10]);
});
