import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { SampleTable } from "../../../server/ingest/sample_table.ts";

/** A text of numbers of eight digits, each of which can be the key of a series. */
const TEXT = new DataView(
  new TextEncoder().encode(Array.from({ length: 5_000 }, (_, i) => String(i).padStart(8, "0")).join("")).buffer,
);

/** Adds the i-th number as a series with a hash of the caller's choice. */
function add(table: SampleTable, i: number, hash: number): number {
  return table.add(TEXT, 8 * i, 8 * i + 8, hash, 1);
}

Deno.test("SampleTable tells series apart whose hashes are the same, and finds each again", () => {
  const table = new SampleTable();
  for (let i = 0; i < 100; i++) assert.equal(add(table, i, 42), i);
  assert.equal(table.replaced, 0);
  for (let i = 0; i < 100; i++) add(table, i, 42);
  assert.equal(table.replaced, 100);
  assert.ok(table.lines.subarray(0, 100).every((lines) => lines === 0), "the earlier ones are replaced");
  assert.ok(table.lines.subarray(100, 200).every((lines) => lines === 1), "the later ones stand");
});

Deno.test("SampleTable refuses series whose hashes collide by intent before the search for them gets slow", () => {
  const table = new SampleTable();
  assert.throws(() => {
    for (let i = 0; i < 300; i++) add(table, i, 42);
  }, (error) => error instanceof LimitError && /hashes collide/.test(error.message));
  table.clear();
  assert.equal(add(table, 0, 42), 0);
});

Deno.test("SampleTable keeps what it knows when it grows, and forgets it when it is cleared", () => {
  const table = new SampleTable();
  for (const round of [1, 2]) {
    for (let i = 0; i < 5_000; i++) add(table, i, Math.imul(i, 0x9e3779b1));
    assert.deepEqual([table.size, table.replaced], [5_000, 0], `round ${round}`);
    for (let i = 0; i < 5_000; i += 10) add(table, i, Math.imul(i, 0x9e3779b1));
    assert.equal(table.replaced, 500);
    table.clear();
  }
});
