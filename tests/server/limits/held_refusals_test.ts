import assert from "node:assert/strict";
import { type Clock, install } from "@sinonjs/fake-timers";
import { Registry } from "prom-client";
import { HeldRefusals } from "../../../server/limits/held_refusals.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const COUNT = /^telemeter_refusals_held_total (\d+)$/m;

/** Refusals by a clock that stands still until it is told, with the longest times. */
async function withRefusals(
  test: (parts: { held: HeldRefusals; clock: Clock; counted: () => Promise<number> }) => Promise<void>,
) {
  const clock = install({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const registry = new Registry();
    const held = new HeldRefusals({ registry, now: () => clock.now, random: () => 0 });
    await test({ held, clock, counted: async () => Number(COUNT.exec(await registry.metrics())![1]) });
    assert.equal(clock.countTimers(), 0);
  } finally {
    clock.uninstall();
  }
}

/** Refuses so many at once, and tells when each is answered. */
function refuse(held: HeldRefusals, { id, count, clock }: { id: string; count: number; clock: Clock }) {
  const startMs = clock.now, times: number[] = [];
  for (let i = 0; i < count; i++) void held.back(id, {}).then(() => times.push(clock.now - startMs));
  return times;
}

Deno.test("HeldRefusals answers a hundred refusals of a cluster at once, and then a hundred a second", async () => {
  await withRefusals(async ({ held, clock, counted }) => {
    assert.equal(await counted(), 0);
    const times = refuse(held, { id: "crowd", count: 250, clock });
    const good = refuse(held, { id: "good", count: 1, clock });
    await clock.tickAsync(0);
    assert.equal(times.length, 101);
    assert.deepEqual(good, [0]);
    await clock.tickAsync(1_000);
    assert.equal(times.length, 201);
    await clock.tickAsync(1_000);
    assert.equal(times.length, 250);
    assert.equal(await counted(), 149);
  });
});

Deno.test("HeldRefusals holds nothing back for longer than three seconds, and forgets after four", async () => {
  await withRefusals(async ({ held, clock }) => {
    const times = refuse(held, { id: "crowd", count: 10_000, clock });
    await clock.tickAsync(3_000);
    assert.equal(times.length, 10_000);
    assert.equal(Math.max(...times), 3_000);
    await clock.tickAsync(1_000);
    assert.equal(refuse(held, { id: "crowd", count: 1, clock }).length, 0);
    await clock.tickAsync(0);
    const again = refuse(held, { id: "crowd", count: 50, clock });
    await clock.tickAsync(0);
    assert.equal(again.length, 50);
  });
});

Deno.test("HeldRefusals waits no longer for a client that has gone, and tells its connection to give way", async () => {
  await withRefusals(async ({ held, clock }) => {
    refuse(held, { id: "crowd", count: 400, clock });
    const { promise: done, resolve } = Promise.withResolvers<void>();
    let told = 0;
    const back = held.back("crowd", { done, heldBack: () => void told++ });
    assert.equal(told, 1);
    resolve();
    await back;
    assert.equal(clock.now, 0);
    await clock.tickAsync(3_000);
  });
});
