import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeFamilies, type NameCollision } from "../../../common/exposition/escape_families.ts";
import type { Label, Metric, MetricFamily, MetricType } from "../../../common/exposition/metric_family.ts";
import { isClassicLabelName, isClassicMetricName } from "../../../common/exposition/names.ts";
import { arbitraryProtobufFamilies } from "../../support/arbitrary_families.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function labelsOf(labels: Readonly<Record<string, string>>): Label[] {
  return Object.entries(labels).map(([name, value]) => ({ name, value }));
}

function sample(labels: Readonly<Record<string, string>>, value: Metric["value"] = 1): Metric {
  return { labels: labelsOf(labels), value };
}

function family(name: string, type: MetricType, ...metrics: Metric[]): MetricFamily {
  return { name, type, metrics };
}

const SUMMARY = { count: 1, sum: 2, quantiles: [] };
const HISTOGRAM = { count: 1, sum: 2, buckets: [] };
const NONE = { spans: [], counts: [] };
const NATIVE = { ...HISTOGRAM, native: { schema: 0, zeroThreshold: 1, zeroCount: 1, positive: NONE, negative: NONE } };

const TABLE: readonly (readonly [
  what: string,
  given: MetricFamily[],
  escaped: MetricFamily[],
  collisions: NameCollision[],
])[] = [
  ["nothing", [], [], []],
  [
    "names of metrics and labels",
    [{
      name: "a.b",
      help: "h",
      type: "gauge",
      unit: "u",
      metrics: [{ ...sample({ "c.d": "1", e: "2" }), timestampMs: 5 }],
    }],
    [{
      name: "a_b",
      help: "h",
      type: "gauge",
      unit: "u",
      metrics: [{ ...sample({ c_d: "1", e: "2" }), timestampMs: 5 }],
    }],
    [],
  ],
  [
    "labels that become one: the classic name stands",
    [family("x", "gauge", sample({ "a.b": "1", a_b: "2", "a-b": "3" }))],
    [family("x", "gauge", sample({ a_b: "2" }))],
    ["a-b", "a.b"].map((label) => ({
      what: "label",
      metric: "x",
      label,
      escaped: "a_b",
      labels: labelsOf({ "a.b": "1", a_b: "2", "a-b": "3" }),
    })),
  ],
  [
    "labels that become one: the least name stands",
    [family("x", "gauge", sample({ "a.b": "1", "a-b": "3" }))],
    [family("x", "gauge", sample({ a_b: "3" }))],
    [{ what: "label", metric: "x", label: "a.b", escaped: "a_b", labels: labelsOf({ "a.b": "1", "a-b": "3" }) }],
  ],
  [
    "a label that would be the name of the metric",
    [family("x", "gauge", sample({ "..name..": "1" }))],
    [family("x", "gauge", sample({}))],
    [{
      what: "label",
      metric: "x",
      label: "..name..",
      escaped: "__name__",
      labels: labelsOf({ "..name..": "1" }),
    }],
  ],
  [
    "samples of a family that become one: the classic one stands, wherever it is",
    [family("x", "gauge", sample({ "a.b": "1" }, 1), sample({ a_b: "1", c: "" }, 2), sample({ "a.b": "2" }, 3))],
    [family("x", "gauge", sample({ a_b: "1", c: "" }, 2), sample({ a_b: "2" }, 3))],
    [{ what: "sample", metric: "x", escaped: "x", labels: labelsOf({ "a.b": "1" }) }],
  ],
  [
    "samples of a family that become one: the first stands",
    [family("x", "gauge", sample({ "a.b": "1", "c.d": "2" }, 1), sample({ "c.d": "2", "a-b": "1" }, 2))],
    [family("x", "gauge", sample({ a_b: "1", c_d: "2" }, 1))],
    [{ what: "sample", metric: "x", escaped: "x", labels: labelsOf({ "c.d": "2", "a-b": "1" }) }],
  ],
  [
    "families that become one: the samples of the classic one stand, wherever it is",
    [
      family("a.b", "gauge", sample({}, 1), sample({ c: "1" }, 2)),
      family("y", "gauge", sample({}, 5)),
      family("a_b", "gauge", sample({}, 3)),
      family("a-b", "gauge", sample({ c: "1" }, 4), sample({ c: "2" }, 6)),
    ],
    [
      family("y", "gauge", sample({}, 5)),
      family("a_b", "gauge", sample({}, 3), sample({ c: "1" }, 2), sample({ c: "2" }, 6)),
    ],
    [
      { what: "sample", metric: "a.b", escaped: "a_b", labels: [] },
      { what: "sample", metric: "a-b", escaped: "a_b", labels: labelsOf({ c: "1" }) },
    ],
  ],
  [
    "families of one number and several types: untyped",
    [family("a.b", "gauge", sample({}, 1)), family("a-b", "counter", sample({ c: "1" }, 2))],
    [family("a_b", "untyped", sample({}, 1), sample({ c: "1" }, 2))],
    [],
  ],
  [
    "families that cannot be joined: the classic one stands",
    [family("a.b", "gauge", sample({ c: "1" })), family("a_b", "summary", sample({}, SUMMARY))],
    [family("a_b", "summary", sample({}, SUMMARY))],
    [{ what: "family", metric: "a.b", escaped: "a_b", labels: labelsOf({ c: "1" }) }],
  ],
  [
    "a family with the name of another's lines",
    [family("a.count", "gauge", sample({})), family("a", "summary", sample({}, SUMMARY)), family("a-sum", "gauge")],
    [family("a", "summary", sample({}, SUMMARY))],
    [{ what: "family", metric: "a.count", escaped: "a_count", labels: [] }],
  ],
  [
    "a family whose lines have the name of another",
    [family("a.b", "histogram", sample({}, HISTOGRAM)), family("a_b_count", "gauge", sample({}))],
    [family("a_b_count", "gauge", sample({}))],
    [{ what: "family", metric: "a.b", escaped: "a_b", labels: [] }],
  ],
  [
    "a native histogram, which has no lines, beside a number of its name and the lines of its classic form",
    [
      family("a.b", "histogram", sample({}, NATIVE)),
      family("a.b", "untyped", sample({})),
      family("a.b_count", "untyped", sample({})),
    ],
    [
      family("a_b", "histogram", sample({}, NATIVE)),
      family("a_b", "untyped", sample({})),
      family("a_b_count", "untyped", sample({})),
    ],
    [],
  ],
  [
    "nothing of what is classic, though it collides",
    [
      family("x", "gauge", sample({}), sample({})),
      family("x", "summary", sample({}, SUMMARY)),
      family("y.z", "gauge", sample({})),
    ],
    [
      family("x", "gauge", sample({}), sample({})),
      family("x", "summary", sample({}, SUMMARY)),
      family("y_z", "gauge", sample({})),
    ],
    [],
  ],
];

for (const [what, given, escaped, collisions] of TABLE) {
  Deno.test(`escapeFamilies() escapes ${what}`, () => {
    const heard: NameCollision[] = [];
    assert.deepEqual(escapeFamilies(given, (collision) => heard.push(collision)), escaped);
    assert.deepEqual(heard, collisions);
  });
}

Deno.test("escapeFamilies() leaves no name that is not classic, no series twice, and nothing out without a word", () => {
  const count = (families: readonly MetricFamily[]) => families.flatMap(({ metrics }) => metrics).length;
  fc.assert(fc.property(arbitraryProtobufFamilies, (families) => {
    const heard: NameCollision[] = [];
    const escaped = escapeFamilies(families, (collision) => heard.push(collision));
    assert.equal(count(escaped) + heard.filter(({ what }) => what !== "label").length, count(families));
    for (const { name, type, metrics } of escaped) {
      assert(isClassicMetricName(name));
      const series = metrics.map(({ labels }) => {
        assert(labels.every(({ name }) => isClassicLabelName(name)));
        assert.equal(new Set(labels.map(({ name }) => name)).size, labels.length);
        return JSON.stringify([type, ...labels.map(({ name, value }) => `${name}=${value}`).sort()]);
      });
      assert.equal(new Set(series).size, series.length);
    }
    assert.deepEqual(escapeFamilies(escaped, () => assert.fail()), escaped);
  }));
});
