import assert from "node:assert/strict";
import { orAborted } from "../../common/abort.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const { signal } = new AbortController();

Deno.test("orAborted() settles as the work does", async () => {
  assert.equal(await orAborted(Promise.resolve(1), signal), 1);
  await assert.rejects(orAborted(Promise.reject(new Error("failed")), signal), /failed/);
});

Deno.test("orAborted() rejects with the signal's reason, and leaves the work alone", async () => {
  const stop = new AbortController();
  const { promise: work, resolve } = Promise.withResolvers<number>();
  const waiting = orAborted(work, stop.signal);
  stop.abort(new Error("gave up"));
  await assert.rejects(waiting, /gave up/);
  await assert.rejects(orAborted(work, stop.signal), /gave up/);
  resolve(1);
  assert.equal(await work, 1);
});

Deno.test("orAborted() lets no failure of work that nobody waits for any more go unhandled", async () => {
  const { promise: work, reject } = Promise.withResolvers<number>();
  await assert.rejects(orAborted(work, AbortSignal.abort(new Error("gave up"))), /gave up/);
  reject(new Error("failed"));
  // An unhandled rejection would end the test process when this one is handled.
  await assert.rejects(orAborted(Promise.reject(new Error("next")), signal), /next/);
});
