import assert from "node:assert/strict";
import { Kernel } from "../../../common/kernel/kernel.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A text of numbers of eight digits, each of which can be the key of a series. */
const TEXT = new TextEncoder().encode(Array.from({ length: 5_000 }, (_, i) => String(i).padStart(8, "0")).join(""));

/** A kernel's table, whose text is {@linkcode TEXT}. */
function openTable() {
  const kernel = new Kernel();
  const { exports, freeFrom } = kernel;
  const clear = () => {
    kernel.reserve(exports.layOutTable(freeFrom + TEXT.length, 20_000));
    exports.clearSlots();
  };
  clear();
  kernel.bytes.set(TEXT, freeFrom);
  return {
    clear,
    size: () => exports.size.value,
    replaced: () => exports.replaced.value,
    lines: () => [...new Int32Array(kernel.bytes.buffer, exports.lines.value, exports.size.value)],
    /** Adds the i-th number as a series with a hash of the caller's choice. */
    add: (i: number, hash: number) => exports.addSample(freeFrom + 8 * i, freeFrom + 8 * i + 8, hash, 0, 1, 0) !== 0,
  };
}

Deno.test("The kernel's table tells series apart whose hashes are the same, and finds each again", () => {
  const table = openTable();
  for (let i = 0; i < 100; i++) assert.ok(table.add(i, 42));
  assert.deepEqual([table.size(), table.replaced()], [100, 0]);
  for (let i = 0; i < 100; i++) assert.ok(table.add(i, 42));
  assert.equal(table.replaced(), 100);
  assert.ok(table.lines().slice(0, 100).every((lines) => lines === 0), "the earlier ones are replaced");
  assert.ok(table.lines().slice(100, 200).every((lines) => lines === 1), "the later ones stand");
});

Deno.test("The kernel's table refuses series whose hashes collide by intent before the search for them gets slow", () => {
  const table = openTable();
  const taken = Array.from({ length: 300 }, (_, i) => table.add(i, 42));
  assert.deepEqual([taken.indexOf(false), taken[299]], [257, false]);
  table.clear();
  assert.ok(table.add(0, 42));
  assert.deepEqual([table.size(), table.replaced()], [1, 0]);
});

Deno.test("The kernel's table keeps what it knows when it grows, and forgets it when it is cleared", () => {
  const table = openTable();
  for (const round of [1, 2]) {
    for (let i = 0; i < 5_000; i++) assert.ok(table.add(i, Math.imul(i, 0x9e3779b1)));
    assert.deepEqual([table.size(), table.replaced()], [5_000, 0], `round ${round}`);
    for (let i = 0; i < 5_000; i += 10) assert.ok(table.add(i, Math.imul(i, 0x9e3779b1)));
    assert.equal(table.replaced(), 500);
    table.clear();
  }
});
