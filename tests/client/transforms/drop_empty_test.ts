import assert from "node:assert/strict";
import { dropEmpty } from "../../../client/transforms/drop_empty.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("dropEmpty() drops families without samples and keeps the order of the rest", () => {
  const family = (name: string, count: number) => ({
    name,
    type: "gauge" as const,
    metrics: Array.from({ length: count }, () => ({ labels: [], value: 1 })),
  });
  const passed = dropEmpty([family("a", 1), family("b", 0), family("c", 2)]);
  assert.deepEqual(passed.map(({ name }) => name), ["a", "c"]);
});
