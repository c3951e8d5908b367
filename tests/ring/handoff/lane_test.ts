/** What is on its way to one member. */

import assert from "node:assert/strict";
import { Lane } from "../../../ring/handoff/lane.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("Lane.owe() offers what is not on its way already", () => {
  const lane = new Lane("b");
  lane.urgent.add("c1");
  lane.wanted.add("c2");
  for (const id of ["c1", "c2", "c3"]) lane.owe(id);
  assert.deepEqual([[...lane.owed], [...lane.toOffer]], [["c1", "c2", "c3"], ["c3"]]);
  assert.deepEqual([lane.isClear, lane.isIdle], [false, false]);
});

Deno.test("Lane.settle() takes an entry out of everything", () => {
  const lane = new Lane("b");
  lane.owe("c1");
  lane.urgent.add("c1");
  lane.wanted.add("c1");
  lane.settle("c1");
  assert.deepEqual([lane.owed, lane.toOffer, lane.urgent, lane.wanted].map(({ size }) => size), [0, 0, 0, 0]);
  assert.deepEqual([lane.isClear, lane.isIdle], [true, true]);
});

Deno.test("Lane.clear() forgets what was owed and offered, but not what is under way, nor who waits for it", () => {
  const lane = new Lane("b");
  const version = { ms: 1, ingress: "a", sequence: 1 };
  lane.owe("c1");
  lane.offer = { request: 1, versions: new Map([["c1", version]]), deadline: 9 };
  lane.underWay.set(2, { id: "c2", version, deadline: 9 });
  lane.pulls.add(3);
  lane.clear();
  assert.deepEqual([lane.isClear, lane.isIdle, lane.offer], [true, false, undefined]);
  assert.deepEqual([lane.underWay.size, lane.pulls.size], [1, 1]);
});
