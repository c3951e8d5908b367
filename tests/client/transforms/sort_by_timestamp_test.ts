import assert from "node:assert/strict";
import { sortByTimestamp } from "../../../client/transforms/sort_by_timestamp.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const family = (...timestamps: (number | undefined)[]) => ({
  name: "up",
  type: "gauge" as const,
  metrics: timestamps.map((timestampMs, value) => ({ labels: [], value, timestampMs })),
});
const order = (...timestamps: (number | undefined)[]) =>
  sortByTimestamp([family(...timestamps)])[0].metrics.map(({ value }) => value);

Deno.test("sortByTimestamp() sorts, and keeps the order of samples of one time", () => {
  assert.deepEqual(order(3, 1, 2), [1, 2, 0]);
  assert.deepEqual(order(2, 1, 2, 1, 2), [1, 3, 0, 2, 4]);
  assert.deepEqual(order(1, 1, 2), [0, 1, 2]);
  assert.deepEqual(order(), []);
});

Deno.test("sortByTimestamp() puts samples without a timestamp first, in their order", () => {
  assert.deepEqual(order(5, undefined, 4, undefined), [1, 3, 2, 0]);
});

Deno.test("sortByTimestamp() leaves its input as it was", () => {
  const given = family(2, 1);
  sortByTimestamp([given]);
  assert.deepEqual(given, family(2, 1));
});
