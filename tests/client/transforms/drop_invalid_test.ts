import assert from "node:assert/strict";
import type { Metric, MetricFamily, MetricType } from "../../../common/exposition/metric_family.ts";
import { dropInvalid, isFamilyName, isLabelName, isTooLong } from "../../../client/transforms/drop_invalid.ts";
import { Account } from "../../../client/transforms/pipeline.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_500;

/** A sample that stands, with what a case changes about it. */
const metric = (changes: Partial<Metric> = {}): Metric => ({ labels: [], value: 1, timestampMs: NOW, ...changes });
const labelled = (...labels: [string, string][]) =>
  metric({ labels: labels.map(([name, value]) => ({ name, value })) });
const family = (metrics: Metric[], changes: Partial<MetricFamily> = {}): MetricFamily => ({
  name: "up",
  type: "untyped",
  metrics,
  ...changes,
});
const run = (given: MetricFamily) => {
  const account = new Account();
  const [passed] = dropInvalid({ now: () => NOW })([given], account);
  return { passed, account: account.entries() };
};

const histogram = (...bounds: number[]) => ({
  count: 1,
  sum: 1,
  buckets: bounds.map((upperBound) => ({ upperBound, count: 1 })),
});
const summary = (...quantiles: number[]) => ({
  count: 1,
  sum: 1,
  quantiles: quantiles.map((quantile) => ({ quantile, value: 1 })),
});

const dropped: [fault: string, type: MetricType, metric: Metric][] = [
  ["no timestamp", "untyped", metric({ timestampMs: undefined })],
  // 24 hours before NOW, cut to the second, is 1_699_913_600_000.
  ["older than 24 hours", "untyped", metric({ timestampMs: 1_699_913_599_999 })],
  ["value not of its type", "untyped", metric({ value: undefined })],
  ["value not of its type", "gauge", metric({ value: histogram(1) })],
  ["value not of its type", "counter", metric({ value: summary(0.5) })],
  ["value not of its type", "histogram", metric({ value: 1 })],
  ["value not of its type", "summary", metric({ value: histogram(1) })],
  ["value not of its type", "histogram", metric({ value: histogram(1, 1) })],
  ["value not of its type", "histogram", metric({ value: histogram(2, 1) })],
  ["value not of its type", "summary", metric({ value: summary(0.5, NaN) })],
  ["bad label name", "untyped", labelled(["a-b", "1"])],
  ["bad label name", "untyped", labelled(["__name__", "other"])],
  ["label name twice", "untyped", labelled(["_id", "me"], ["_id", "other"])],
  ["label le on a histogram", "histogram", { ...labelled(["le", "1"]), value: histogram(1) }],
  ["label quantile on a summary", "summary", { ...labelled(["quantile", "1"]), value: summary(1) }],
];

for (const [fault, type, sample] of dropped) {
  Deno.test(`dropInvalid() drops a ${type} sample: ${fault}, ${JSON.stringify(sample)}`, () => {
    const { passed, account } = run(family([sample], { type }));
    assert.deepEqual(passed.metrics, []);
    assert.deepEqual(account, [{ rule: `drop invalid (${fault})`, effect: "dropped", count: 1 }]);
  });
}

const kept: [what: string, type: MetricType, metric: Metric][] = [
  ["of exactly 24 hours, to the second", "untyped", metric({ timestampMs: 1_699_913_600_000 })],
  ["of tomorrow", "untyped", metric({ timestampMs: NOW + 86_400_000 })],
  ["that is not a number", "gauge", metric({ value: NaN })],
  ["of a histogram", "histogram", metric({ value: histogram(0.1, 1, Infinity) })],
  ["of a histogram without buckets", "histogram", metric({ value: histogram() })],
  ["of a summary", "summary", metric({ value: summary(0.5, 0.99) })],
  ["with le where it is a label like others", "gauge", labelled(["le", "1"], ["quantile", "1"])],
  ["with an empty label", "untyped", labelled(["a", ""])],
  ["with texts of 255 bytes", "untyped", labelled(["a".repeat(255), "é".repeat(127) + "x"])],
];

for (const [what, type, sample] of kept) {
  Deno.test(`dropInvalid() keeps a sample ${what}`, () => {
    const { passed, account } = run(family([sample], { type }));
    assert.deepEqual(passed.metrics, [sample]);
    assert.deepEqual(account, []);
  });
}

const families: [fault: string, changes: Partial<MetricFamily>][] = [
  ["bad name", { name: "" }],
  ["bad name", { name: "a-b" }],
  ["bad name", { name: "a".repeat(256) }],
  ["unknown type", { type: undefined }],
];

for (const [fault, changes] of families) {
  Deno.test(`dropInvalid() drops a family: ${fault}, ${JSON.stringify(changes)}`, () => {
    const { passed, account } = run(family([metric(), metric()], changes));
    assert.equal(passed, undefined);
    assert.deepEqual(account, [{ rule: `drop invalid (${fault})`, effect: "dropped", count: 2 }]);
  });
}

Deno.test("dropInvalid() removes labels over 255 bytes and those without a name, and keeps the sample", () => {
  const long = "é".repeat(128);
  const { passed, account } = run(family([labelled(["a", "1"], ["b", long], [long, "c"], ["", "d"], ["e", "2"])]));
  assert.deepEqual(passed.metrics, [labelled(["a", "1"], ["e", "2"])]);
  assert.deepEqual(account, [
    { rule: "drop invalid (label without a name or over 255 bytes)", effect: "truncated", count: 3 },
  ]);
});

Deno.test("isTooLong() counts bytes", () => {
  const cases: [string, boolean][] = [
    ["", false],
    ["a".repeat(255), false],
    ["a".repeat(256), true],
    ["é".repeat(127), false],
    ["é".repeat(128), true],
    ["☃".repeat(85), false],
    ["☃".repeat(86), true],
    ["😀".repeat(63), false],
    ["😀".repeat(64), true],
    ["a".repeat(254) + "é", true],
    ["a".repeat(253) + "☃", true],
  ];
  for (const [text, expected] of cases) {
    assert.equal(isTooLong(text), expected, `${text.length} units of ${text.at(-1)}`);
  }
});

Deno.test("isLabelName() and isFamilyName() hold to the charset of Prometheus", () => {
  for (const name of ["a", "_a1", "A".repeat(255)]) assert.ok(isLabelName(name) && isFamilyName(name), name);
  for (const name of ["", "1a", "a-b", "a b", "é", "a".repeat(256), "a\n"]) {
    assert.ok(!isLabelName(name) && !isFamilyName(name), name);
  }
  assert.ok(isFamilyName("a:b") && !isLabelName("a:b"));
  assert.ok(!isLabelName("__name__"));
});
