/** A ring of real servers, of which one is posed as, paused, restarted and killed under load. `deno task ring-faults` tries more. */

import assert from "node:assert/strict";
import { describe } from "./ring_faults.ts";
import { SHORT_SCENARIO } from "./scenarios.ts";
import { tryScenario } from "./trial.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** By `docs/ring.md` an heir shows what a crashed member showed within this time. */
const TAKEOVER_SECONDS = 25;

Deno.test("a ring loses no acknowledged push and shows no cluster twice while its servers come and go", async () => {
  const verdict = await tryScenario(SHORT_SCENARIO, { clusters: 60, pushesPerSecond: 40 });
  const report = describe(verdict), { shown } = verdict;
  assert.equal(verdict.failure, undefined, report);
  assert.equal(shown.surelyTwiceSeconds, 0, report);
  assert.equal(shown.wentBack, 0, report);
  assert.ok(shown.longestGapSeconds < TAKEOVER_SECONDS, report);
});
