import assert from "node:assert/strict";
import { eventually } from "../../../scripts/process/eventually.ts";

Deno.test("eventually() asks until there is an answer, and takes a thrown error as no for now", async () => {
  let asked = 0;
  const answer = await eventually("three", () => {
    asked++;
    if (asked === 1) throw new Error("not yet");
    return asked === 3 ? 0 : asked === 2 ? false : undefined;
  }, { timeoutMs: 10_000, intervalMs: 1 });
  assert.equal(answer, 0);
  assert.equal(asked, 3);
});

Deno.test("eventually() says what it waited for, and the last error, when the time is up", async () => {
  const cause = new Error("connection refused");
  const waiting = eventually("the server", () => Promise.reject(cause), { timeoutMs: 20, intervalMs: 1 });
  await assert.rejects(waiting, { message: "Waited 0.02 s in vain for the server: connection refused", cause });
});

Deno.test("eventually() aborts a question that has no answer when the time is up", async () => {
  const waiting = eventually(
    "an answer",
    (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("cut off")))),
    { timeoutMs: 20 },
  );
  await assert.rejects(waiting, { message: "Waited 0.02 s in vain for an answer: cut off" });
});

Deno.test("eventually() ends with the reason of its signal", async () => {
  const stop = new AbortController();
  const reason = new Error("Stopped by SIGINT");
  const waiting = eventually("never", () => void stop.abort(reason), { timeoutMs: 10_000, signal: stop.signal });
  await assert.rejects(waiting, reason);
});
