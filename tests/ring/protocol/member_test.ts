/** How two accounts of one member become one. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { isPlaced, isPresent, type Member, mergeMember, PHASES, STATUSES } from "../../../ring/protocol/member.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const accounts: fc.Arbitrary<Member> = fc.record({
  incarnation: fc.integer({ min: 1, max: 3 }),
  boot: fc.constantFrom("1", "2"),
  status: fc.constantFrom(...STATUSES),
  phase: fc.constantFrom(...PHASES),
}).map((differs) => row("a", differs));

for (
  const [what, known, heard, merged] of [
    ["a higher incarnation wins over the worst", { incarnation: 1, status: "LEFT" }, { incarnation: 2 }, "heard"],
    ["a lower incarnation is no news", { incarnation: 2 }, { incarnation: 1, status: "LEFT" }, "known"],
    ["SUSPECT wins over ALIVE", { status: "ALIVE" }, { status: "SUSPECT" }, "heard"],
    ["ALIVE does not win over SUSPECT", { status: "SUSPECT" }, { status: "ALIVE" }, "known"],
    ["DEAD wins over SUSPECT", { status: "SUSPECT" }, { status: "DEAD" }, "heard"],
    ["SUSPECT does not win over DEAD", { status: "DEAD" }, { status: "SUSPECT" }, "known"],
    ["LEFT wins over DEAD", { status: "DEAD" }, { status: "LEFT" }, "heard"],
    ["DEAD does not win over LEFT", { status: "LEFT" }, { status: "DEAD" }, "known"],
    ["the later phase wins", { phase: "JOINING" }, { phase: "ACTIVE" }, "heard"],
    ["the earlier phase is no news", { phase: "LEAVING" }, { phase: "ACTIVE" }, "known"],
    ["at one incarnation the higher boot wins", { boot: "1" }, { boot: "2", phase: "JOINING" }, "heard"],
    ["at one incarnation the lower boot is no news", { boot: "2" }, { boot: "1", status: "LEFT" }, "known"],
    ["the higher incarnation wins over the higher boot", { boot: "2" }, { boot: "1", incarnation: 2 }, "heard"],
  ] as [string, Partial<Member>, Partial<Member>, "known" | "heard"][]
) {
  Deno.test(`mergeMember(): ${what}`, () => {
    const rows = { known: row("a", known), heard: row("a", heard) };
    assert.deepEqual(mergeMember(rows.known, rows.heard), rows[merged]);
    if (merged === "known") assert.equal(mergeMember(rows.known, rows.heard), rows.known, "no news is the same object");
  });
}

Deno.test("mergeMember() takes the worse status and the later phase, each from whoever tells of it", () => {
  const merged = mergeMember(row("a", { status: "DEAD", phase: "JOINING" }), row("a", { phase: "LEAVING" }));
  assert.deepEqual([merged.status, merged.phase], ["DEAD", "LEAVING"]);
});

Deno.test("mergeMember() comes to the same in whatever order, and however often, accounts are heard", () => {
  fc.assert(fc.property(fc.array(accounts, { minLength: 1, maxLength: 6 }), fc.gen(), (heard, gen) => {
    const again = gen(() => fc.shuffledSubarray([...heard, ...heard], { minLength: 2 * heard.length }));
    const all = (rows: readonly Member[]) => rows.reduce(mergeMember);
    assert.deepEqual(all(again), all(heard));
  }));
});

for (
  const [status, phase, present, placed] of [
    ["ALIVE", "JOINING", true, false],
    ["ALIVE", "ACTIVE", true, true],
    ["SUSPECT", "ACTIVE", true, true],
    ["DEAD", "ACTIVE", false, false],
    ["LEFT", "ACTIVE", false, false],
    ["ALIVE", "LEAVING", true, false],
  ] as const
) {
  Deno.test(`isPresent() and isPlaced() of a member that is ${status} and ${phase}`, () => {
    assert.deepEqual([isPresent(row("a", { status, phase })), isPlaced(row("a", { status, phase }))], [
      present,
      placed,
    ]);
  });
}
