/** Which of two pushes is the newer, whatever the clocks say. */

import assert from "node:assert/strict";
import {
  arrivalVersion,
  CLOCK_LEEWAY_MS,
  compareVersions,
  firstSequence,
  type PushVersion,
} from "../../../ring/protocol/push_version.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_000_000_000;
const at = (ms: number, ingress = "a", sequence = 1): PushVersion => ({ ms, ingress, sequence });

Deno.test("compareVersions() orders by time, then ingress, then sequence", () => {
  const ascending = [at(1, "b", 9), at(2, "a", 9), at(2, "b", 1), at(2, "b", 2), at(3, "a", 1)];
  for (const [i, one] of ascending.entries()) {
    for (const [j, other] of ascending.entries()) {
      assert.equal(Math.sign(compareVersions(one, other)), Math.sign(i - j));
    }
  }
});

Deno.test("arrivalVersion() keeps a time within the leeway, and moves others to its edge", () => {
  for (
    const [ms, expected] of [
      [NOW, NOW],
      [NOW + CLOCK_LEEWAY_MS, NOW + CLOCK_LEEWAY_MS],
      [NOW + CLOCK_LEEWAY_MS + 1, NOW + CLOCK_LEEWAY_MS],
      [NOW - 3_600_000, NOW - CLOCK_LEEWAY_MS],
    ]
  ) assert.deepEqual(arrivalVersion(at(ms), { wallMs: NOW }), at(expected));
});

Deno.test("arrivalVersion() is newer than what bears a time that has not come yet", () => {
  const held = at(NOW + 3_600_000, "b", 7);
  for (const push of [at(NOW, "a", 1), at(NOW, "b", 8), at(NOW - 3_600_000, "b", 9)]) {
    assert.ok(compareVersions(arrivalVersion(push, { held, wallMs: NOW }), held) > 0);
  }
});

Deno.test("arrivalVersion() knows a push that comes a second time, though its time has not come yet", () => {
  const held = at(NOW + 3_600_000, "b", 7);
  assert.ok(compareVersions(arrivalVersion({ ...held }, { held, wallMs: NOW }), held) <= 0);
  assert.ok(compareVersions(arrivalVersion(at(NOW, "b", 6), { held, wallMs: NOW }), held) < 0);
});

Deno.test("arrivalVersion() takes no push of a restarted member for one of the process before", () => {
  const [before, after] = [firstSequence(0.7), firstSequence(0.3)];
  const held = at(NOW + 3_600_000, "b", before + 7);
  for (const sequence of [after + 1, after + 7, after + 8]) {
    assert.ok(compareVersions(arrivalVersion(at(NOW, "b", sequence), { held, wallMs: NOW }), held) > 0);
  }
});

Deno.test("firstSequence() leaves room for the pushes of a process among the safe integers", () => {
  assert.equal(firstSequence(0), 0);
  assert.ok(Number.isSafeInteger(firstSequence(1 - Number.EPSILON) + 2 ** 32));
});
