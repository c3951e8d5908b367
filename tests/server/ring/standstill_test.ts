import assert from "node:assert/strict";
import { Standstill } from "../../../server/ring/standstill.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("Standstill.isJustOver for a second after nobody has looked at the clock for more than five", () => {
  let now = 100;
  using standstill = new Standstill({ elapsed: () => now });
  const after = (ms: number) => {
    now += ms;
    return standstill.isJustOver;
  };
  assert.deepEqual([0, 500, 5_000].map(after), [false, false, false]);
  assert.deepEqual([5_001, 0, 999].map(after), [true, true, true]);
  assert.deepEqual([1, 500].map(after), [false, false]);
});
