/** Views and their digests. */

import assert from "node:assert/strict";
import { RingView } from "../../../ring/placement/view.ts";
import { keyHash, PLACEMENT_RULE } from "../../../ring/placement/rendezvous.ts";
import type { Member } from "../../../ring/protocol/member.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const ROWS = [row("c"), row("a"), row("b")];
const KEYS = Array.from({ length: 200 }, (_, i) => keyHash(`cluster-${i}`));

Deno.test("RingView.of() takes those who are there and serve, whatever the order of the table", () => {
  const table = [
    ...ROWS,
    row("joins", { phase: "JOINING" }),
    row("leaves", { phase: "LEAVING" }),
    row("dead", { status: "DEAD" }),
    row("left", { status: "LEFT" }),
  ];
  const view = RingView.of(table);
  assert.deepEqual(view.names, ["a", "b", "c"]);
  assert.deepEqual([view.size, view.has("a"), view.has("dead")], [3, true, false]);
  assert.equal(view.digest, RingView.of(table.toReversed()).digest);
});

Deno.test("RingView.of() keeps who is suspected where it is", () => {
  assert.equal(
    RingView.of([row("a", { status: "SUSPECT" }), ...ROWS.slice(2)]).digest,
    RingView.of([row("a"), row("b")]).digest,
  );
});

const DIFFERENCES: readonly Partial<Member>[] = [
  { host: "elsewhere" },
  { since: 2 },
  { phase: "LEAVING" },
  { status: "DEAD" },
  { isWitness: true },
  { rule: PLACEMENT_RULE - 1 },
];

for (const differs of DIFFERENCES) {
  Deno.test(`RingView.digest differs for a member that has ${JSON.stringify(differs)}`, () => {
    assert.notEqual(RingView.of([...ROWS.slice(0, 2), row("b", differs)]).digest, RingView.of(ROWS).digest);
  });
}

Deno.test("RingView.digest is the same for another incarnation of the same stay: a refuted suspicion moves nothing", () => {
  assert.equal(
    RingView.of([...ROWS.slice(0, 2), row("b", { incarnation: 9 })]).digest,
    RingView.of(ROWS).digest,
  );
});

Deno.test("RingView places nothing on a witness, which votes", () => {
  const view = RingView.of([...ROWS, row("w", { isWitness: true })]), without = RingView.of(ROWS);
  for (const key of KEYS) {
    assert.deepEqual(view.place(key), without.place(key));
    assert.equal(view.successors(key).includes("w"), false);
    assert.deepEqual(without.with(row("w", { isWitness: true })).place(key), without.place(key));
  }
  assert.deepEqual([view.size, view.votes, view.has("w"), view.sinceOf("w")], [3, 4, false, 1]);
  assert.deepEqual([view.names, view.witnesses], [["a", "b", "c"], ["w"]]);
});

Deno.test("RingView.rule is the latest one that all of its members know, and one that we know", () => {
  assert.equal(RingView.of(ROWS).rule, PLACEMENT_RULE);
  assert.equal(RingView.of([...ROWS, row("d", { rule: PLACEMENT_RULE + 1 })]).rule, PLACEMENT_RULE);
  assert.equal(RingView.of([...ROWS, row("d", { rule: PLACEMENT_RULE - 1 })]).rule, PLACEMENT_RULE - 1);
});

Deno.test("RingView.with() and without() place like the view that will be", () => {
  const view = RingView.of(ROWS), smaller = RingView.of([row("a"), row("b")]);
  for (const key of KEYS) {
    assert.deepEqual(smaller.with(row("c")).place(key), view.place(key));
    assert.deepEqual(view.without("c").place(key), smaller.place(key));
  }
  assert.equal(smaller.with(row("c")).digest, view.digest);
});

Deno.test("RingView.place() knows no place where nobody is, and no standby where one is alone", () => {
  assert.equal(new RingView([]).place(KEYS[0]), undefined);
  assert.deepEqual({ ...new RingView([row("a")]).place(KEYS[0]) }, { owner: "a" });
});

Deno.test("RingView.place() keeps owner and standby on different hosts, where there are two", () => {
  const view = new RingView([
    row("a", { host: "x" }),
    row("b", { host: "x" }),
    row("c", { host: "x" }),
    row("d", { host: "y" }),
  ]);
  for (const key of KEYS) {
    const { owner, standby } = view.place(key)!;
    assert.equal([owner, standby].includes("d"), true, `${owner} ${standby}`);
  }
});
