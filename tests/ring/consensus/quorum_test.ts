/** Which votes can speak for a view. */

import assert from "node:assert/strict";
import { becomesStrict, hasVote, isQuorum } from "../../../ring/consensus/quorum.ts";
import type { AgreedView } from "../../../ring/protocol/agreed_view.ts";
import { agreedView, row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WITNESS = row("A-witness", { isWitness: true });

const CASES: readonly [what: string, view: AgreedView, quorums: string, others: string][] = [
  ["one", agreedView(1, "a"), "a", ""],
  ["two that were never more", agreedView(1, "ab"), "a b ab", ""],
  ["two that were three", agreedView(1, "ab", { isStrict: true }), "a ab", "b"],
  ["three", agreedView(1, "abc"), "ab ac bc abc", "a b c"],
  ["four", agreedView(1, "abcd"), "ab ac ad abc bcd abcd", "a bc bd cd"],
  ["two and a witness", agreedView(1, [WITNESS, ..."ab"]), "ab aA bA abA", "a b A"],
  ["one and a witness of a lower name", agreedView(1, [WITNESS, ..."a"], { isStrict: true }), "a aA", "A"],
  ["three and a witness", agreedView(1, [WITNESS, ..."abc"]), "ab aA ac bcA", "bA cA bc a A"],
];

for (const [what, view, quorums, others] of CASES) {
  Deno.test(`isQuorum() is right about ${what}`, () => {
    const speaks = (names: string) => isQuorum(view, ({ name }) => names.includes(name[0]));
    for (const names of quorums.split(" ")) assert.equal(speaks(names), true, names);
    for (const names of others.split(" ")) assert.equal(speaks(names), false, names);
  });
}

Deno.test("isQuorum() never calls two parts without a vote in common quorums of a strict view", () => {
  for (const [, view] of CASES.filter(([, { isStrict, members }]) => isStrict || members.length !== 2)) {
    const names = view.members.map(({ name }) => name);
    for (let part = 0; part < 2 ** names.length; part++) {
      const isIn = (name: string) => (part >> names.indexOf(name)) % 2 === 1;
      const both = isQuorum(view, ({ name }) => isIn(name)) && isQuorum(view, ({ name }) => !isIn(name));
      assert.equal(both, false, `${names} by ${part}`);
    }
  }
});

Deno.test("hasVote() goes by name and disk: one whose disk is another has none", () => {
  const view = agreedView(1, "abc");
  assert.deepEqual([hasVote(view, row("a")), hasVote(view, row("a", { disk: "new" })), hasVote(view, row("d"))], [
    true,
    false,
    false,
  ]);
});

Deno.test("becomesStrict() once there are three, or a witness, and for good", () => {
  const strict = agreedView(1, "ab", { isStrict: true });
  assert.equal(becomesStrict(undefined, agreedView(1, "ab").members), false);
  assert.equal(becomesStrict(undefined, agreedView(1, "abc").members), true);
  assert.equal(becomesStrict(undefined, agreedView(1, [WITNESS, row("a")]).members), true);
  assert.equal(becomesStrict(strict, agreedView(2, "a").members), true);
});
