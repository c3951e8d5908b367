import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundedMap } from "../../common/bounded_map.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("BoundedMap keeps the half that was used last, and never more than its bound", () => {
  fc.assert(fc.property(
    fc.integer({ min: 2, max: 20 }),
    fc.array(fc.tuple(fc.constantFrom("get", "set", "delete"), fc.integer({ min: 0, max: 30 })), {
      maxLength: 300,
      size: "max",
    }),
    (bound, steps) => {
      const map = new BoundedMap<number, number>(bound);
      // The independent reading: every value ever set, and the keys by last use. What was deleted had its place all the same.
      const values = new Map<number, number>();
      const used: number[] = [];
      const use = (key: number) => {
        if (used.includes(key)) used.splice(used.indexOf(key), 1);
        used.push(key);
      };
      steps.forEach(([verb, key], i) => {
        if (verb === "set") {
          map.set(key, i);
          values.set(key, i);
          use(key);
        } else if (verb === "delete") {
          map.delete(key);
          values.delete(key);
        } else {
          const value = map.get(key);
          if (used.slice(-Math.floor(bound / 2)).includes(key)) assert.equal(value, values.get(key));
          else assert([undefined, values.get(key)].includes(value));
          if (value !== undefined) use(key);
        }
        assert(map.size <= bound);
      });
    },
  ));
});

Deno.test("BoundedMap.delete() says whether the key was there", () => {
  const map = new BoundedMap<string, number>(4);
  map.set("a", 1);
  map.age();
  map.set("b", 2);
  assert.deepEqual([map.delete("a"), map.delete("b"), map.delete("b"), map.size], [true, true, false, 0]);
});

Deno.test("BoundedMap.age() drops what was not used since the last time", () => {
  const map = new BoundedMap<string, number>(100);
  for (const key of ["a", "b", "c"]) map.set(key, 1);
  map.age();
  map.get("a");
  map.set("b", 2);
  map.age();
  assert.deepEqual(["a", "b", "c"].map((key) => map.get(key)), [1, 2, undefined]);
});

Deno.test("BoundedMap stays within its bound over 100,000 keys", () => {
  const map = new BoundedMap<number, true>(1_000);
  for (let i = 0; i < 100_000; i++) {
    map.set(i, true);
    assert(map.size <= 1_000);
  }
});

Deno.test("BoundedMap refuses a bound that makes no sense", () => {
  for (const bad of [1, 0, -1, NaN]) assert.throws(() => new BoundedMap(bad), RangeError);
});
