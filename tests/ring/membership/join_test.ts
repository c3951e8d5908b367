/** How a member joins: it serves once it has what will be its own, or has waited long enough for it. */

import assert from "node:assert/strict";
import { IDS, ringWithPushes } from "../../support/ring_of_machines.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("Join has every copy of what will be its own before it serves", () => {
  const { world } = ringWithPushes("ab");
  const d = world.start("d");
  world.until("d to serve", () => d.machine.membership.self.phase === "ACTIVE");
  for (const id of IDS) {
    const { owner, standby } = d.machine.place(id)!;
    if (owner === "d" || standby === "d") assert.ok(d.store.has(id), id);
  }
});

Deno.test("Join lets two that come at once wait for their turns, and in the end both serve", () => {
  const { world, members: [a] } = ringWithPushes("ab");
  const [d, e] = ["d", "e"].map((name) => world.start(name));
  world.until("all to serve", () => {
    const phases = [d, e].map(({ machine }) => machine.membership.self.phase).join(" ");
    assert.notEqual(phases, "JOINING ACTIVE", "the lower name is first");
    return world.isWhole(4);
  });
  world.run(10);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [`${a.machine.place(id)!.owner} one`]);
});

Deno.test("Join waits for members that bring nothing, as long as they are there: time brings no copies", () => {
  const { world, members: [a] } = ringWithPushes("ab");
  // The answers to what d asks for never come, though pings do.
  const handle = a.machine.handle.bind(a.machine);
  let isDeaf = true;
  a.machine.handle = (event, clock) =>
    isDeaf && event.type === "message" && event.message.type === "PULL" ? [] : handle(event, clock);
  const d = world.start("d");
  world.until("d to ask", () => d.machine.membership.rows.length === 3);
  world.run(120_000);
  assert.equal(d.machine.membership.self.phase, "JOINING");
  isDeaf = false;
  world.until("d to serve", () => world.isWhole(3), { withinMs: 10_000 });
  world.run(10);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [`${a.machine.place(id)!.owner} one`]);
});

Deno.test("Join goes on when a member dies that was to bring something", () => {
  const { world, members: [a, b] } = ringWithPushes("abc");
  const d = world.start("d");
  world.until("d to be known", () => a.machine.membership.rows.length === 4);
  world.kill(b);
  world.until("d to serve", () => world.isWhole(3), { withinMs: 40_000 });
  world.run(10);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [`${d.machine.place(id)!.owner} one`]);
});
