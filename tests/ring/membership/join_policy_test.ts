/** When a member that joins may go on. */

import assert from "node:assert/strict";
import {
  ALL_LINKED_MS,
  flapPauseMs,
  type JoinSituation,
  JoinTurn,
  MAX_TURN_WAIT_MS,
  SILENT_SEEDS_MS,
} from "../../../ring/membership/join_policy.ts";
import type { Member } from "../../../ring/protocol/member.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const SELF = row("m", { phase: "JOINING" });
const JOINING = { phase: "JOINING" } as const;

function situation(now: number, others: readonly Member[], differs: Partial<JoinSituation> = {}): JoinSituation {
  return {
    now,
    name: "m",
    rows: [SELF, ...others],
    isLinked: () => true,
    agrees: () => true,
    knowsAll: false,
    knowsNobody: false,
    fenced: false,
    nameTaken: false,
    isWell: true,
    hasMajority: true,
    mayBeAlone: false,
    meetsStrangers: false,
    ...differs,
  };
}

for (
  const [what, others, differs, step] of [
    ["it knows of nobody", [], { knowsNobody: true }, "serve"],
    ["its seeds are silent", [], {}, "wait"],
    ["it was told of others, most of whom are not here", [], { hasMajority: false, knowsAll: true }, "wait"],
    [
      "somebody answers who is none of them, and a majority is here",
      [],
      { knowsNobody: true, meetsStrangers: true },
      "serve",
    ],
    ["it hears too few of its last ring", [], { knowsNobody: true, fenced: true }, "wait"],
    ["its name is taken", [row("a")], { nameTaken: true }, "wait"],
    ["another serves", [row("a")], {}, "pull"],
    ["another serves, and what it would own cannot be stored", [row("a")], { isWell: false }, "wait"],
    ["nobody serves, and what it would own cannot be stored", [], { knowsNobody: true, isWell: false }, "serve"],
    ["nobody who serves is linked", [row("a")], { isLinked: () => false }, "wait"],
    ["one who serves has another view", [row("a"), row("b")], { agrees: (name: string) => name === "a" }, "wait"],
    ["a lower name joins", [row("a"), row("b", JOINING)], {}, "wait"],
    ["a lower name that is suspected joins", [row("a"), row("b", { ...JOINING, status: "SUSPECT" })], {}, "pull"],
    ["a higher name joins", [row("a"), row("z", JOINING)], {}, "pull"],
    ["somebody leaves", [row("a"), row("z", { phase: "LEAVING" })], {}, "wait"],
    ["a lower name that is dead was joining", [row("a"), row("b", { ...JOINING, status: "DEAD" })], {}, "pull"],
  ] as [string, Member[], Partial<JoinSituation>, string][]
) {
  Deno.test(`JoinTurn lets a member ${step} at once when ${what}`, () => {
    assert.equal(new JoinTurn({ now: 0, flaps: 0 }).next(situation(0, others, differs)), step);
  });
}

Deno.test("JoinTurn goes on without seeds that are silent for 10 s", () => {
  const turn = new JoinTurn({ now: 0, flaps: 0 });
  assert.equal(turn.next(situation(SILENT_SEEDS_MS - 1, [])), "wait");
  assert.equal(turn.next(situation(SILENT_SEEDS_MS, [])), "serve");
});

Deno.test("JoinTurn starts no ring of one before a majority is here, unless it was in a ring before or is told to", () => {
  const turn = new JoinTurn({ now: 0, flaps: 0 });
  const late = 100 * SILENT_SEEDS_MS;
  const step = (differs: Partial<JoinSituation>) => turn.next(situation(late, [], { hasMajority: false, ...differs }));
  assert.equal(step({}), "wait");
  assert.equal(step({ mayBeAlone: true }), "serve");
  assert.equal(step({ mayBeAlone: true, meetsStrangers: true }), "wait");
  assert.equal(step({ hasMajority: true, meetsStrangers: true }), "serve");
});

Deno.test("JoinTurn goes on a little after all that it was told of are linked", () => {
  const turn = new JoinTurn({ now: 0, flaps: 0 });
  const step = (now: number, knowsAll: boolean) => turn.next(situation(now, [], { knowsAll }));
  assert.equal(step(100, true), "wait");
  assert.equal(step(1_000, false), "wait");
  assert.equal(step(2_000, true), "wait");
  assert.equal(step(2_000 + ALL_LINKED_MS - 1, true), "wait");
  assert.equal(step(2_000 + ALL_LINKED_MS, true), "serve");
});

Deno.test("JoinTurn lets those who come up together serve without a pull, though one was first", () => {
  const turn = new JoinTurn({ now: 0, flaps: 0 });
  assert.equal(turn.next(situation(0, [row("a", JOINING), row("b", JOINING)])), "wait");
  assert.equal(turn.next(situation(250, [row("a"), row("b", JOINING)])), "serve");
});

Deno.test("JoinTurn has a member pull from one that served before, and from a fellow in another stay", () => {
  for (const served of [row("c"), row("a", { since: 2 })]) {
    const turn = new JoinTurn({ now: 0, flaps: 0 });
    turn.next(situation(0, [row("a", JOINING)]));
    assert.equal(turn.next(situation(250, [served])), "pull");
  }
});

Deno.test("JoinTurn does not wait for the transitions of others for ever", () => {
  const turn = new JoinTurn({ now: 0, flaps: 0 });
  const others = [row("a"), row("b", JOINING)];
  assert.equal(turn.next(situation(1_000, others)), "wait");
  assert.equal(turn.next(situation(1_000 + MAX_TURN_WAIT_MS - 1, others)), "wait");
  assert.equal(turn.next(situation(1_000 + MAX_TURN_WAIT_MS, others)), "pull");
});

for (
  const [flaps, pauseMs] of [[0, 0], [1, 0], [2, 5_000], [3, 10_000], [6, 80_000], [7, 120_000], [1_000, 120_000]]
) {
  Deno.test(`JoinTurn has a member pause for ${pauseMs} ms that has come and gone ${flaps} times`, () => {
    assert.equal(flapPauseMs(flaps), pauseMs);
    const turn = new JoinTurn({ now: 50, flaps });
    if (pauseMs > 0) assert.equal(turn.next(situation(50 + pauseMs - 1, [row("a")])), "wait");
    assert.equal(turn.next(situation(50 + pauseMs, [row("a")])), "pull");
    // Where nobody serves, there is nobody to be spared its comings and goings.
    const alone = situation(50 + SILENT_SEEDS_MS, []);
    assert.equal(new JoinTurn({ now: 50, flaps }).next(alone), "serve");
  });
}
