import assert from "node:assert/strict";
import fc from "fast-check";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { anonymize } from "../../../client/transforms/anonymize.ts";
import { dedupe } from "../../../client/transforms/dedupe.ts";
import { dropEmpty } from "../../../client/transforms/drop_empty.ts";
import { dropInvalid } from "../../../client/transforms/drop_invalid.ts";
import { Account, countSamples, pipeline } from "../../../client/transforms/pipeline.ts";
import { rename } from "../../../client/transforms/rename.ts";
import { setLabels } from "../../../client/transforms/set_labels.ts";
import { sortByTimestamp } from "../../../client/transforms/sort_by_timestamp.ts";
import { families, series } from "../../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("pipeline() runs its rules in their order and keeps one account", () => {
  const account = new Account();
  const passed = pipeline([
    setLabels(new Map([["namespace", "value"]]), { origin: "--label" }),
    rename(new Map([["ALERTS", "alerts"]])),
    dropEmpty,
    sortByTimestamp,
    anonymize({ labels: ["namespace"], salt: "salt" }),
    setLabels(new Map([["pod", "p"]]), { origin: "token label" }),
    dedupe,
  ])(families(['ALERTS{pod="1"} 1', 'alerts{pod="2"} 2', 'up{pod="1"} 3']), account);
  assert.deepEqual(series(passed), [
    'alerts{pod="p",namespace="1DCh2jCv4anQ"} 2',
    'up{pod="p",namespace="1DCh2jCv4anQ"} 3',
  ]);
  assert.deepEqual(account.entries(), [
    { rule: "--label namespace", effect: "labelled", count: 3 },
    { rule: "--rename ALERTS=alerts", effect: "renamed", count: 1 },
    { rule: "--anonymize-labels namespace", effect: "anonymized", count: 3 },
    { rule: "token label pod", effect: "labelled", count: 3 },
    { rule: "dedupe (series comes again later)", effect: "dropped", count: 1 },
  ]);
});

Deno.test("pipeline() of nothing passes everything", () => {
  const given = families(["up 1"]);
  assert.equal(pipeline([])(given, new Account()), given);
});

Deno.test("Account adds up by rule and effect", () => {
  const account = new Account();
  account.add("a", "dropped", 1);
  account.add("a", "truncated", 2);
  account.add("b", "dropped", 0);
  account.add("a", "dropped", 3);
  assert.deepEqual(account.entries(), [
    { rule: "a", effect: "dropped", count: 4 },
    { rule: "a", effect: "truncated", count: 2 },
    { rule: "b", effect: "dropped", count: 0 },
  ]);
});

Deno.test("countSamples() counts over all families", () => {
  assert.equal(countSamples([]), 0);
  assert.equal(countSamples(families(["a 1", "a 2", "b 1"])), 3);
});

const NOW = 1_700_000_000_000;

/** Families as a careless or hostile source might send them; short alphabets make collisions likely. */
const anyFamilies: fc.Arbitrary<MetricFamily[]> = fc.array(
  fc.record({
    name: fc.constantFrom("", "a", "b", "ALERTS", "bad-name"),
    type: fc.constantFrom("counter" as const, "gauge" as const, "untyped" as const, "summary" as const, undefined),
    metrics: fc.array(fc.record({
      labels: fc.array(
        fc.record({
          name: fc.constantFrom("", "x", "y", "_id", "__name__", "l".repeat(256)),
          value: fc.constantFrom("", "1", "2", "é".repeat(128)),
        }),
        { maxLength: 4 },
      ),
      value: fc.constantFrom(1, NaN, undefined, { count: 1, sum: 1, quantiles: [] }),
      timestampMs: fc.option(fc.integer({ min: NOW - 100_000_000, max: NOW }), { nil: undefined }),
    })),
  }),
  { maxLength: 6 },
);

Deno.test("pipeline() of all rules lets nothing through that a server refuses, and accounts for every sample", () => {
  const chain = pipeline([
    setLabels(new Map([["y", "label"]]), { origin: "--label" }),
    rename(new Map([["ALERTS", "a"]])),
    dropInvalid({ now: () => NOW }),
    dropEmpty,
    sortByTimestamp,
    anonymize({ labels: ["x"], salt: "salt" }),
    setLabels(new Map([["_id", "me"]]), { origin: "token label" }),
    dedupe,
  ]);
  fc.assert(fc.property(anyFamilies, (given) => {
    const account = new Account();
    const passed = chain(given, account);
    const seen = new Set<string>();
    for (const { name, type, metrics } of passed) {
      assert.ok(["a", "b"].includes(name) && type !== undefined && metrics.length > 0);
      metrics.forEach(({ labels, value, timestampMs }, i) => {
        assert.ok(timestampMs !== undefined && timestampMs >= NOW - 86_400_000 && value !== undefined);
        assert.ok(i === 0 || timestampMs >= (metrics[i - 1].timestampMs ?? 0));
        const byName = new Map(labels.map((label) => [label.name, label.value]));
        assert.equal(byName.size, labels.length);
        assert.equal(byName.get("_id"), "me");
        assert.equal(byName.get("y"), "label");
        assert.ok(["", undefined, "3JDPB96QfMxk", "28RXmuKzqyky"].includes(byName.get("x")), byName.get("x"));
        const key = JSON.stringify([name, ...[...byName].filter(([, text]) => text !== "").sort()]);
        assert.ok(!seen.has(key));
        seen.add(key);
      });
    }
    const dropped = account.entries().filter(({ effect }) => effect === "dropped").reduce(
      (n, { count }) => n + count,
      0,
    );
    assert.equal(countSamples(given) - countSamples(passed), dropped);
  }));
});
