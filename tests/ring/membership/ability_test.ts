/** When a member is fit to own clusters. */

import assert from "node:assert/strict";
import { Ability, PROBE_EVERY_MS, UNWELL_AFTER_MS, WELL_AGAIN_MS } from "../../../ring/membership/ability.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("Ability is lost when the store fails for a while, and not for one failure", () => {
  const ability = new Ability({ unwellAfterMs: UNWELL_AFTER_MS });
  assert.deepEqual([ability.isWell(0), ability.isUnwell(0)], [true, false]);
  ability.failed(100);
  assert.deepEqual([ability.isWell(100), ability.isUnwell(100 + UNWELL_AFTER_MS - 1)], [false, false]);
  ability.succeeded(200);
  assert.deepEqual([ability.isWell(200), ability.isUnwell(100 + UNWELL_AFTER_MS)], [true, false]);
  ability.failed(300);
  ability.failed(5_000);
  assert.equal(ability.isUnwell(300 + UNWELL_AFTER_MS), true);
});

Deno.test("Ability comes back a minute after the store works again, counted from the last failure", () => {
  const ability = new Ability({ unwellAfterMs: UNWELL_AFTER_MS });
  ability.failed(0);
  ability.failed(10_000);
  ability.saved(10_000 + UNWELL_AFTER_MS - 1);
  assert.equal(ability.isUnwell(20_000), true, "that it takes little says little");
  ability.saved(20_000);
  assert.deepEqual([ability.isUnwell(20_000), ability.isWell(20_000 + WELL_AGAIN_MS - 1)], [false, false]);
  assert.equal(ability.isWell(20_000 + WELL_AGAIN_MS), true);
});

Deno.test("Ability has the store tried each second while it fails", () => {
  const ability = new Ability({ unwellAfterMs: UNWELL_AFTER_MS });
  assert.equal(ability.mustProbe(0), false);
  ability.failed(0);
  assert.deepEqual([0, 1, PROBE_EVERY_MS].map((now) => ability.mustProbe(now)), [true, false, true]);
  ability.succeeded(2_000);
  assert.equal(ability.mustProbe(9_000), false);
});
