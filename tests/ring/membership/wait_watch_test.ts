/** What a member says that shows nothing as it waits for others. */

import assert from "node:assert/strict";
import { WAIT_TOLD_AGAIN_MS, WAIT_TOLD_MS, WAIT_WARNED_MS, WaitWatch } from "../../../ring/membership/wait_watch.ts";
import { type Awaited, awaitedText } from "../../../ring/protocol/awaited.ts";
import type { Closed } from "../../../ring/protocol/closed.ts";
import { ringContext } from "../../support/ring_context.ts";
import { ringOf, ringWithPushes } from "../../support/ring_of_machines.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const UNSETTLED: Closed = { reason: "unsettled", message: "The other members have not confirmed the view yet" };

/** A watch of a member that waits for `b`, and what it has told. */
function open() {
  const state: { closed: Closed | undefined; isFenced: boolean } = { closed: UNSETTLED, isFenced: false };
  const context = ringContext({ isFenced: () => state.isFenced });
  const watch = new WaitWatch(context, {
    outlook: { closed: () => state.closed, awaited: () => [{ member: "b", why: "owes" }] },
  });
  const told = () => context.effects.splice(0).flatMap((effect) => effect.do === "note" ? [effect] : []);
  return { state, watch, told };
}

Deno.test("WaitWatch says who is waited for once that takes long, warns when it takes longer, and then each minute", () => {
  const { watch, told } = open();
  const levels = new Map<number, string>();
  for (let now = 0; now <= WAIT_WARNED_MS + 2 * WAIT_TOLD_AGAIN_MS; now += 50) {
    watch.tick(now);
    for (const { level, fields } of told()) {
      levels.set(now, level);
      assert.deepEqual(fields, {
        why: UNSETTLED.message,
        waitsFor: "b, which has clusters left to hand over",
        forMs: now,
      });
    }
  }
  assert.deepEqual([...levels], [
    [WAIT_TOLD_MS, "info"],
    [WAIT_WARNED_MS, "warn"],
    [WAIT_WARNED_MS + WAIT_TOLD_AGAIN_MS, "warn"],
    [WAIT_WARNED_MS + 2 * WAIT_TOLD_AGAIN_MS, "warn"],
  ]);
});

Deno.test("WaitWatch counts each wait from its beginning, and none that nobody else can end", () => {
  const { state, watch, told } = open();
  watch.tick(0);
  state.closed = undefined;
  watch.tick(WAIT_TOLD_MS);
  state.closed = UNSETTLED;
  watch.tick(WAIT_TOLD_MS + 50);
  watch.tick(2 * WAIT_TOLD_MS);
  state.closed = { reason: "leaving", message: "This member is leaving the ring" };
  watch.tick(5 * WAIT_TOLD_MS);
  assert.deepEqual(told(), []);
});

Deno.test("WaitWatch says what to do where too few of a ring are left", () => {
  const { state, watch, told } = open();
  state.isFenced = true;
  watch.tick(0);
  watch.tick(WAIT_WARNED_MS);
  const [{ sentence }] = told();
  assert.match(sentence, /\/-\/ring\/force-view \(docs\/operations\.md#when-most-of-a-ring-is-lost\)/);
});

Deno.test("awaitedText() names ten members, and counts the others", () => {
  const awaited = Array.from({ length: 12 }, (_, i): Awaited => ({ member: `m${i}`, why: "unconfirmed" }));
  const text = awaitedText(awaited)!;
  assert.match(text, /^m0, which has not confirmed the view; .*; m9, which has not confirmed the view; 2 more$/);
  assert.equal(awaitedText([]), undefined);
});

Deno.test("Outlook names those that a member of a ring without majority waits for", () => {
  const { world, members: [a] } = ringOf("abc");
  world.gets = (from, to) => from === to;
  world.until("a to lose quorum", () => a.machine.closed(world.clock.now)?.reason === "fenced", { withinMs: 20_000 });
  assert.deepEqual(a.machine.membership.awaited(world.clock.now), [
    { member: "b", why: "unreachable" },
    { member: "c", why: "unreachable" },
  ]);
});

Deno.test("a member whose disk takes nothing says who has yet to hand over to it, that one which clusters it cannot bring, and both are quiet in the end", () => {
  const { world, members: [a, b] } = ringWithPushes("ab");
  world.kill(b);
  b.store.clear();
  world.failing.add("b");
  const again = world.start("b");
  world.until("b to wait for a", () => {
    const awaited = again.machine.membership.awaited(world.clock.now);
    return awaited.some(({ member, why }) => member === "a" && why === "owes");
  }, { withinMs: 20_000 });
  assert.notEqual(again.machine.closed(world.clock.now), undefined);
  world.run(5_000);
  assert.ok(a.machine.load.owedTo.get("b")! > 0);
  world.run(WAIT_WARNED_MS);
  assert.ok(again.notes.includes("Shows nothing, and waits for others of the ring"), again.notes.join("\n"));
  assert.ok(a.notes.includes("Cannot bring a cluster to another member, and tries again"), a.notes.join("\n"));
  world.failing.delete("b");
  world.until("both to show what they own", () => again.machine.closed(world.clock.now) === undefined, {
    withinMs: 90_000,
  });
  assert.equal(a.machine.load.owedTo.size, 0);
});
