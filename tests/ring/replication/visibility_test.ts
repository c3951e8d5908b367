/** Which clusters the page shows. */

import assert from "node:assert/strict";
import type { Effect } from "../../../ring/protocol/effects.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { Visibility } from "../../../ring/replication/visibility.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { ringContext } from "../../support/ring_context.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const IDS = Array.from({ length: 20 }, (_, i) => `c${i}`);
const ALONE = RingView.of([row("a")]);
const BOTH = RingView.of([row("a"), row("b")]);

/** The visibility of what `a` holds, and what it shows. */
function open(view: RingView) {
  const table = new EntryTable({ ttlMs: 1_000, view });
  const shown = new Map<string, number>();
  const state = { isSettled: false };
  const context = ringContext({
    isSettled: () => state.isSettled,
    emit: (effect: Effect) => {
      if (effect.do === "show") shown.set(effect.id, effect.version.ms);
      else if (effect.do === "hide") assert.ok(shown.delete(effect.id), "only what is shown is hidden");
    },
  });
  const visibility = new Visibility(context, { table });
  const store = (id: string, ms: number, { isCopied = true, now = 0 } = {}) => {
    const version = { epoch: 1, ms, ingress: "a", sequence: 1 };
    const held = table.set({ id, version, receivedAtMs: now, size: 1 }, { now, wall: now });
    held.isCopied = isCopied;
    visibility.stored(held);
  };
  const place = (view: RingView) => {
    table.place(view);
    visibility.viewChanged();
  };
  return { visibility, table, shown, state, store, place };
}

Deno.test("Visibility shows what it owns once the view is settled, and new versions at once", () => {
  const { visibility, shown, state, store } = open(ALONE);
  store("c", 1);
  assert.equal(shown.size, 0);
  state.isSettled = true;
  visibility.settled(0);
  assert.deepEqual([...shown], [["c", 1]]);
  store("c", 2);
  store("d", 1);
  assert.deepEqual([...shown], [["c", 2], ["d", 1]]);
});

Deno.test("Visibility hides what is lost at once, keeps what is its own, and adds nothing before the view is settled", () => {
  const { visibility, table, shown, state, store, place } = open(ALONE);
  state.isSettled = true;
  for (const id of IDS) store(id, 1);
  assert.equal(shown.size, IDS.length);
  state.isSettled = false;
  place(BOTH);
  const own = [...table].filter(({ owner }) => owner === "a").map(({ id }) => id);
  assert.ok(own.length > 0 && own.length < IDS.length);
  assert.deepEqual([...shown.keys()], own);
  store(own[0], 2);
  assert.equal(shown.get(own[0]), 2, "nobody else shows it");
  place(ALONE);
  assert.deepEqual([...shown.keys()].toSorted(), own.toSorted());
  visibility.settled(0);
  assert.equal(shown.size, IDS.length);
});

Deno.test("Visibility shows nothing of others, and nothing that is expired", () => {
  const { visibility, shown, state, store, place } = open(BOTH);
  state.isSettled = true;
  for (const id of IDS) store(id, 1);
  const own = shown.size;
  assert.ok(own < IDS.length);
  place(ALONE);
  visibility.settled(1_000);
  assert.equal(shown.size, own, "the rest has expired meanwhile");
});

Deno.test("Visibility shows no version that nobody else has before the view brings it, but what was there before", () => {
  const { visibility, shown, state, store, place } = open(ALONE);
  state.isSettled = true;
  store("c", 1);
  store("c", 2, { isCopied: false });
  assert.deepEqual([...shown], [["c", 1]]);
  place(ALONE);
  visibility.settled(0);
  assert.deepEqual([...shown], [["c", 2]], "whoever has a version at that moment shows it");
});

Deno.test("Visibility hides what it shows once that is expired, though what it holds is not", () => {
  const { visibility, shown, state, store } = open(ALONE);
  state.isSettled = true;
  store("c", 1);
  store("c", 2, { isCopied: false, now: 500 });
  visibility.tick(999);
  assert.deepEqual([...shown], [["c", 1]]);
  visibility.tick(1_000);
  assert.equal(shown.size, 0);
});
