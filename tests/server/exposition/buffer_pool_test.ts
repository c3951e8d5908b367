/** That the pool hands out again what comes back, and does not keep for ever what nobody asks for. */

import assert from "node:assert/strict";
import { BufferPool } from "../../../server/exposition/buffer_pool.ts";

const MIB = 1_048_576;

/** As a cluster does that pushes on and on: it takes a buffer of its size, and gives back that of its push before. */
function push(pool: BufferPool, size: number): { reused: boolean } {
  const buffer = pool.take(size);
  pool.give(buffer ?? new ArrayBuffer(size));
  return { reused: buffer !== undefined };
}

Deno.test("BufferPool hands out again what came back, by size, and nothing twice", () => {
  const pool = new BufferPool(), buffer = new ArrayBuffer(64);
  pool.give(buffer);
  assert.deepEqual([pool.take(128), pool.take(64), pool.take(64)], [undefined, buffer, undefined]);
});

Deno.test("BufferPool keeps no more than 32 MiB", () => {
  const pool = new BufferPool();
  for (let i = 0; i < 40; i++) pool.give(new ArrayBuffer(MIB));
  const taken = Array.from({ length: 40 }, () => pool.take(MIB)).filter((buffer) => buffer !== undefined);
  assert.equal(taken.length, 32);
});

Deno.test("BufferPool lets go of sizes that nobody asks for, and keeps those of everybody else", () => {
  const pool = new BufferPool();
  // Large pushes of sizes that do not come again fill it.
  const large = Array.from({ length: 16 }, (_, i) => 2 * MIB - 65_536 * i);
  large.forEach((size) => pool.give(new ArrayBuffer(size)));
  pool.give(new ArrayBuffer(2 * MIB));
  for (let i = 0; i < 2_048; i++) push(pool, 4_096);
  assert.deepEqual(large.filter((size) => pool.take(size) !== undefined), []);
  assert.deepEqual(push(pool, 4_096), { reused: true });
  // There is room again.
  for (let i = 0; i < 15; i++) pool.give(new ArrayBuffer(2 * MIB));
  assert.equal(
    Array.from({ length: 16 }, () => pool.take(2 * MIB)).filter((buffer) => buffer !== undefined).length,
    15,
  );
});

Deno.test("BufferPool keeps a size that is asked for now and then", () => {
  const pool = new BufferPool();
  pool.give(new ArrayBuffer(MIB));
  for (let i = 0; i < 5_000; i++) {
    push(pool, 4_096);
    if (i % 1_000 === 999) assert.deepEqual(push(pool, MIB), { reused: true });
  }
});
