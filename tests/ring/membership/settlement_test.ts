/** When a member may show what a new view has given it. */

import assert from "node:assert/strict";
import { MAX_SETTLE_MS, Settlement } from "../../../ring/membership/settlement.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const VIEW = "v";
const said = (askedAt: number, { view = VIEW, clear = true } = {}) => ({ askedAt, view, clear });

Deno.test("Settlement starts unsettled, with nothing shown, and agrees at once where nobody else is", () => {
  const settlement = new Settlement(5);
  assert.deepEqual([settlement.state, settlement.shows, settlement.since], ["unsettled", false, 5]);
  assert.ok(settlement.check([], { view: VIEW, now: 5 }));
  assert.deepEqual([settlement.state, settlement.shows], ["agreed", true]);
  assert.equal(settlement.check([], { view: VIEW, now: 6 }), false, "nothing has changed");
});

for (
  const [what, confirmation, confirms] of [
    ["an answer to a ping from after the change", said(100), true],
    ["an answer to a ping from before the change", said(99), false],
    ["no answer", undefined, false],
    ["another view", said(100, { view: "w" }), false],
    ["not all handed over", said(100, { clear: false }), false],
  ] as const
) {
  Deno.test(`Settlement takes for a confirmation: ${what}: ${confirms}`, () => {
    const settlement = new Settlement(100);
    assert.equal(settlement.confirms(confirmation, VIEW), confirms);
    assert.equal(settlement.check([said(100), confirmation], { view: VIEW, now: 101 }), confirms);
    assert.equal(settlement.state, confirms ? "agreed" : "unsettled");
  });
}

Deno.test("Settlement goes on overdue in the end, and agrees when the last has confirmed", () => {
  const settlement = new Settlement(0);
  assert.equal(settlement.check([undefined], { view: VIEW, now: MAX_SETTLE_MS - 1 }), false);
  assert.ok(settlement.check([undefined], { view: VIEW, now: MAX_SETTLE_MS }));
  assert.deepEqual([settlement.state, settlement.shows], ["overdue", true]);
  assert.equal(settlement.check([undefined], { view: VIEW, now: MAX_SETTLE_MS + 1 }), false);
  assert.ok(settlement.check([said(3)], { view: VIEW, now: MAX_SETTLE_MS + 2 }));
  assert.equal(settlement.state, "agreed");
});

Deno.test("Settlement goes on to show through a change of the view, but not through a loss", () => {
  const settlement = new Settlement(0);
  settlement.check([], { view: VIEW, now: 0 });
  settlement.viewChanged(10);
  assert.deepEqual([settlement.state, settlement.shows, settlement.since], ["unsettled", true, 10]);
  settlement.lost(20);
  assert.deepEqual([settlement.state, settlement.shows, settlement.since], ["unsettled", false, 20]);
});
