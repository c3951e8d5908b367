/** How a member leaves, and that it does whatever the others do. */

import assert from "node:assert/strict";
import { LEAVE_MS } from "../../../ring/transfer/leaving.ts";
import { RingMachines } from "../../support/ring_machines.ts";
import { IDS, ringWithPushes } from "../../support/ring_of_machines.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("Leaving: heirs have copies before it hands over, and show them when it has", () => {
  const { world, members: [a, b, c, d] } = ringWithPushes("abcd");
  const owned = IDS.filter((id) => a.machine.place(id)!.owner === "a");
  world.handle(a, { type: "leave" });
  world.until("a to hand over", () => a.machine.membership.self.phase === "LEAVING");
  for (const id of owned) {
    assert.ok([b, c, d].filter(({ store }) => store.has(id)).length >= 2, `${id} has an owner and a standby to come`);
  }
  world.until("a to be gone", () => a.hasLeft, { withinMs: 3_000 });
  world.run(500);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), [`${b.machine.place(id)!.owner} one`]);
});

Deno.test("Leaving: pushes that come meanwhile go to their owners, and none is lost", () => {
  const { world, members: [a, b] } = ringWithPushes("ab");
  world.handle(a, { type: "leave" });
  const tokens: number[] = [];
  for (let i = 0; !a.hasLeft; i++) {
    tokens.push(world.push(a, IDS[i % IDS.length], `late ${i}`));
    world.run(100);
  }
  world.run(1_000);
  const acked = tokens.filter((token) => a.outcomes.get(token)?.result === "stored");
  assert.ok(acked.length > 0);
  acked.forEach((_token, i) => {
    if (acked.length - i <= IDS.length) assert.deepEqual(world.shownBy(IDS[i % IDS.length]), [`b late ${i}`]);
  });
  assert.equal(b.machine.membership.view.size, 1);
});

Deno.test("Leaving: one at a time, the other waits", () => {
  const { world, members: [a, b, c] } = ringWithPushes("abc");
  world.handle(a, { type: "leave" });
  world.until("a to hand over", () => a.machine.membership.self.phase === "LEAVING");
  world.run(5);
  world.handle(b, { type: "leave" });
  world.until("both to be gone", () => {
    assert.ok(a.hasLeft || b.machine.membership.self.phase === "ACTIVE");
    return a.hasLeft && b.hasLeft;
  }, { withinMs: 10_000 });
  world.run(1_000);
  for (const id of IDS) assert.deepEqual(world.shownBy(id), ["c one"]);
  assert.equal(c.machine.membership.view.size, 1);
});

Deno.test("Leaving takes no longer than its steps may, though nobody answers", () => {
  const { world, members: [a] } = ringWithPushes("ab");
  world.gets = () => false;
  world.handle(a, { type: "leave" });
  const { waiting, copying, handing } = LEAVE_MS;
  world.until("a to be gone", () => a.hasLeft, { withinMs: waiting + copying + handing + 1_000 });
});

Deno.test("Leaving is at once for who has not joined, and for who has lost its ring", () => {
  const world = new RingMachines(["a", "b"]);
  const a = world.start("a");
  world.handle(a, { type: "leave" });
  world.run(500);
  assert.ok(a.hasLeft);
  const { world: other, members: [, , c] } = ringWithPushes("abc");
  other.gets = (from, to) => from !== "c" && to !== "c";
  other.run(9_500);
  assert.equal(c.machine.closed(other.clock.now)?.reason, "fenced");
  other.handle(c, { type: "leave" });
  other.run(500);
  assert.ok(c.hasLeft);
});
