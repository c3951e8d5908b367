/** Which clusters the page shows. */

import assert from "node:assert/strict";
import type { Effect } from "../../../ring/effect.ts";
import { RingView } from "../../../ring/membership/view.ts";
import { Display } from "../../../ring/pushes/display.ts";
import { Holdings } from "../../../ring/pushes/holdings.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const IDS = Array.from({ length: 20 }, (_, i) => `c${i}`);
const ALONE = RingView.of([row("a")]);
const BOTH = RingView.of([row("a"), row("b")]);

/** A display of `a`, and what it shows. */
function open(view: RingView) {
  const holdings = new Holdings({ ttlMs: 1_000, view });
  const shown = new Map<string, number>();
  const state = { isSettled: false };
  const display = new Display({
    name: "a",
    holdings,
    isSettled: () => state.isSettled,
    emit: (effect: Effect) => {
      if (effect.do === "show") shown.set(effect.id, effect.version.ms);
      else if (effect.do === "hide") assert.ok(shown.delete(effect.id), "only what is shown is hidden");
    },
  });
  const store = (id: string, ms: number) =>
    display.stored(
      holdings.set({ id, version: { ms, ingress: "a", sequence: 1 }, receivedAtMs: 0, size: 1 }, { now: 0, wall: 0 }),
    );
  const place = (view: RingView) => {
    holdings.place(view);
    display.viewChanged();
  };
  return { display, holdings, shown, state, store, place };
}

Deno.test("Display shows what it owns once the view is settled, and new versions at once", () => {
  const { display, shown, state, store } = open(ALONE);
  store("c", 1);
  assert.equal(shown.size, 0);
  state.isSettled = true;
  display.settled(0);
  assert.deepEqual([...shown], [["c", 1]]);
  store("c", 2);
  store("d", 1);
  assert.deepEqual([...shown], [["c", 2], ["d", 1]]);
});

Deno.test("Display hides what is lost at once, keeps what is its own, and adds nothing before the view is settled", () => {
  const { display, holdings, shown, state, store, place } = open(ALONE);
  state.isSettled = true;
  for (const id of IDS) store(id, 1);
  assert.equal(shown.size, IDS.length);
  state.isSettled = false;
  place(BOTH);
  const own = [...holdings].filter(({ owner }) => owner === "a").map(({ id }) => id);
  assert.ok(own.length > 0 && own.length < IDS.length);
  assert.deepEqual([...shown.keys()], own);
  store(own[0], 2);
  assert.equal(shown.get(own[0]), 2, "nobody else shows it");
  place(ALONE);
  assert.deepEqual([...shown.keys()].toSorted(), own.toSorted());
  display.settled(0);
  assert.equal(shown.size, IDS.length);
});

Deno.test("Display shows nothing of others, and nothing that is expired", () => {
  const { display, shown, state, store, place } = open(BOTH);
  state.isSettled = true;
  for (const id of IDS) store(id, 1);
  const own = shown.size;
  assert.ok(own < IDS.length);
  place(ALONE);
  display.settled(1_000);
  assert.equal(shown.size, own, "the rest has expired meanwhile");
});
