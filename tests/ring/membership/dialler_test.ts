/** When members are dialled. */

import assert from "node:assert/strict";
import {
  COURTESY_MS,
  Dialler,
  MAX_REDIAL_MS,
  MIN_REDIAL_MS,
  SHARED_REDIAL_MS,
  type Target,
} from "../../../ring/membership/dialler.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The times at which an address is dialled within a while, looked at every 100 ms. */
function dials(target: Target, { dialler, forMs, from = 0 }: { dialler: Dialler; forMs: number; from?: number }) {
  const times: number[] = [];
  for (let now = from; now < from + forMs; now += 100) if (dialler.due([target], now).length > 0) times.push(now);
  return times;
}

function pauses(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]);
}

for (const random of [0, 0.5, 1]) {
  Deno.test(`Dialler dials less and less often, between half a pause and all of it: ${random}`, () => {
    const found = pauses(
      dials({ address: "x", courtesy: false }, { dialler: new Dialler(() => random), forMs: 120_000 }),
    );
    assert.ok(found[0] <= MIN_REDIAL_MS && found[0] >= MIN_REDIAL_MS / 2);
    assert.ok(found.every((pause) => pause <= MAX_REDIAL_MS + 100));
    assert.ok(found.at(-1)! >= MAX_REDIAL_MS / 2);
  });
}

Deno.test("Dialler leaves it to the other side to dial first", () => {
  const [first] = dials({ address: "x", courtesy: true }, { dialler: new Dialler(() => 0.5), forMs: 10_000 });
  assert.equal(first, COURTESY_MS);
});

Deno.test("Dialler starts afresh with an address that was not wanted for a while", () => {
  const dialler = new Dialler(() => 1);
  dials({ address: "x", courtesy: false }, { dialler, forMs: 60_000 });
  dialler.due([], 60_000);
  assert.deepEqual(dialler.due([{ address: "x", courtesy: false }], 60_100), ["x"]);
});

Deno.test("Dialler goes on to dial what may stand for several members, though one of them is linked", () => {
  const dialler = new Dialler(() => 1);
  const times = dials({ address: "x", courtesy: false, shared: true }, { dialler, forMs: 10 * SHARED_REDIAL_MS });
  assert.equal(times.length, 10);
});

Deno.test("Dialler leaves its own address alone for a minute", () => {
  const dialler = new Dialler(() => 1);
  dialler.isSelf("x", 0);
  assert.deepEqual(dials({ address: "x", courtesy: false }, { dialler, forMs: 61_000 }), [60_000]);
});

Deno.test("Dialler.restart() dials at once what it had given less and less time to", () => {
  const dialler = new Dialler(() => 1);
  dials({ address: "x", courtesy: false }, { dialler, forMs: 60_000 });
  dialler.restart();
  assert.deepEqual(dialler.due([{ address: "x", courtesy: false }], 60_000), ["x"]);
});
