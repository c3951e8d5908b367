/** When a member may show what a new view has given it. */

import assert from "node:assert/strict";
import { ViewAgreement } from "../../../ring/membership/view_agreement.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const VIEW = "v";
const said = (askedAt: number, { view = VIEW, clear = true } = {}) => ({ askedAt, view, clear });

Deno.test("ViewAgreement starts unsettled, with nothing shown, and agrees at once where nobody else is", () => {
  const agreement = new ViewAgreement(5);
  assert.deepEqual([agreement.state, agreement.shows, agreement.since], ["unsettled", false, 5]);
  assert.ok(agreement.check([], { view: VIEW }));
  assert.deepEqual([agreement.state, agreement.shows], ["agreed", true]);
  assert.equal(agreement.check([], { view: VIEW }), false, "nothing has changed");
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
  Deno.test(`ViewAgreement takes for a confirmation: ${what}: ${confirms}`, () => {
    const agreement = new ViewAgreement(100);
    assert.equal(agreement.confirms(confirmation, VIEW), confirms);
    assert.equal(agreement.check([said(100), confirmation], { view: VIEW }), confirms);
    assert.equal(agreement.state, confirms ? "agreed" : "unsettled");
  });
}

Deno.test("ViewAgreement waits for the last one for as long as it takes", () => {
  const agreement = new ViewAgreement(0);
  assert.equal(agreement.check([undefined], { view: VIEW }), false);
  assert.deepEqual([agreement.state, agreement.shows], ["unsettled", false]);
  assert.ok(agreement.check([said(1e9)], { view: VIEW }));
  assert.deepEqual([agreement.state, agreement.shows], ["agreed", true]);
});

Deno.test("ViewAgreement goes on to show through a change of the view, but not through a loss", () => {
  const agreement = new ViewAgreement(0);
  agreement.check([], { view: VIEW });
  agreement.viewChanged(10);
  assert.deepEqual([agreement.state, agreement.shows, agreement.since], ["unsettled", true, 10]);
  agreement.lost(20);
  assert.deepEqual([agreement.state, agreement.shows, agreement.since], ["unsettled", false, 20]);
});
