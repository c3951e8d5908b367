import assert from "node:assert/strict";
import { LineLimit } from "../../common/line_limit.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("LineLimit.take() lets lines of five seconds through at once, then so many a second, and counts the rest", () => {
  let now = 0;
  const limit = new LineLimit(10, () => now);
  const written = (tries: number) =>
    Array.from({ length: tries }, () => limit.take()).filter((one) => one !== undefined);
  assert.equal(written(1_000).length, 50);
  now = 1_000;
  assert.deepEqual(written(1)[0], { leftOut: 950 });
  assert.equal(written(100).length, 9);
  now = 1e9;
  assert.deepEqual(written(2), [{ leftOut: 91 }, { leftOut: 0 }]);
  assert.equal(written(1_000).length, 48);
});

Deno.test("LineLimit.take() lets all through without a limit", () => {
  const limit = new LineLimit(0, () => 0);
  for (let i = 0; i < 1_000; i++) assert.deepEqual(limit.take(), { leftOut: 0 });
});
