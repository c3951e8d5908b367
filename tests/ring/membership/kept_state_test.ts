/** What a member keeps over a restart. */

import assert from "node:assert/strict";
import { INCARNATION_RESERVE, KeptState } from "../../../ring/membership/kept_state.ts";
import { agreedView } from "../../support/ring_rows.ts";
import { ringContext } from "../../support/ring_context.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const AGREED = agreedView(4, "b");
/** What a random number of a half makes of a disk. */
const DISK = "8".repeat(32);

Deno.test("KeptState starts above what the last process can have used, and saves at once that it did", () => {
  const context = ringContext();
  const first = new KeptState(context, undefined);
  assert.deepEqual([first.firstIncarnation, first.flaps, first.epoch, first.agreed], [1, 0, 0, undefined]);
  const second = new KeptState(context, { incarnation: 1_001, flaps: 0, disk: "mine", agreed: AGREED });
  assert.deepEqual([second.firstIncarnation, second.flaps, second.epoch, second.agreed], [1_002, 1, 4, AGREED]);
  assert.deepEqual(context.effects, [
    { do: "save", number: 1, state: { incarnation: 1 + INCARNATION_RESERVE, flaps: 0, disk: DISK } },
    {
      do: "save",
      number: 1,
      state: { incarnation: 1_002 + INCARNATION_RESERVE, flaps: 1, disk: "mine", agreed: AGREED },
    },
  ]);
});

Deno.test("KeptState.reserve() saves a higher incarnation while half of the reserve is left, and nothing before", () => {
  const context = ringContext();
  const kept = new KeptState(context, undefined);
  context.effects.length = 0;
  kept.reserve(1 + INCARNATION_RESERVE / 2);
  assert.deepEqual(context.effects, []);
  const next = 2 + INCARNATION_RESERVE / 2;
  kept.reserve(next);
  assert.deepEqual(context.effects, [{
    do: "save",
    number: 2,
    state: { incarnation: next + INCARNATION_RESERVE, flaps: 0, disk: DISK },
  }]);
});

Deno.test("KeptState saves all that it has with each change", () => {
  const context = ringContext();
  const kept = new KeptState(context, { incarnation: 9, flaps: 2 });
  context.effects.length = 0;
  kept.agree(AGREED);
  kept.countFlaps(0);
  const incarnation = 10 + INCARNATION_RESERVE;
  assert.deepEqual(context.effects, [
    { do: "save", number: 2, state: { incarnation, flaps: 3, disk: DISK, agreed: AGREED } },
    { do: "save", number: 3, state: { incarnation, flaps: 0, disk: DISK, agreed: AGREED } },
  ]);
});

Deno.test("KeptState keeps what was promised until that view is decided, under numbers that rise", () => {
  const context = ringContext();
  const kept = new KeptState(context, undefined);
  const acceptor = { epoch: 4, promised: { round: 1, proposer: "b" } };
  assert.deepEqual([kept.vote(acceptor), kept.vote(acceptor)], [2, 3]);
  const saved = context.effects.at(-1);
  assert.ok(saved?.do === "save");
  assert.deepEqual([new KeptState(context, saved.state).acceptor, kept.disk], [acceptor, DISK]);
  kept.agree(AGREED);
  assert.equal(kept.acceptor, undefined);
});
