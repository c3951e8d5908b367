/** A campaign that is short, so that each run of the tests mutates some pushes, and the fuzzer goes on working. */

import assert from "node:assert/strict";
import { fuzz } from "./main.ts";
import { recordingLog } from "../support/recording_log.ts";
import { scratchDir } from "../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("fuzz() finds nothing in a thousand mutated pushes", async () => {
  using scratch = scratchDir();
  const plan = { seed: 11, duration: 120_000, inputs: 1_000, corpus: scratch.dir, limitMemory: 2 ** 30 };
  const { log, records } = recordingLog();
  const { findings, summary } = await fuzz(plan, { log, signal: new AbortController().signal });
  assert.equal(findings, 0, `${summary}\n${JSON.stringify(records)}`);
  assert.match(summary, /\b1000 inputs\b.*\b200: \d+.*\bread the same by an independent decoder: \d{3}\b/);
});
