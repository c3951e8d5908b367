/** What a member holds, and for how long. */

import assert from "node:assert/strict";
import type { StoredEntry } from "../../../ring/effect.ts";
import { Holdings } from "../../../ring/pushes/holdings.ts";
import { RingView } from "../../../ring/membership/view.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WALL = 1_000_000;
const entry = (id: string, receivedAtMs = WALL): StoredEntry => ({
  id,
  version: { ms: receivedAtMs, ingress: "a", sequence: 1 },
  receivedAtMs,
  size: 3,
});
const at = (now: number, wall = WALL + now) => ({ now, wall });
const view = (...names: string[]) => RingView.of(names.map((name) => row(name)));

Deno.test("Holdings holds an entry for as long as it holds, by a clock that does not jump", () => {
  const holdings = new Holdings({ ttlMs: 1_000, view: view("a") });
  const held = holdings.set(entry("c", WALL - 400), at(0));
  assert.equal(holdings.restMs(held, 100), 500);
  assert.equal(holdings.get("c", 599), held);
  assert.equal(holdings.get("c", 600), undefined);
  assert.deepEqual(holdings.expire(599), []);
  assert.deepEqual(holdings.expire(600), [held]);
  assert.equal(holdings.size, 0);
});

Deno.test("Holdings takes an entry from the future for one of now", () => {
  const holdings = new Holdings({ ttlMs: 1_000, view: view("a") });
  const held = holdings.set(entry("c", WALL + 500_000), at(10));
  assert.equal(held.receivedAt, 10);
  assert.equal(holdings.get("c", 1_010), undefined);
});

Deno.test("Holdings keeps what is shown shown under the next version, and places each by the view", () => {
  const holdings = new Holdings({ ttlMs: 1_000, view: view("a") });
  const first = holdings.set(entry("c"), at(0));
  assert.deepEqual([first.owner, first.standby, first.shown, first.unconfirmed], ["a", undefined, false, true]);
  first.shown = true;
  const second = holdings.set(entry("c", WALL + 1), at(1));
  assert.equal(second.shown, true);
  assert.notDeepEqual(second.mark, first.mark);
  assert.deepEqual([...holdings], [second]);
});

Deno.test("Holdings.place() takes for unconfirmed what has come to another owner, or to one in another stay", () => {
  const holdings = new Holdings({ ttlMs: 1_000, view: view("a") });
  const confirm = () => Array.from(holdings, (held) => held.unconfirmed = false);
  for (let i = 0; i < 50; i++) holdings.set(entry(`c${i}`), at(0));
  confirm();
  const both = view("a", "b");
  holdings.place(both);
  for (const held of holdings) {
    assert.equal(held.owner, both.place(held.key)!.owner);
    assert.equal(held.unconfirmed, held.owner === "b");
  }
  confirm();
  holdings.place(RingView.of([row("a"), row("b", { since: 2 })]));
  for (const held of holdings) assert.equal(held.unconfirmed, held.owner === "b");
  confirm();
  holdings.place(new RingView([]));
  for (const held of holdings) {
    assert.deepEqual([held.owner, held.standby, held.unconfirmed], [undefined, undefined, true]);
  }
});
