/** Which of two pushes is the newer, whatever the clocks say. */

import assert from "node:assert/strict";
import {
  arrivalOf,
  compareVersions,
  firstSequence,
  nextVersion,
  type PushVersion,
} from "../../../ring/protocol/push_version.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_000_000_000;
const HOUR = 3_600_000;
const at = (ms: number, ingress = "a", sequence = 1, epoch = 1): PushVersion => ({ epoch, ms, ingress, sequence });

Deno.test("compareVersions() orders by epoch, then time, then ingress, then sequence", () => {
  const ascending = [at(1, "b", 9), at(2, "a", 9), at(2, "b", 1), at(2, "b", 2), at(3, "a", 1), at(1, "a", 1, 2)];
  for (const [i, one] of ascending.entries()) {
    for (const [j, other] of ascending.entries()) {
      assert.equal(Math.sign(compareVersions(one, other)), Math.sign(i - j));
    }
  }
});

Deno.test("nextVersion() is the owner's time where that goes forward, whatever the clock of an ingress says", () => {
  const origin = { ingress: "b", sequence: 7 };
  assert.deepEqual(nextVersion(origin, { held: undefined, epoch: 1, wallMs: NOW }), at(NOW, "b", 7));
  assert.deepEqual(nextVersion(origin, { held: at(NOW - 1), epoch: 1, wallMs: NOW }), at(NOW, "b", 7));
  assert.deepEqual(nextVersion(origin, { held: at(NOW - 1), epoch: 3, wallMs: NOW }), at(NOW, "b", 7, 3));
});

Deno.test("nextVersion() is newer than all that is held, wherever the owner's clock stands", () => {
  for (const held of [at(NOW), at(NOW + HOUR), at(NOW - HOUR), at(NOW + HOUR, "z", 9, 2), at(NOW - HOUR, "z", 9, 5)]) {
    for (const [ingress, sequence] of [["a", 1], ["b", 8], ["zz", 9]] as const) {
      const version = nextVersion({ ingress, sequence }, { held, epoch: 2, wallMs: NOW });
      assert.ok(compareVersions(version, held) > 0);
    }
  }
});

Deno.test("arrivalOf() knows a push that comes a second time, and one that another of its ingress has overtaken", () => {
  const held = at(NOW + HOUR, "b", 7);
  const kinds = [["b", 7], ["b", 6], ["b", 8], ["a", 1], ["c", 7]] as const;
  assert.deepEqual(kinds.map(([ingress, sequence]) => arrivalOf({ ingress, sequence }, held)), [
    "dup",
    "stale",
    "new",
    "new",
    "new",
  ]);
  assert.equal(arrivalOf({ ingress: "b", sequence: 1 }, undefined), "new");
});

Deno.test("arrivalOf() takes no push of a restarted member for one of the process before", () => {
  const [before, after] = [firstSequence(0.7), firstSequence(0.3)];
  const held = at(NOW + HOUR, "b", before + 7);
  for (const sequence of [after + 1, after + 7, after + 8]) {
    assert.equal(arrivalOf({ ingress: "b", sequence }, held), "new");
    const version = nextVersion({ ingress: "b", sequence }, { held, epoch: 1, wallMs: NOW });
    assert.ok(compareVersions(version, held) > 0);
  }
});

Deno.test("firstSequence() leaves room for the pushes of a process among the safe integers", () => {
  assert.equal(firstSequence(0), 0);
  assert.ok(Number.isSafeInteger(firstSequence(1 - Number.EPSILON) + 2 ** 32));
});
