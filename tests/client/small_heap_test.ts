import assert from "node:assert/strict";
import { SmallHeap } from "../../client/small_heap.ts";

const MB = 1_000_000;

/** A heap that garbage is added to, of which `live` bytes are none. */
function heap(live: number) {
  let used = live, collections = 0;
  const small = new SmallHeap({
    used: () => used,
    collect: () => {
      collections++;
      used = live;
    },
  });
  return { small, add: (bytes: number) => used += bytes, collections: () => collections };
}

Deno.test("A heap is collected when a start is over, and then when it has grown by 3 MB", () => {
  const { small, add, collections } = heap(8 * MB);
  small.tidy();
  assert.equal(collections(), 1);
  for (let i = 0; i < 10; i++) {
    add(0.2 * MB);
    small.tidy();
  }
  assert.equal(collections(), 1);
  for (let i = 0; i < 6; i++) {
    add(0.2 * MB);
    small.tidy();
  }
  assert.equal(collections(), 2);
});

Deno.test("A heap of which much lives is collected when it has grown by a quarter of that", () => {
  const { small, add, collections } = heap(100 * MB);
  small.tidy();
  add(24 * MB);
  small.tidy();
  assert.equal(collections(), 1);
  add(2 * MB);
  small.tidy();
  assert.equal(collections(), 2);
});

Deno.test("A heap of which much lived once is collected by what lives now", () => {
  let used = 100 * MB, collections = 0;
  const small = new SmallHeap({ used: () => used, collect: () => collections++ });
  small.tidy();
  // V8 has collected by itself.
  used = 8 * MB;
  small.tidy();
  used += 3 * MB;
  small.tidy();
  assert.equal(collections, 2);
});

Deno.test("A heap is left to V8 where that does not let itself be asked", () => {
  assert.equal((globalThis as { gc?: unknown }).gc, undefined);
  new SmallHeap({ used: () => 8 * MB }).tidy();
});
