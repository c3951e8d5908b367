/** Which numbers of peers are believed. */

import assert from "node:assert/strict";
import { isBelieved, isBelievedTime, MAX_AHEAD_MS } from "../../../ring/protocol/headroom.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WALL_MS = 1_800_000_000_000;

Deno.test("isBelieved() believes what members get to by counting, whatever the clock says", () => {
  for (const wallMs of [0, -5, WALL_MS, 8.64e15]) {
    // A member that starts anew each second for thirty years.
    for (const count of [0, 1, 1_001 * 30 * 365 * 24 * 3_600]) {
      assert.ok(isBelieved(count, wallMs), `${count} at ${wallMs}`);
    }
  }
});

Deno.test("isBelieved() leaves room above whatever it believes: a millisecond later, for a thousand more", () => {
  const highest = WALL_MS * 1_000;
  assert.deepEqual([isBelieved(highest, WALL_MS), isBelieved(highest + 1, WALL_MS)], [true, false]);
  assert.ok(isBelieved(highest + 1_000, WALL_MS + 1));
  assert.equal(isBelieved(Number.MAX_SAFE_INTEGER, 8.64e15), false);
  assert.equal(isBelieved(2 ** 52, WALL_MS), false);
});

Deno.test("isBelievedTime() believes clocks that are years ahead, but not by an age", () => {
  assert.ok(isBelievedTime(WALL_MS + MAX_AHEAD_MS, WALL_MS));
  assert.equal(isBelievedTime(WALL_MS + MAX_AHEAD_MS + 1, WALL_MS), false);
  assert.ok(isBelievedTime(0, WALL_MS));
});
