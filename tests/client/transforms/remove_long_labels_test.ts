import assert from "node:assert/strict";
import type { Metric, MetricFamily } from "../../../common/exposition/metric_family.ts";
import { Account } from "../../../client/transforms/pipeline.ts";
import { removeLongLabels } from "../../../client/transforms/remove_long_labels.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const family = (...labels: [string, string][]): MetricFamily => ({
  name: "up",
  type: "untyped",
  metrics: [{ labels: labels.map(([name, value]) => ({ name, value })), value: 1, timestampMs: 1 } satisfies Metric],
});

Deno.test("removeLongLabels() removes labels over 255 bytes and those without a name, and keeps the sample", () => {
  const account = new Account();
  const long = "é".repeat(128);
  const given = family(["a", "1"], ["b", long], [long, "c"], ["", "d"], ["e", "2"]);
  assert.deepEqual(removeLongLabels([given], account), [family(["a", "1"], ["e", "2"])]);
  assert.deepEqual(removeLongLabels([given], new Account()), [family(["a", "1"], ["e", "2"])]);
  assert.deepEqual(account.entries(), [
    { rule: "remove long labels (without a name or over 255 bytes)", effect: "truncated", count: 3 },
  ]);
});

Deno.test("removeLongLabels() leaves all others as they are", () => {
  const account = new Account();
  const given = family(["a".repeat(255), "é".repeat(127) + "x"], ["label.x", ""]);
  for (let time = 0; time < 2; time++) assert.deepEqual(removeLongLabels([given], account), [given]);
  assert.deepEqual(account.entries(), []);
});
