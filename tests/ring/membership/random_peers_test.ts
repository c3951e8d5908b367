import assert from "node:assert/strict";
import { someOf } from "../../../ring/membership/random_peers.ts";

Deno.test("someOf() keeps so many of the names, in their order, and all if there are no more", () => {
  for (let draw = 0; draw < 1; draw += 0.13) {
    const some = someOf(["a", "b", "c", "d"], { count: 2, random: () => draw });
    assert.equal(some.length, 2);
    assert.deepEqual(some, some.toSorted());
  }
  assert.deepEqual(someOf(["a", "b"], { count: 3, random: () => assert.fail("there is nothing to draw") }), ["a", "b"]);
  assert.deepEqual(someOf([], { count: 1, random: () => 0 }), []);
});

Deno.test("someOf() leaves out those that are drawn", () => {
  const draws = [0, 0.99];
  assert.deepEqual(someOf(["a", "b", "c", "d"], { count: 2, random: () => draws.shift()! }), ["b", "c"]);
});
