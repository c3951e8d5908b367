/** A campaign that is short, so that each run of the tests mutates some of everything, and the fuzzer goes on working. */

import assert from "node:assert/strict";
import { fuzz } from "./main.ts";
import { TARGET_NAMES } from "./targets.ts";
import { recordingLog } from "../support/recording_log.ts";
import { scratchDir } from "../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

for (const target of TARGET_NAMES) {
  Deno.test(`fuzz() finds nothing in a thousand mutated ${target}`, async () => {
    using scratch = scratchDir();
    const plan = { target, seed: 11, duration: 120_000, inputs: 1_000, corpus: scratch.dir, limitMemory: 2 ** 30 };
    const { log, records } = recordingLog();
    const { findings, summary } = await fuzz(plan, { log, signal: new AbortController().signal });
    assert.equal(findings, 0, `${summary}\n${JSON.stringify(records)}`);
    assert.match(summary, /^\w+: 1000 inputs, the same by a second reading: \d{3}/m);
  });
}
