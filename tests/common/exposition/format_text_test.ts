/** How families are written as text. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { escapeLabelValue, formatText, parseText } from "../../../common/exposition/text_format.ts";
import { arbitraryFamilies, arbitraryTextFamilies } from "../../support/arbitrary_families.ts";
import { type ExpositionFeatures, parseExposition, seriesKey } from "../../support/exposition_parser.ts";
import { AMPLE_LIMITS } from "../../support/whole_text.ts";
import { shownByGo } from "../../support/shown_by_go.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const format = (...args: Parameters<typeof formatText>) => new TextDecoder().decode(formatText(...args));

Deno.test("formatText() writes every type as the format has it", () => {
  const labels = [{ name: "a", value: 'q"\\\n' }];
  const families: MetricFamily[] = [
    { name: "c", help: "back\\slash\nand line", type: "counter", metrics: [{ labels, value: 1e21, timestampMs: 5 }] },
    { name: "u", type: "untyped", metrics: [{ labels: [], value: -Infinity }] },
    {
      name: "h",
      type: "histogram",
      metrics: [{ labels, value: { count: 3, sum: 0.5, buckets: [{ upperBound: 1, count: 2 }] }, timestampMs: 6 }],
    },
    {
      name: "i",
      type: "histogram",
      metrics: [{ labels: [], value: { count: 3, sum: 0.5, buckets: [{ upperBound: Infinity, count: 3 }] } }],
    },
    {
      name: "s",
      type: "summary",
      metrics: [{ labels, value: { count: 3, sum: NaN, quantiles: [{ quantile: 0.5, value: 2 }] } }],
    },
    { name: "gone", type: undefined, metrics: [{ labels, value: undefined }] },
    { name: "g", type: "gauge", metrics: [{ labels, value: undefined }] },
  ];
  const written = format(families);
  assert.equal(
    written,
    `# HELP c back\\\\slash\\nand line
# TYPE c counter
c{a="q\\"\\\\\\n"} 1e+21 5
# TYPE u untyped
u -Inf
# TYPE h histogram
h_bucket{a="q\\"\\\\\\n",le="1"} 2 6
h_bucket{a="q\\"\\\\\\n",le="+Inf"} 3 6
h_sum{a="q\\"\\\\\\n"} 0.5 6
h_count{a="q\\"\\\\\\n"} 3 6
# TYPE i histogram
i_bucket{le="+Inf"} 3
i_sum 0.5
i_count 3
# TYPE s summary
s{a="q\\"\\\\\\n",quantile="0.5"} 2
s_sum{a="q\\"\\\\\\n"} NaN
s_count{a="q\\"\\\\\\n"} 3
# TYPE g gauge
`,
  );
  assert.equal(format(families, { timestamps: false }), written.replaceAll(/ [56]$/gm, ""));
});

Deno.test("formatText() and parseText() are a round trip", () => {
  fc.assert(fc.property(arbitraryTextFamilies, (families) => {
    assert.deepEqual(parseText(formatText(families), AMPLE_LIMITS), families);
    const onFault = (fault: unknown) => assert.fail(JSON.stringify(fault));
    assert.deepEqual(parseText(formatText(families), { ...AMPLE_LIMITS, onFault }), families);
  }));
});

Deno.test("formatText() writes names in quotes that are not classic, and with underscores if told so", () => {
  const families: MetricFamily[] = [
    {
      name: "my.metric",
      help: "h",
      type: "gauge",
      metrics: [
        { labels: [], value: 1 },
        { labels: [{ name: "a:b", value: "1" }, { name: "c", value: "2" }, { name: '"\\\n', value: "3" }], value: 2 },
      ],
    },
    {
      name: "1s",
      type: "summary",
      metrics: [{ labels: [], value: { count: 3, sum: 4, quantiles: [{ quantile: 0.5, value: 2 }] } }],
    },
  ];
  assert.equal(
    format(families),
    `# HELP "my.metric" h
# TYPE "my.metric" gauge
{"my.metric"} 1
{"my.metric","a:b"="1",c="2","\\"\\\\\\n"="3"} 2
# TYPE "1s" summary
{"1s",quantile="0.5"} 2
{"1s_sum"} 4
{"1s_count"} 3
`,
  );
  assert.equal(
    format(families, { escaping: "underscores" }),
    `# HELP my_metric h
# TYPE my_metric gauge
my_metric 1
my_metric{a_b="1",c="2",___="3"} 2
# TYPE _s summary
_s{quantile="0.5"} 2
_s_sum 4
_s_count 3
`,
  );
});

Deno.test("formatText() writes what text can say of native and gauge histograms, and nothing else", () => {
  const native = {
    schema: 3,
    zeroThreshold: 0.001,
    zeroCount: 1,
    positive: { spans: [{ offset: 0, length: 1 }], counts: [1.5] },
    negative: { spans: [], counts: [] },
  };
  const bare = { count: 2.5, sum: 7, buckets: [], isFloat: true, native };
  const both = { ...bare, buckets: [{ upperBound: 1e6, count: 1.5 }] };
  const labels = [{ name: "a", value: "b" }];
  const metrics = [{ labels: [], value: bare, timestampMs: 5 }, { labels, value: both }];
  assert.equal(
    format([{ name: "x", type: "histogram", metrics }, { name: "g", help: "h", type: "gauge_histogram", metrics }]),
    `# TYPE x histogram
x_bucket{le="+Inf"} 2.5 5
x_sum 7 5
x_count 2.5 5
x_bucket{a="b",le="1e+06"} 1.5
x_bucket{a="b",le="+Inf"} 2.5
x_sum{a="b"} 7
x_count{a="b"} 2.5
# HELP g_bucket h
# TYPE g_bucket untyped
g_bucket{le="+Inf"} 2.5 5
g_bucket{a="b",le="1e+06"} 1.5
g_bucket{a="b",le="+Inf"} 2.5
# HELP g_count h
# TYPE g_count untyped
g_count 2.5 5
g_count{a="b"} 2.5
# HELP g_sum h
# TYPE g_sum untyped
g_sum 7 5
g_sum{a="b"} 7
`,
  );
});

Deno.test("formatText() writes what a strict reader reads as the same samples", () => {
  const features = { quotedNames: true, floatCounts: true };
  const check = (families: readonly MetricFamily[], timestamps: boolean, features?: ExpositionFeatures) => {
    const page = parseExposition(formatText(families, { timestamps }), features);
    assert.deepEqual([...page.keys()], families.map(({ name }) => name));
    for (const { name, type, help, metrics } of families) {
      const read = page.get(name)!;
      assert.deepEqual([read.type, read.help], [type, help]);
      const lines = new Map(metrics.flatMap(({ labels, value, timestampMs }) => {
        const own = labels.map((label): [string, string] => [label.name, label.value]);
        const line = (suffix: string, number: number, ...point: [string, string][]) =>
          [
            seriesKey(name + suffix, [...own, ...point]),
            [number, timestamps ? timestampMs : undefined],
          ] as const;
        if (value === undefined || typeof value === "number") return [line("", value!)];
        const points = "buckets" in value
          ? value.buckets.map(({ upperBound, count }) => line("_bucket", count, ["le", shownByGo(upperBound)]))
          : value.quantiles.map(({ quantile, value }) => line("", value, ["quantile", shownByGo(quantile)]));
        return [...points, line("_sum", value.sum), line("_count", value.count)];
      }));
      assert.deepEqual(
        new Map(Array.from(read.samples, ([key, { value, timestampMs }]) => [key, [value, timestampMs]])),
        lines,
      );
    }
  };
  fc.assert(fc.property(arbitraryFamilies, fc.boolean(), (families, timestamps) => check(families, timestamps)));
  fc.assert(fc.property(arbitraryTextFamilies, fc.boolean(), (families, timestamps) => {
    check(families, timestamps, features);
  }));
});

Deno.test("formatText() writes with underscores what a strict reader of old takes", () => {
  fc.assert(fc.property(arbitraryTextFamilies, (families) => {
    parseExposition(formatText(families, { escaping: "underscores" }), { floatCounts: true });
  }));
});

Deno.test("escapeLabelValue() escapes backslash, double quote and line feed, and nothing else", () => {
  assert.equal(escapeLabelValue("a\\b\"c\nd\te\rf'é😀"), "a\\\\b\\\"c\\nd\te\rf'é😀");
});
