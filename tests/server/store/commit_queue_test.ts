import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { Registry } from "prom-client";
import { bytesOf } from "../../../server/store/commit_limits.ts";
import { CommitQueue, type CommitQueueOptions, type Job } from "../../../server/store/commit_queue.ts";
import type { Mutation } from "../../../server/store/layout.ts";
import { StoreMetrics } from "../../../server/store/metrics.ts";
import { StoreUnavailableError } from "../../../server/store/unavailable.ts";
import { GatedKv } from "../../support/gated_kv.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function setUp(options: Partial<CommitQueueOptions> = {}) {
  const gated = new GatedKv();
  const { log, records } = recordingLog();
  const registry = new Registry();
  const clock = { now: 1_000 };
  const metrics = new StoreMetrics(registry);
  const queue = new CommitQueue(gated.kv, { location: "here", metrics, log, now: () => clock.now, ...options });
  const told: string[] = [];
  /** A job that sets as many values of a size, named for their job. */
  const job = (subject: string, { bytes = 10, values = 1 }: { bytes?: number; values?: number } = {}): Job => {
    const mutations: Mutation[] = Array.from({ length: values }, (_, at) => ({
      key: [subject, at],
      value: new Uint8Array(bytes),
    }));
    return {
      subject,
      bytes: mutations.reduce((sum, mutation) => sum + bytesOf(mutation), 0),
      plan: () => mutations,
      committed: () => told.push(`${subject} committed`),
      failed: () => told.push(`${subject} failed`),
    };
  };
  const tried = () => gated.tried.map((commit) => [...new Set(commit.map(({ key }) => String(key[0])))].join(" "));
  return { gated, queue, clock, records, registry, told, job, tried };
}

const full = new Error("database or disk is full");

Deno.test("CommitQueue puts what waits while a commit runs into the next", async () => {
  const { gated, queue, job, tried, told } = setUp();
  gated.hold();
  const first = [queue.run(job("a")), queue.run(job("b"))];
  await gated.arrival();
  const second = ["c", "d", "e"].map((subject) => queue.run(job(subject)));
  gated.release();
  await Promise.all([...first, ...second]);
  assert.deepEqual(tried(), ["a b", "c d e"]);
  assert.deepEqual(told, ["a", "b", "c", "d", "e"].map((subject) => `${subject} committed`));
});

Deno.test("CommitQueue commits one subject's jobs one after another", async () => {
  const { queue, job, tried } = setUp();
  await Promise.all(["a", "b", "a", "c", "a"].map((subject) => queue.run(job(subject))));
  assert.deepEqual(tried(), ["a b", "a c", "a"]);
});

Deno.test("CommitQueue asks a job for its plan only once the subject's earlier job has ended", async () => {
  const { queue, told, job } = setUp();
  const order: string[] = [];
  const plan = () => {
    order.push(`planned after ${told}`);
    return [];
  };
  await Promise.all([queue.run(job("a")), queue.run({ subject: "a", bytes: 1, plan })]);
  assert.deepEqual(order, ["planned after a committed"]);
});

Deno.test("CommitQueue stays within the limits of a commit", async () => {
  const { gated, queue, job } = setUp();
  await Promise.all([
    queue.run(job("a", { bytes: 60_000, values: 13 })),
    queue.run(job("b", { bytes: 60_000 })),
    queue.run(job("large", { bytes: 65_536, values: 30 })),
    queue.run(job("c")),
  ]);
  await queue.run(job("many", { bytes: 1, values: 2_500 }));
  await queue.run(job("k".repeat(300), { bytes: 1, values: 200 }));
  assert.deepEqual(
    gated.tried.map((commit) => `${String(commit[0].key[0])[0]} ${commit.length}`),
    ["a 13", "b 1", "l 12", "l 12", "l 6", "c 1", "m 1000", "m 1000", "m 500", "k 87", "k 87", "k 26"],
  );
});

Deno.test("CommitQueue makes commits that Deno KV takes, whatever the keys", async () => {
  using kv = await Deno.openKv(":memory:");
  const keys: Deno.KvKey[] = [["\0".repeat(1_022)], ["€".repeat(681)], ["x".repeat(2_045)], Array(227).fill(1), [
    "",
    0,
  ]];
  const { log, records } = recordingLog();
  const metrics = new StoreMetrics(new Registry());
  const queue = new CommitQueue(kv, { location: "here", metrics, log, now: () => 0 });
  for (const key of keys) {
    for (const size of [0, 100, 65_536]) {
      const mutations = Array.from({ length: size > 100 ? 30 : 1_500 }, () => ({ key, value: new Uint8Array(size) }));
      await queue.run({ subject: "a", bytes: 0, plan: () => mutations });
    }
  }
  assert.deepEqual(records, []);
});

Deno.test("CommitQueue tries each job alone when their commit failed, and refuses only what fails again", async () => {
  const { gated, queue, job, tried, told, registry } = setUp();
  gated.failure = (mutations) => mutations.some(({ key }) => key[0] === "bad") ? full : undefined;
  const results = await Promise.allSettled(["a", "bad", "b"].map((subject) => queue.run(job(subject))));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(tried(), ["a bad b", "a", "bad", "b"]);
  assert.deepEqual(told, ["a committed", "bad failed", "b committed"]);
  const { values } = await registry.getSingleMetric("telemeter_store_failures_total")!.get();
  assert.deepEqual(values.filter(({ value }) => value > 0).map(({ labels }) => labels.reason), ["full"]);
});

Deno.test("CommitQueue tells what happened, to what, and what to do", async () => {
  const { gated, queue, job } = setUp();
  const sentences: [string, string, string][] = [
    [
      "database or disk is full",
      "full",
      "Cannot use the store as the disk of here is full: free some space, and it goes on by itself with all that it holds",
    ],
    [
      "disk I/O error",
      "io",
      "Cannot use the store as the system refuses to write to here: check the disk, its mount, its quota and the file size limit",
    ],
    [
      "database disk image is malformed",
      "garbled",
      "Cannot use the store as here is garbled: restart the server, which sets the file aside and saves what can be read",
    ],
    ["database is locked", "locked", "Cannot use the store as another process holds a lock on here: stop it"],
    ["whatever", "other", "Cannot use the store as here failed: see the cause"],
  ];
  for (const [cause, reason, message] of sentences) {
    gated.failure = () => new TypeError(cause);
    const error = await queue.run(job("a")).then(() => assert.fail(), (error) => error);
    assert.ok(error instanceof StoreUnavailableError);
    assert.deepEqual([error.code, error.reason, error.message], ["store_unavailable", reason, message]);
    assert.equal(error.retryAfterMs, 30_000);
    assert.equal((error.cause as Error).message, cause);
  }
});

Deno.test("CommitQueue.health follows the last write, and the log tells when it turns", async () => {
  const { gated, queue, job, clock, records } = setUp();
  assert.deepEqual(queue.health, { ok: true });
  const fail = async () => await assert.rejects(queue.run(job("a")));
  gated.failure = () => full;
  await fail();
  clock.now += 5;
  await fail();
  assert.deepEqual(queue.health, { ok: false, reason: "full", sinceMs: 1_000 });
  await queue.run({ subject: "b", bytes: 0, plan: () => [] });
  assert.equal(queue.health.ok, false, "A job that writes nothing proves nothing");
  gated.failure = () => undefined;
  await queue.run(job("a"));
  assert.deepEqual(queue.health, { ok: true });
  assert.deepEqual(records.map(({ level }) => level), ["error", "info"]);
  gated.failure = () => full;
  await fail();
  assert.equal(records.length, 2, "It does not tell each turn of a store that flaps");
  clock.now += 60_000;
  await fail();
  assert.deepEqual(records.map(({ level }) => level), ["error", "info", "error"]);
});

Deno.test("CommitQueue refuses what would pass its bound, but never a job that is alone", async () => {
  const { gated, queue, job } = setUp({ maxQueuedBytes: 1_000 });
  gated.hold();
  const running = queue.run(job("a", { bytes: 5_000 }));
  await gated.arrival();
  const waiting = queue.run(job("b", { bytes: 900 }));
  await assert.rejects(queue.run(job("c", { bytes: 200 })), { reason: "busy" });
  gated.release();
  await Promise.all([running, waiting]);
  assert.deepEqual(queue.health, { ok: true });
  await queue.run(job("c", { bytes: 200 }));
});

Deno.test("CommitQueue refuses all who wait on a write that hangs, and goes on when it ends", async () => {
  const timers = install({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { gated, queue, job, told, clock } = setUp();
    gated.hold();
    const running = assert.rejects(queue.run(job("a")), { reason: "stalled" });
    await gated.arrival();
    const waiting = assert.rejects(queue.run(job("b")), { reason: "stalled" });
    timers.tick(9_999);
    assert.equal(queue.stalled, false);
    timers.tick(1);
    await Promise.all([running, waiting]);
    await assert.rejects(queue.run(job("c")), { reason: "stalled" });
    assert.deepEqual(queue.health, { ok: false, reason: "stalled", sinceMs: clock.now });
    assert.equal(queue.stalled, true);
    gated.release();
    while (told.length === 0) await null;
    assert.deepEqual(told, ["a committed"], "It is told of what it refused and yet came to pass");
    assert.deepEqual(queue.health, { ok: true });
    await queue.run(job("d"));
    assert.equal(timers.countTimers(), 0);
  } finally {
    timers.uninstall();
  }
});

Deno.test("CommitQueue, disposed of, ends what it has, takes no more, and does not wait for a write that hangs", async () => {
  const timers = install({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { gated, queue, job, told } = setUp();
    gated.hold();
    const jobs = [queue.run(job("a")), queue.run(job("a"))];
    const disposed = queue[Symbol.asyncDispose]();
    await assert.rejects(queue.run(job("late")), { reason: "closed" });
    gated.release();
    await disposed;
    assert.deepEqual(told, ["a committed", "a committed"]);
    await Promise.all(jobs);

    const other = setUp();
    other.gated.hold();
    const hanging = assert.rejects(other.queue.run(other.job("a")), { reason: "stalled" });
    await other.gated.arrival();
    const end = other.queue[Symbol.asyncDispose]();
    timers.tick(10_000);
    await Promise.all([hanging, end]);
    await other.queue[Symbol.asyncDispose]();
  } finally {
    timers.uninstall();
  }
});
