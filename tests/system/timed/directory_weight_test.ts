/** What the directory of sources costs. */

import assert from "node:assert/strict";

/** The CPU time of a usual push, in microseconds, as `tests/bench/push_bench.ts` and the yardstick have it. */
const PUSH_US = 550;

Deno.test("the directory takes at most a KB a source, and a fiftieth of the time of a push", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--v8-flags=--expose-gc", new URL("../../bench/directory_weight.ts", import.meta.url).pathname],
  }).output();
  assert.ok(success);
  const { bytesASource, microsecondsAPush } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(bytesASource <= 1_024, `${bytesASource} bytes`);
  assert.ok(microsecondsAPush <= PUSH_US / 50, `${microsecondsAPush} µs`);
});
