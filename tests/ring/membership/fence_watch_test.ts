/** What comes of losing quorum, and of having it again. */

import assert from "node:assert/strict";
import { FailureDetector, QUIET_AFTER_STALL_MS } from "../../../ring/membership/failure_detector.ts";
import { FenceWatch } from "../../../ring/membership/fence_watch.ts";
import { MemberTable } from "../../../ring/membership/member_table.ts";
import { Peers } from "../../../ring/membership/peers.ts";
import type { Phase } from "../../../ring/protocol/member.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The watch of a member whose view is agreed. */
function open(phase: Phase) {
  const state = { isFenced: false };
  const context = ringContext({ self: () => row("a", { phase }), isFenced: () => state.isFenced });
  const table = new MemberTable(row("a"));
  const detector = new FailureDetector(context, { table, peers: new Peers(), onSilent: () => {} });
  const watch = new FenceWatch(context, { detector });
  const notes = () => context.effects.splice(0).map((effect) => effect.do === "note" && effect.sentence);
  return { state, detector, watch, notes };
}

Deno.test("FenceWatch says once that quorum is lost", () => {
  const { state, watch, notes } = open("ACTIVE");
  watch.tick(1);
  assert.deepEqual([watch.isBehind, notes()], [false, []]);
  state.isFenced = true;
  watch.tick(2);
  watch.tick(3);
  assert.equal(watch.isBehind, true);
  assert.deepEqual(notes(), ["Lost quorum: showing nothing until enough members answer"]);
});

Deno.test("FenceWatch lets nobody be accused for a while when quorum is regained", () => {
  const { state, detector, watch, notes } = open("ACTIVE");
  state.isFenced = true;
  watch.tick(1);
  notes();
  state.isFenced = false;
  watch.tick(100);
  assert.deepEqual(notes(), ["Regained quorum"]);
  assert.equal(watch.isBehind, false);
  assert.deepEqual(
    [99, 100 + QUIET_AFTER_STALL_MS - 1, 100 + QUIET_AFTER_STALL_MS].map((now) => detector.isQuiet(now)),
    [true, true, false],
  );
});

Deno.test("FenceWatch says nothing of a member that has not joined, but excuses the silence all the same", () => {
  const { state, detector, watch, notes } = open("JOINING");
  state.isFenced = true;
  watch.tick(1);
  assert.deepEqual([watch.isBehind, notes()], [false, []]);
  state.isFenced = false;
  watch.tick(2);
  assert.deepEqual([detector.isQuiet(3), notes()], [true, []]);
});
