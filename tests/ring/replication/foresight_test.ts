/** How heirs make ready what they are about to own. */

import assert from "node:assert/strict";
import { TICK_MS } from "../../../ring/protocol/effects.ts";
import { assertShown, IDS, pushAll, ringOf } from "../../support/ring_of_machines.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("RingMachine: heirs make ready what they would own, before the view without a silent member is decided", () => {
  const { world, members } = ringOf("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  const owned = IDS.filter((id) => a.machine.place(id)!.owner === "c");
  world.gets = (from, to) => ![from, to].includes("c");
  const heirs = new Map<string, ReadonlySet<string>>();
  world.until("a view without c", () => {
    const isDecided = a.machine.membership.view.size === 2;
    if (!isDecided) { for (const heir of [a, b]) heirs.set(heir.name, new Set(heir.prepared)); }
    return isDecided;
  }, { withinMs: 5_000 });
  for (const id of owned) {
    const { owner } = a.machine.place(id)!;
    assert.ok(heirs.get(owner)!.has(id), `${owner} prepares ${id}`);
  }
  assert.equal(heirs.get("a")!.size + heirs.get("b")!.size, owned.length, "and nothing else");
  assert.deepEqual([...c.prepared], [], "who hears nobody expects to inherit nothing");
  const isInherited = (id: string) => world.shownBy(id).includes(`${a.machine.place(id)!.owner} one`);
  world.until("the heirs to show it", () => owned.every(isInherited), { withinMs: 1_000 });
  assert.deepEqual([a.prepared.size, b.prepared.size], [0, 0], "nothing is kept ready after that");
});

Deno.test("RingMachine: what was made ready is given up when the member is heard again", () => {
  const { world, members } = ringOf("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  world.unlink("a", "c");
  world.unlink("b", "c");
  assert.ok(a.prepared.size > 0 && b.prepared.size > 0, "its links have ended");
  world.until("c to be linked again", () => a.links.has("c") && b.links.has("c"), { withinMs: 1_000 });
  world.run(TICK_MS);
  assert.deepEqual([a.prepared.size, b.prepared.size, c.prepared.size], [0, 0, 0]);
  assert.equal(a.machine.membership.view.size, 3);
});

Deno.test("RingMachine: heirs of one that leaves make ready what they will own while it still shows it", () => {
  const { world, members } = ringOf("abc"), [a, b, c] = members;
  pushAll(world, { members, text: "one" });
  const owned = IDS.filter((id) => a.machine.place(id)!.owner === "c");
  world.handle(c, { type: "leave" });
  world.until("c to hand over", () => c.machine.membership.self.phase === "LEAVING", { withinMs: 3_000 });
  assert.equal(a.prepared.size + b.prepared.size, owned.length);
  world.until("c to be gone", () => c.hasLeft);
  world.run(500);
  assertShown(world, { by: a, text: "one" });
  assert.deepEqual([a.prepared.size, b.prepared.size], [0, 0]);
});
