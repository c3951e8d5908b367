/** What is done about a silence. */

import assert from "node:assert/strict";
import { ACCUSE_AFTER_MS, DEAD_AFTER_MS, judgeSilence, type Silence } from "../../../ring/membership/silence.ts";
import { HEARING_MS } from "../../../ring/membership/fence.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const ALONE = { accusers: 0, reachable: 0 };
const FOUR = { accusers: 0, reachable: 4 };

for (
  const [silence, verdict] of [
    [{ silentMs: 1_499, ...FOUR }, "none"],
    [{ silentMs: 1_500, ...FOUR }, "ask"],
    [{ silentMs: 2_500, ...FOUR }, "ask"],
    [{ silentMs: 2_500, askedMs: 999, ...FOUR }, "ask"],
    [{ silentMs: 2_500, askedMs: 1_000, ...FOUR }, "suspect"],
    [{ silentMs: 2_499, askedMs: 1_000, ...FOUR }, "ask"],
    // With nobody to ask there is nothing to wait for.
    [{ silentMs: 2_500, ...ALONE }, "suspect"],
    [{ silentMs: 9_999, ...ALONE }, "suspect"],
    [{ silentMs: 10_000, ...ALONE }, "dead"],
    // Of five that are in reach of each other, three are most.
    [{ silentMs: 10_000, askedMs: 7_000, accusers: 1, reachable: 4 }, "suspect"],
    [{ silentMs: 10_000, askedMs: 7_000, accusers: 2, reachable: 4 }, "dead"],
    [{ silentMs: 9_999, askedMs: 7_000, accusers: 4, reachable: 4 }, "suspect"],
    // Half is not most.
    [{ silentMs: 10_000, askedMs: 7_000, accusers: 0, reachable: 1 }, "suspect"],
    [{ silentMs: 10_000, askedMs: 7_000, accusers: 1, reachable: 3 }, "suspect"],
    [{ silentMs: 19_999, askedMs: 9_000, ...FOUR }, "suspect"],
    [{ silentMs: 20_000, askedMs: 9_000, ...FOUR }, "dead"],
  ] as [Silence, string][]
) {
  Deno.test(`judgeSilence(): ${verdict} at ${JSON.stringify(silence)}`, () => {
    assert.equal(judgeSilence(silence), verdict);
  });
}

Deno.test("A member has ceased to count us among those it hears before anybody agrees to our death", () => {
  assert.ok(HEARING_MS < ACCUSE_AFTER_MS && ACCUSE_AFTER_MS < DEAD_AFTER_MS);
});
