import assert from "node:assert/strict";
import { plural } from "../../common/plural.ts";

Deno.test("plural() is the word for one of a thing only where there is one", () => {
  const words = [0, 1, 2, 1.5].map((count) => plural(count, "sample"));
  assert.deepEqual(words, ["samples", "sample", "samples", "samples"]);
  assert.deepEqual([1, 2].map((count) => plural(count, "copy", "copies")), ["copy", "copies"]);
});
