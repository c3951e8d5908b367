/** What one odd sample costs a page of text: itself, and what it belongs to. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LimitError, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import type { SampleFault } from "../../../common/exposition/sample_fault.ts";
import { formatText, parseText } from "../../../common/exposition/text_format.ts";
import { arbitraryTextFamilies } from "../../support/arbitrary_families.ts";
import { ownThreadMs } from "../../support/processor_time.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { maxFamilies: 1e6, maxSeries: 1e6, maxLabels: 64 };

function parse(text: string): { families: MetricFamily[]; faults: SampleFault[] } {
  const faults: SampleFault[] = [];
  const onFault = (fault: SampleFault) => void faults.push(fault);
  return { families: parseText(new TextEncoder().encode(text), { ...LIMITS, onFault }), faults };
}

/** The families by name and type, each with how many samples it has. */
function summary(families: readonly MetricFamily[]): string {
  return families.map(({ name, type, metrics }) => `${name} ${type} ${metrics.length}`).join(", ");
}

const many = Array.from({ length: 65 }, (_, i) => `l${i}="1"`).join();
const H = "# TYPE h histogram\n", S = "# TYPE s summary\n";

/** Pages with a fault, what stays of them beside `up 1`, and what is reported: rule, metric, and words of it. */
const FAULTS: readonly (readonly [
  what: string,
  page: string,
  stays: string,
  faults: [rule: string, metric: string, why: RegExp][],
])[] = [
  ["65 labels", `x{${many}} 1\nx 2\n`, "x untyped 1", [["labels", "x", /more than 64 labels/]]],
  ["a label twice", 'x{a="1",a="2"} 1\nx 2\n', "x untyped 1", [["duplicate_label", "x", /the label a comes twice/]]],
  ["a metric name that needs quotes", "api.rq 1 5\n", "", [["family_name", "api.rq", /must stand in quotes/]]],
  ["a metric name of nothing", '{"",a="b"} 1\n', "", [["family_name", "", /an empty name/]]],
  ["a metric name with an unknown escape", '{"a\\t"} 1\n', "", [["escape", "a\\t", /an escape is none of/]]],
  ["a label name that needs quotes", 'x{pod-template-hash="a"} 1\n', "", [["label_name", "x", /must stand in quotes/]]],
  ["a label name of nothing", 'x{""="a"} 1\n', "", [["label_name", "x", /an empty name/]]],
  ["the label __name__", 'x{__name__="a"} 1\n', "", [["label_name", "x", /is reserved/]]],
  ["an unknown escape", 'x{path="C:\\temp"} 1\nx 2\n', "x untyped 1", [["escape", "x", /an escape is none of/]]],
  ["a value out of range", "x 1e999\nx -1e999\nx 2\n", "x untyped 1", [
    ["value", "x", /1e999 is out of range/],
    ["value", "x", /-1e999 is out of range/],
  ]],
  ["a time with a fraction", "x 1 1.5\nx 2 5\n", "x untyped 1", [["timestamp", "x", /not a timestamp/]]],
  ["a time beyond 2^53", "x 1 9007199254740993\n", "", [["timestamp", "x", /not a timestamp/]]],
  ["a type that nobody knows", "# TYPE x info\nx 1\nx 2\nx_count 3\n", "x_count untyped 1", [
    ["family_type", "x", /the type info of x/],
    ["family_type", "x", /the type info of x/],
  ]],
  ["a type of a name that needs quotes", "# TYPE a-b histogram\na-b 1\nx 1\n", "x untyped 1", [
    ["family_name", "a-b", /must stand in quotes/],
  ]],
  [
    "a quantile of 99",
    `${S}s{quantile="99"} 1\ns_sum 1\ns_count 1\ns{a="b",quantile="0.5"} 1\ns_sum{a="b"} 1\ns_count{a="b"} 1\n`,
    "s summary 1",
    [["summary", "s", /its quantile 99 is not from 0 to 1/]],
  ],
  ["quantiles that repeat", `${S}s{quantile="0.5"} 1\ns{quantile="0.50"} 1\ns_count 1\n`, "", [
    ["summary", "s", /repeat/],
  ]],
  ["a quantile that is missing", `${S}s 1\ns_count 1\n`, "", [["summary", "s", /has no label quantile/]]],
  ["a quantile that is no number", `${S}s{quantile="x"} 1\ns_count 1\n`, "", [["summary", "s", /is not a number/]]],
  ["a summary's count that is NaN", `${S}s_count NaN\ns_sum 1\n`, "", [["summary", "s", /not a whole number/]]],
  ["a summary's count with a fraction", `${S}s_sum 1\ns_count 1.5\n`, "", [["summary", "s", /not a whole number/]]],
  ["a bucket's count that is NaN", `${H}h_bucket{le="+Inf"} NaN\nh_count 1\n`, "", [
    ["histogram", "h", /not a whole number/],
  ]],
  ["a count that is negative", `${H}h_bucket{le="+Inf"} 1\nh_count -1\n`, "", [
    ["histogram", "h", /not a whole number/],
  ]],
  ["a bound that is missing", `${H}h_bucket 1\nh_count 1\n`, "", [["histogram", "h", /has no label le/]]],
  ["a bound that is no number", `${H}h_bucket{le="x"} 1\nh_count 1\n`, "", [["histogram", "h", /is not a number/]]],
  ["bounds that repeat", `${H}h_bucket{le="1"} 1\nh_bucket{le="1.0"} 1\nh_count 1\n`, "", [
    ["histogram", "h", /repeat or do not ascend at 1/],
  ]],
  ["buckets that are not cumulative", `${H}h_bucket{le="1"} 2\nh_bucket{le="2"} 1\nh_count 2\n`, "", [
    ["histogram", "h", /not cumulative/],
  ]],
  ["a count of 9 with 10 in the last bucket", `${H}h_bucket{le="+Inf"} 10\nh_sum 1\nh_count 9\n`, "", [
    ["histogram", "h", /its last bucket has 10 observations where it counts 9/],
  ]],
  ["a count below a bucket's", `${H}h_bucket{le="1"} 10\nh_sum 1\nh_count 9\n`, "", [["histogram", "h", /counts 9/]]],
  ["neither a count nor a last bucket", `${H}h_bucket{le="1"} 10\nh_sum 1\nh_sum{a="b"} 1\n`, "", [
    ["histogram", "h", /neither a count nor a bucket/],
    ["histogram", "h", /neither a count nor a bucket/],
  ]],
  ["a line of a histogram's own name", `${H}h 5\nh_bucket{le="+Inf"} 1\nh_sum 1\n`, "h histogram 1", [
    ["value", "h", /no line of its own name/],
  ]],
  [
    "a bucket of two bounds, and what is left of its histogram",
    `${H}h_bucket{a="1",le="5",le="10"} 1\nh_bucket{a="1",le="+Inf"} 1\nh_count{a="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\n`,
    "h histogram 1",
    [["duplicate_label", "h", /the label le comes twice/]],
  ],
  [
    "a bucket with a time that is none, and what came before of its histogram",
    `${H}h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1 1.5\nh_count 1\n`,
    "",
    [["timestamp", "h", /not a timestamp/]],
  ],
  ["a summary's part further up", `s_count 5\n${S}s{quantile="0.5"} 1\ns_count 6\ns_sum 1\n`, "s_count untyped 2", [
    ["family_collision", "s", /s_count is taken by a metric of one line further up/],
  ]],
  [
    "a part of a histogram further up",
    `h_bucket 1\n${H}h_bucket{le="+Inf"} 6\nh_sum 1\nh_count 6\n`,
    "h_bucket untyped 2",
    [
      ["family_collision", "h", /h_bucket is taken/],
    ],
  ],
  [
    "a part of a histogram with a type of its own",
    `${H}h_bucket{le="+Inf"} 6\nh_count 6\n# TYPE h_sum gauge\nh_sum 1\n`,
    "h_sum gauge 1",
    [["family_collision", "h", /h_sum is a part of the histogram h/]],
  ],
  [
    "a name of two types, one of them a histogram",
    `# TYPE h gauge\nh 1\n${H}h_bucket{le="+Inf"} 6\nh_count 6\nh_count{a="b"} 1\nh_bucket{le="+Inf",a="b"} 1\n`,
    "h gauge 1",
    [["family_collision", "h", /h is taken by a metric of one line/], ["family_collision", "h", /h is taken/]],
  ],
  [
    "a name of two types, both of several lines",
    `${S}s_count 1\ns_sum 2\n# TYPE s histogram\ns_bucket{le="+Inf"} 6\ns_count 6\ns_sum 1\n${S}s_count{a="b"} 5\ns_sum{a="b"} 2\n`,
    "s summary 2",
    [["family_collision", "s", /s is taken by the summary s further up/]],
  ],
  [
    "a name of two types of one line each, which is no fault",
    "# TYPE x gauge\nx 1\n# TYPE x counter\nx 2\n",
    "x gauge 1, x counter 1",
    [],
  ],
  ["a type that follows the first line, which is no fault", "x 1\n# TYPE x gauge\nx 2\n", "x untyped 1, x gauge 1", []],
  [
    "64 labels and a bound, which is no fault",
    `${H}h_bucket{${many.slice(7)},le="+Inf"} 1\nh_sum{${many.slice(7)}} 1\n`,
    "h histogram 1",
    [],
  ],
];

for (const [what, page, stays, expected] of FAULTS) {
  Deno.test(`parseText() reports ${what}, and reads the rest of the page`, () => {
    const { families, faults } = parse(`# TYPE up gauge\nup 1 5\n${page}up{a="b"} 2 5\n`);
    assert.equal(summary(families), ["up gauge 2", stays].filter((part) => part !== "").join(", "));
    assert.deepEqual(
      faults.map(({ rule, metric }) => [rule, metric]),
      expected.map(([rule, metric]) => [rule, metric]),
    );
    for (const [i, [, , why]] of expected.entries()) assert.match(faults[i].why, why);
  });
}

Deno.test("parseText() says where a fault is, in bytes, and of which sample", () => {
  const { faults } = parse(
    `# HELP é é\n\nx{a="é",b="q\\"\\n"} 1e999\n${H}h_bucket{a="é",le="+Inf"} 1\nh_count{a="é"} 2\n  api.rq{c="d"} 1\n`,
  );
  assert.deepEqual(faults, [
    {
      rule: "value",
      metric: "x",
      labels: 'a="é",b="q\\"\\n"',
      why: "a value is missing or not a number: 1e999 is out of range",
      line: 3,
      offset: 34,
    },
    {
      rule: "family_name",
      metric: "api.rq",
      labels: 'c="d"',
      why: "the name api.rq of a metric must stand in quotes, within braces",
      line: 7,
      offset: 108,
    },
    {
      rule: "histogram",
      metric: "h",
      labels: 'a="é"',
      why: "its last bucket has 1 observation where it counts 2",
      line: 5,
      offset: 59,
    },
  ]);
});

Deno.test("parseText() clips what it repeats of a sample to 200 bytes", () => {
  const long = "é".repeat(1_000);
  const { faults } = parse(
    `x.${long} 1\nx{${Array.from({ length: 70 }, (_, i) => `l${i}="${long}"`)}} 1\n# TYPE x ${long}\nx 1\n`,
  );
  assert.equal(faults.length, 3);
  for (const { metric, labels, why } of faults) {
    for (const text of [metric, labels]) assert(new TextEncoder().encode(text).length <= 200);
    assert(new TextEncoder().encode(why).length <= 500);
  }
  assert.match(faults[0].metric, /^x\.é+…$/);
  assert.match(faults[1].labels, /^l0="é+…"?/);
});

const REFUSED: readonly (readonly [what: string, page: string | Uint8Array, why: RegExp])[] = [
  ["HTML", "<!DOCTYPE html>\n<html><body>502</body></html>\n", /in line 2 at offset 5/],
  ["JSON", '{"status":"error"}\n', /an equals sign is missing/],
  ["words", "Service Unavailable\n", /a value is missing or not a number/],
  ["a value that is missing", "x\n", /a value is missing/],
  ["a value that is no number", "x 1x\n", /not a number/],
  ["a time that is no number", "x 1 now\n", /not a timestamp/],
  ["something behind the time", "x 1 5 6\n", /something follows/],
  ["a line cut within labels", 'x{a="b', /a label value has no end/],
  ["a line cut behind labels", 'x{a="b"} ', /a value is missing/],
  ["a label without value", "x{a} 1\n", /an equals sign is missing/],
  ["bytes that are not UTF-8", new Uint8Array([0x78, 0x20, 0xe9, 0x0a]), /the byte 0xe9 is not UTF-8/],
];

for (const [what, page, why] of REFUSED) {
  Deno.test(`parseText() refuses a page with ${what}, though it hears of faults`, () => {
    const bytes = typeof page === "string" ? new TextEncoder().encode(`up 1\n${page}`) : page;
    assert.throws(() => parseText(bytes, { ...LIMITS, onFault: () => {} }), (error) => {
      return error instanceof SyntaxError && why.test(error.message);
    });
  });
}

Deno.test("parseText() counts lines with a fault as series, and stops at its limits", () => {
  const limits = { maxFamilies: 2, maxSeries: 3, maxLabels: 1, onFault: () => {} };
  const read = (text: string) => parseText(new TextEncoder().encode(text), limits);
  read("a.b 1\na.b 1\na.b 1\n");
  assert.throws(() => read("a.b 1\na.b 1\na.b 1\na.b 1\n"), LimitError);
  assert.throws(() => read("# TYPE x gauge\n# TYPE x counter\n# TYPE x untyped\n"), LimitError);
  read("# TYPE x gauge\n# TYPE x counter\n# TYPE x gauge\n# TYPE x counter\n");
});

Deno.test("parseText() leaves out lines that are longer than what is read, and reads none of them", () => {
  const long = 'x{a="b",\\'.repeat(200);
  const page = `# TYPE ${"t".repeat(200)} gauge\n# HELP up ${"h".repeat(200)}\nup 1\n${long}\n${
    "n".repeat(500)
  } 1\nup 2\n`;
  const faults: SampleFault[] = [];
  const onFault = (fault: SampleFault) => void faults.push(fault);
  const limits = { ...LIMITS, maxFamilies: 1, maxSeries: 4, maxLineLength: 100, onFault };
  const families = parseText(new TextEncoder().encode(page), limits);
  assert.deepEqual(families, [{
    name: "up",
    type: "untyped",
    metrics: [1, 2].map((value) => ({ labels: [], value })),
  }]);
  assert.deepEqual(faults.map(({ rule, metric, line }) => [rule, metric.slice(0, 3), line]), [
    ["line_length", "x", 4],
    ["line_length", "nnn", 5],
  ]);
  assert.match(faults[0].why, /^its line has 1800 characters, where 100 are the most$/);
  assert.throws(() => parseText(new TextEncoder().encode(page), { ...limits, maxSeries: 3 }), LimitError);
  assert.throws(() => parseText(new TextEncoder().encode(page), { ...limits, onFault: undefined }), SyntaxError);
});

Deno.test("parseText() leaves out samples of a metric whose name is too long, and makes no family of it", () => {
  const long = "n".repeat(11);
  const page = `# TYPE ${long} gauge\n${long} 1\n{"${long}",a="1",a="2"} 1\n${"n".repeat(10)} 1\n`;
  const faults: SampleFault[] = [];
  const onFault = (fault: SampleFault) => void faults.push(fault);
  const families = parseText(new TextEncoder().encode(page), { ...LIMITS, maxFamilies: 1, maxNameBytes: 10, onFault });
  assert.equal(summary(families), "nnnnnnnnnn untyped 1");
  assert.deepEqual(faults.map(({ rule, why, line }) => [rule, why, line]), [
    ["family_name", "the name of a metric is longer than 10 bytes", 2],
    ["family_name", "the name of a metric is longer than 10 bytes", 3],
  ]);
});

Deno.test("parseText() puts no fault into words that is counted, nor counts its bytes", () => {
  const size = 20_000, told: SampleFault[] = [];
  let counted = 0;
  const page = new TextEncoder().encode('x{a="1",a="2"} 1\n'.repeat(size));
  const families = parseText(page, {
    ...LIMITS,
    onFault: (fault) => void told.push(fault),
    isCounted: () => told.length > 0 && ++counted > 0,
  });
  assert.deepEqual([families.length, told.length, counted], [0, 1, size - 1]);
});

Deno.test("parseText() takes time linear in a page of nothing but faults", () => {
  const size = 50_000;
  const pages = {
    names: "é 1\n".repeat(size),
    values: "x 1e999\n".repeat(size),
    collisions: `s_count 1\n${S}` + Array.from({ length: size }, (_, i) => `s_sum{i="${i}"} 1\n`).join(""),
    types: "x 1\n# TYPE x gauge\nx 2\n# TYPE x counter\n".repeat(size / 4),
    "histograms from the last to the first": H +
      Array.from({ length: size }, (_, i) => `h_bucket{i="${i}",le="1"} 1\n`).join("") + "é 1\n",
    labels: Array.from({ length: size / 100 }, () => `x{${many},${many}} 1\n`).join(""),
  };
  for (const [what, page] of Object.entries(pages)) {
    const startMs = ownThreadMs();
    parse(page);
    // All of them take less than half a second; in quadratic time the shortest would take minutes.
    assert(ownThreadMs() - startMs < 5_000, what);
  }
});

Deno.test("parseText() makes no number of a page that has lost bytes that the page did not have", () => {
  /** What a sample is known by, and all numbers that it may show. */
  const numbers = (families: readonly MetricFamily[]) =>
    new Set(
      families.flatMap(({ name, metrics }) =>
        metrics.flatMap(({ labels, value }) => {
          const own = JSON.stringify([name, labels]);
          if (typeof value === "number" || value === undefined) return [`${own} ${value}`];
          return [`${own} count ${value.count}`];
        })
      ),
    );
  const line = fc.tuple(fc.nat(), fc.constantFrom("swap", "twice", "drop"));
  fc.assert(fc.property(arbitraryTextFamilies, fc.array(line, { maxLength: 3 }), (families, edits) => {
    const lines = new TextDecoder("utf-8", { ignoreBOM: true }).decode(formatText(families)).split("\n").slice(0, -1);
    for (const [at, edit] of edits) {
      const i = at % Math.max(1, lines.length);
      if (edit === "drop") lines.splice(i, 1);
      else if (edit === "twice") lines.splice(i, 0, lines[i]);
      else lines.splice(i, 2, ...lines.slice(i, i + 2).reverse());
    }
    if (lines.length === 0) return;
    const { families: read } = parse(`${lines.join("\n")}\n`);
    const known = numbers(families);
    const typed = new Map(families.map(({ name, type }) => [name, type]));
    for (const family of read) {
      // A line whose type is gone stands for itself, with its own number.
      if (family.type === "untyped" && typed.get(family.name) !== "untyped") continue;
      if (family.type !== "summary") { for (const number of numbers([family])) assert(known.has(number), number); }
    }
  }));
});
