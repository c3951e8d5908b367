import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { install } from "@sinonjs/fake-timers";
import { pause } from "../../common/pause.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("pause() ends when its time is over, and not before", async () => {
  const clock = install({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { signal } = new AbortController();
    let isOver = false;
    const paused = pause(1_000, signal).then(() => isOver = true);
    await clock.tickAsync(999);
    assert.equal(isOver, false);
    await clock.tickAsync(1);
    assert.equal(isOver, true);
    await paused;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  } finally {
    clock.uninstall();
  }
});

Deno.test("pause() ends at once when its signal is aborted, before or while it waits, and leaves no timer", async () => {
  const stop = new AbortController();
  const paused = pause(3_600_000, stop.signal);
  stop.abort(new Error("not told"));
  await paused;
  await pause(3_600_000, stop.signal);
});
