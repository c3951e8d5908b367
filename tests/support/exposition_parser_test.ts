import assert from "node:assert/strict";
import { parseExposition, seriesKey } from "./exposition_parser.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("parseExposition() reads families, labels, escapes, numbers and timestamps", () => {
  const page = parseExposition(
    '# A comment\n# HELP x a\\\\b\\nc\n# TYPE x gauge\nx{b="q\\"\\\\\\n",a="é",empty=""} 1.5 -12\nx NaN\n\ny -Inf\n' +
      '# TYPE h histogram\nh_bucket{le="0.5"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3e-1\nh_count 2\n' +
      '# TYPE s summary\ns{quantile="0.5"} +Inf\ns_sum 3\ns_count 2\n',
  );
  assert.deepEqual([...page.keys()], ["x", "y", "h", "s"]);
  assert.deepEqual(page.get("x"), {
    name: "x",
    type: "gauge",
    help: "a\\b\nc",
    samples: new Map([
      ['x{a="é",b="q\\"\\\\\\n"}', {
        name: "x",
        labels: new Map([["b", 'q"\\\n'], ["a", "é"]]),
        value: 1.5,
        timestampMs: -12,
      }],
      ["x{}", { name: "x", labels: new Map(), value: NaN }],
    ]),
  });
  assert.equal(page.get("y")?.type, "untyped");
  assert.deepEqual([...page.get("h")!.samples.values()].map(({ value }) => value), [1, 2, 0.3, 2]);
  assert.equal(page.get("s")?.samples.get('s{quantile="0.5"}')?.value, Infinity);
});

Deno.test("parseExposition() reads an empty page", () => assert.equal(parseExposition("").size, 0));

Deno.test("seriesKey() counts neither order nor empty labels", () => {
  assert.equal(seriesKey("x", [["b", "2"], ["a", "1"], ["c", ""]]), 'x{a="1",b="2"}');
});

Deno.test("parseExposition() reads quoted names and counts that are no integers where they may be", () => {
  const text =
    '# HELP "a.b" h\n# TYPE "a.b" histogram\n{"a.b_bucket",le="+Inf"} 2.5\n{"a.b_sum"} 3\n{"a.b_count"} 2.5\n' +
    '{"q\\"\\\\\\n","c d"="1",e="2"} 4\nx{"c d"="1"} 5\n';
  const page = parseExposition(text, { quotedNames: true, floatCounts: true });
  assert.deepEqual(Array.from(page.values(), ({ name, type, help }) => [name, type, help]), [
    ["a.b", "histogram", "h"],
    ['q"\\\n', "untyped", undefined],
    ["x", "untyped", undefined],
  ]);
  assert.deepEqual([...page.get('q"\\\n')!.samples.values()], [{
    name: 'q"\\\n',
    labels: new Map([["c d", "1"], ["e", "2"]]),
    value: 4,
  }]);
  assert.throws(() => parseExposition(text, { floatCounts: true }), /is in quotes/);
  assert.throws(() => parseExposition(text, { quotedNames: true }), /are not cumulative/);
  for (const line of ['{"x"} 1\n', 'x{"a"="b"} 1\n', '# TYPE "x" gauge\n']) {
    assert.throws(() => parseExposition(line, { quotedNames: true }), /is in quotes without need/);
  }
  assert.throws(() => parseExposition('{""} 1\n', { quotedNames: true }), /A name is empty/);
});

const HISTOGRAM = "# TYPE h histogram\n";
const REFUSED: readonly (readonly [what: string, page: string | Uint8Array, why: RegExp])[] = [
  ["a last line without its line feed", "x 1", /has no line feed/],
  [
    "bytes that are not UTF-8",
    new Uint8Array([0x78, 0x7b, 0x61, 0x3d, 0x22, 0xff, 0x22, 0x7d, 0x20, 0x31, 0x0a]),
    /not valid/,
  ],
  ["a byte order mark", "\ufeffx 1\n", /is not a sample/],
  ["a second # TYPE", "# TYPE x gauge\n# TYPE x gauge\nx 1\n", /has a second # TYPE/],
  ["a second # HELP", "# HELP x a\n# HELP x b\nx 1\n", /has a second # HELP/],
  ["a # TYPE after samples", "x 1\n# TYPE x gauge\n", /comes after its samples/],
  ["a # TYPE again further down", "# TYPE x gauge\nx 1\ny 1\n# TYPE x gauge\nx 2\n", /are not one group/],
  ["an unknown type", "# TYPE x info\nx 1\n", /is not a type/],
  ["a # TYPE without type", "# TYPE x\nx 1\n", /A comment is incomplete/],
  ["samples that are not one group", 'x 1\ny 1\nx{a="b"} 1\n', /are not one group/],
  ["a series twice", "x 1\nx 2\n", /comes twice/],
  ["a series twice, its labels in another order", 'x{a="1",b="2"} 1\nx{b="2",a="1"} 1\n', /comes twice/],
  ["a series twice, one with an empty label", 'x{a=""} 1\nx 1\n', /comes twice/],
  ["a label twice", 'x{a="1",a="2"} 1\n', /comes twice/],
  ["a label __name__", 'x{__name__="y"} 1\n', /is reserved/],
  ["an unknown escape", 'x{a="\\t"} 1\n', /are not labels/],
  ["an unknown escape in a help text", "# HELP x \\t\nx 1\n", /An escape is unknown/],
  ["an open string", 'x{a="b} 1\n', /are not labels/],
  ["an open brace", 'x{a="b" 1\n', /is not a sample/],
  ["labels without a comma", 'x{a="b"c="d"} 1\n', /are not labels/],
  ["a comma alone", "x{,} 1\n", /are not labels/],
  ["a name outside the charset", "x-y 1\n", /is not a sample/],
  ["a label name outside the charset", 'x{a:b="c"} 1\n', /are not labels/],
  ["a line without value", "x\n", /is not a sample/],
  ["a value that is no number", "x 1x\n", /is not a sample/],
  ["a hexadecimal value", "x 0x1p3\n", /is not a sample/],
  ["a value out of range", "x 1e999\n", /is not a number/],
  ["a value with two dots", "x 1.5.5\n", /is not a number/],
  ["blanks at the end", "x 1 \n", /is not a sample/],
  ["a carriage return", "x 1\r\n", /is not a sample/],
  ["a timestamp with a fraction", "x 1 1.5\n", /is not a sample/],
  ["a timestamp beyond 64 bits", "x 1 9223372036854775808\n", /more than 64 bits/],
  ["something behind the timestamp", "x 1 1 1\n", /is not a sample/],
  [
    "a gauge of a histogram's part",
    '# TYPE h_count gauge\nh_count 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\n',
    /collides with the family/,
  ],
  [
    "a name that collides with a histogram's part further down",
    `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n# TYPE h_sum gauge\nh_sum 1\n`,
    /collides with the family/,
  ],
  [
    "a name that collides with a summary's part",
    "# TYPE s summary\ns_sum 1\ns_count 1\n# TYPE s_count gauge\n",
    /collides with the family/,
  ],
  ["a histogram without +Inf", `${HISTOGRAM}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`, /lacks its bucket/],
  ["a histogram without buckets", `${HISTOGRAM}h_sum 1\nh_count 1\n`, /lacks its bucket/],
  ["a histogram without sum", `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_count 1\n`, /lacks its sum or count/],
  ["a histogram without count", `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_sum 1\n`, /lacks its sum or count/],
  [
    "a histogram whose count is not its last bucket",
    `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`,
    /is not its count/,
  ],
  [
    "buckets that do not ascend",
    `${HISTOGRAM}h_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    /do not ascend/,
  ],
  [
    "buckets of one bound, written in two ways",
    `${HISTOGRAM}h_bucket{le="1"} 1\nh_bucket{le="1.0"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    /do not ascend/,
  ],
  [
    "buckets that are not cumulative",
    `${HISTOGRAM}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    /are not cumulative/,
  ],
  ["a bucket without bound", `${HISTOGRAM}h_bucket 1\nh_sum 1\nh_count 1\n`, /is missing/],
  ["a bound that is no number", `${HISTOGRAM}h_bucket{le="x"} 1\nh_sum 1\nh_count 1\n`, /is not a number/],
  [
    "a histogram with le on its sum",
    `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_sum{le="1"} 1\nh_count 1\n`,
    /is out of place/,
  ],
  ["a histogram's own name", `${HISTOGRAM}h 1\n`, /has a line h/],
  ["a summary without quantile", "# TYPE s summary\ns 1\ns_sum 1\ns_count 1\n", /is missing/],
  ["a summary without sum", "# TYPE s summary\ns_count 1\n", /lacks its sum or count/],
  ["quantiles beyond 1", '# TYPE s summary\ns{quantile="2"} 1\ns_sum 1\ns_count 1\n', /do not ascend/],
  [
    "quantiles that repeat",
    '# TYPE s summary\ns{quantile="1"} 1\ns{quantile="1.0"} 1\ns_sum 1\ns_count 1\n',
    /do not ascend/,
  ],
];

for (const [what, page, why] of REFUSED) {
  Deno.test(`parseExposition() refuses ${what}`, () => {
    assert.throws(() => parseExposition(page), why);
  });
}
