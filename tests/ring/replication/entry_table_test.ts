/** What a member holds, and for how long. */

import assert from "node:assert/strict";
import type { StoredEntry } from "../../../ring/protocol/effects.ts";
import { EntryTable } from "../../../ring/replication/entry_table.ts";
import { RingView } from "../../../ring/placement/view.ts";
import { row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const WALL = 1_000_000;
const entry = (id: string, receivedAtMs = WALL): StoredEntry => ({
  id,
  version: { epoch: 1, ms: receivedAtMs, ingress: "a", sequence: 1 },
  receivedAtMs,
  size: 3,
});
const at = (now: number, wall = WALL + now) => ({ now, wall });
const view = (...names: string[]) => RingView.of(names.map((name) => row(name)));

Deno.test("EntryTable holds an entry for as long as it holds, by a clock that does not jump", () => {
  const table = new EntryTable({ ttlMs: 1_000, view: view("a") });
  const held = table.set(entry("c", WALL - 400), at(0));
  assert.equal(table.restMs(held, 100), 500);
  assert.equal(table.get("c", 599), held);
  assert.equal(table.get("c", 600), undefined);
  assert.deepEqual(table.expire(599), []);
  assert.deepEqual(table.expire(600), [held]);
  assert.equal(table.size, 0);
});

Deno.test("EntryTable takes an entry from the future for one of now", () => {
  const table = new EntryTable({ ttlMs: 1_000, view: view("a") });
  const held = table.set(entry("c", WALL + 500_000), at(10));
  assert.equal(held.receivedAt, 10);
  assert.equal(table.get("c", 1_010), undefined);
});

Deno.test("EntryTable keeps what is shown shown under the next version, and places each by the view", () => {
  const table = new EntryTable({ ttlMs: 1_000, view: view("a") });
  const first = table.set(entry("c"), at(0));
  assert.deepEqual([first.owner, first.standby, first.shown, first.unconfirmed], ["a", undefined, false, true]);
  first.shown = true;
  const second = table.set(entry("c", WALL + 1), at(1));
  assert.equal(second.shown, true);
  assert.notDeepEqual(second.version, first.version);
  assert.deepEqual([...table], [second]);
});

Deno.test("EntryTable.place() takes for unconfirmed what has come to another owner, or to one in another stay", () => {
  const table = new EntryTable({ ttlMs: 1_000, view: view("a") });
  const confirm = () => Array.from(table, (held) => held.unconfirmed = false);
  for (let i = 0; i < 50; i++) table.set(entry(`c${i}`), at(0));
  confirm();
  const both = view("a", "b");
  table.place(both);
  for (const held of table) {
    assert.equal(held.owner, both.place(held.key)!.owner);
    assert.equal(held.unconfirmed, held.owner === "b");
  }
  confirm();
  table.place(RingView.of([row("a"), row("b", { since: 2 })]));
  for (const held of table) assert.equal(held.unconfirmed, held.owner === "b");
  confirm();
  table.place(new RingView([]));
  for (const held of table) {
    assert.deepEqual([held.owner, held.standby, held.unconfirmed], [undefined, undefined, true]);
  }
});
