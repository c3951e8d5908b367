/** What a member owes the others of what it holds. */

import assert from "node:assert/strict";
import type { Transfers } from "../../../ring/transfer/transfers.ts";
import { TransferPlan } from "../../../ring/transfer/transfer_plan.ts";
import type { Member } from "../../../ring/protocol/member.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { EntryTable, type HeldEntry } from "../../../ring/replication/entry_table.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const CLOCK = { now: 0, wall: 0 };
const IDS = Array.from({ length: 60 }, (_, i) => `c${i}`);

/** The transfer plan of `a` among members, with everything held; what is owed to whom. */
function open(names: string) {
  const rows = new Map<string, Member>([...names].map((name) => [name, row(name)]));
  let view = RingView.of(rows.values());
  const table = new EntryTable({ ttlMs: 1_000, view });
  const owed = new Map<string, Set<string>>();
  const plan = new TransferPlan(ringContext({ view: () => view, memberOf: (name) => rows.get(name) }), {
    table,
    transfers: {
      viewChanged: () => owed.clear(),
      owe: (name, id) => void owed.set(name, (owed.get(name) ?? new Set()).add(id)),
      forgive: (name) => void owed.delete(name),
    } as Pick<Transfers, "viewChanged" | "owe" | "forgive"> as Transfers,
  });
  const hold = (id: string) =>
    table.set({ id, version: { epoch: 1, ms: 1, ingress: "a", sequence: 1 }, receivedAtMs: 0, size: 1 }, CLOCK);
  for (const id of IDS) hold(id);
  const idsOf = (fits: (held: HeldEntry) => boolean) => [...table].filter(fits).map(({ id }) => id).toSorted();
  const change = (...changed: Member[]) => {
    for (const row of changed) rows.set(row.name, row);
    const next = RingView.of(rows.values());
    if (next.digest === view.digest) return;
    view = next;
    table.place(view);
    plan.viewChanged();
  };
  return {
    plan,
    table,
    hold,
    idsOf,
    change,
    view: () => view,
    owedTo: (name: string) => [...owed.get(name) ?? []].toSorted(),
  };
}

Deno.test("TransferPlan owes a new owner what we hold of its own, until that has confirmed it", () => {
  const { table, idsOf, change, owedTo } = open("a");
  change(row("b"));
  const theirs = idsOf(({ owner }) => owner === "b");
  assert.ok(theirs.length > 0 && theirs.length < IDS.length);
  assert.deepEqual(owedTo("b"), theirs);
  for (const held of table) held.unconfirmed = false;
  change(row("c"));
  assert.deepEqual(owedTo("b"), [], "its own are confirmed");
  assert.deepEqual(owedTo("c"), idsOf(({ owner }) => owner === "c"));
  change(row("b", { since: 2 }));
  assert.deepEqual(owedTo("b"), idsOf(({ owner }) => owner === "b"), "in another stay it may have lost them");
});

Deno.test("TransferPlan.stored() owes the owner what it may not know", () => {
  const { plan, table, owedTo } = open("ab");
  for (const held of table) {
    assert.equal(
      plan.stored(held, { ownerKnows: held.owner === "b" && held.id.endsWith("1") }),
      held.owner === "b" && !held.id.endsWith("1"),
    );
    assert.equal(held.unconfirmed, held.owner === "b" && !held.id.endsWith("1"));
  }
  assert.ok(owedTo("b").length > 0 && owedTo("b").every((id) => !id.endsWith("1")));
});

Deno.test("TransferPlan owes a member that joins what we own and it will own or stand by for, in whatever view comes before", () => {
  const { plan, table, idsOf, change, owedTo, view } = open("ab");
  assert.equal(plan.toJoining("d"), false, "nobody of that name");
  assert.equal(plan.toJoining("b"), false, "it has joined");
  const d = row("d", { phase: "JOINING" });
  change(d);
  assert.equal(plan.toJoining("d"), true);
  const expected = () =>
    idsOf(({ owner, key }) => {
      const { owner: heir, standby } = view().with(d).place(key)!;
      return owner === "a" && (heir === "d" || standby === "d");
    });
  assert.deepEqual(owedTo("d"), expected());
  for (const held of table) held.unconfirmed = false;
  change(row("c"));
  assert.deepEqual(owedTo("d"), expected());
  change(row("d", { since: 1 }));
  assert.deepEqual(owedTo("d"), idsOf(({ owner }) => owner === "d"), "once it serves, what it owns");
});

Deno.test("TransferPlan.tick() forgets who wanted to join and is gone", () => {
  const { plan, change, owedTo } = open("ab");
  change(row("d", { phase: "JOINING" }));
  plan.toJoining("d");
  plan.tick();
  assert.ok(owedTo("d").length > 0);
  change(row("d", { phase: "JOINING", status: "DEAD" }));
  plan.tick();
  assert.deepEqual(owedTo("d"), []);
});

Deno.test("TransferPlan.toHeirs() owes what we own, or stand by for, to who will own it and stand by for it, also after another change", () => {
  const { plan, table, idsOf, change, owedTo, view } = open("abc");
  const expected = (name: string) =>
    idsOf(({ owner, standby, key }) => {
      const heirs = view().without("a").place(key)!;
      // Who owns it already has it.
      return (owner === "a" && heirs.owner === name) ||
        ((owner === "a" || standby === "a") && heirs.standby === name);
    });
  plan.toHeirs();
  for (const name of "bc") assert.deepEqual(owedTo(name), expected(name));
  for (const held of table) held.unconfirmed = false;
  change(row("c", { status: "DEAD" }));
  const inherited = idsOf(({ unconfirmed }) => unconfirmed);
  assert.ok(inherited.length > 0);
  assert.deepEqual(owedTo("b"), [...new Set([...expected("b"), ...inherited])].toSorted());
  assert.deepEqual(owedTo("c"), []);
});

Deno.test("TransferPlan owes all that it holds to who owns it and who stands by for it, once the view is without us", () => {
  const { plan, table, idsOf, change, owedTo } = open("abcd");
  plan.toHeirs();
  for (const held of table) held.unconfirmed = false;
  change(row("a", { phase: "LEAVING" }));
  for (const name of "bcd") {
    const expected = idsOf(({ owner, standby, unconfirmed }) => standby === name || (owner === name && unconfirmed));
    assert.ok(expected.length > 0);
    assert.deepEqual(owedTo(name), expected);
  }
});

Deno.test("TransferPlan.toHeirs() owes nothing where nobody else is", () => {
  const { plan, owedTo } = open("a");
  plan.toHeirs();
  assert.deepEqual(owedTo("a"), []);
});
