/** How text is read. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { endsInMidLine, formatText } from "../../../common/exposition/text_format.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { parseWhole, valueOf } from "../../support/whole_text.ts";
import { ownThreadMs } from "../../support/processor_time.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("parseText() reads names, labels, escapes, values and timestamps", () => {
  const text = "# HELP x:y a \\\\ b \\n c\n# TYPE x:y counter\n" +
    'x:y{a="1",b="q\\"\\\\\\n é€😀"} 1.5 1700000000000\nx:y 2\n_z 3 -1\n';
  assert.deepEqual(parseWhole(text), [
    {
      name: "x:y",
      help: "a \\ b \n c",
      type: "counter",
      metrics: [
        {
          labels: [{ name: "a", value: "1" }, { name: "b", value: 'q"\\\n é€😀' }],
          value: 1.5,
          timestampMs: 1_700_000_000_000,
        },
        { labels: [], value: 2 },
      ],
    },
    { name: "_z", type: "untyped", metrics: [{ labels: [], value: 3, timestampMs: -1 }] },
  ]);
});

Deno.test("parseText() puts histograms and summaries together, whatever the order of their lines", () => {
  const text = '# TYPE h histogram\nh_count{a="1",b="2"} 3 5\nh_bucket{b="2",le="+Inf",a="1"} 3\n' +
    'h_bucket{a="1",b="2",le="0.5"} 1\nh_sum{a="1",b="2"} 2.5\nh_sum 9\nh_bucket{le="1"} 7\nh_count 8.9\n' +
    '# TYPE s summary\ns{quantile="0.9"} NaN\ns{quantile="0.5"} 1\ns_sum 4\ns_count 2\ns_bucket 1\n';
  assert.deepEqual(parseWhole(text), [
    {
      name: "h",
      type: "histogram",
      metrics: [
        {
          labels: [{ name: "a", value: "1" }, { name: "b", value: "2" }],
          value: { count: 3, sum: 2.5, buckets: [{ upperBound: 0.5, count: 1 }, { upperBound: Infinity, count: 3 }] },
          timestampMs: 5,
        },
        { labels: [], value: { count: 8.9, sum: 9, buckets: [{ upperBound: 1, count: 7 }], isFloat: true } },
      ],
    },
    {
      name: "s",
      type: "summary",
      metrics: [{
        labels: [],
        value: { count: 2, sum: 4, quantiles: [{ quantile: 0.5, value: 1 }, { quantile: 0.9, value: NaN }] },
      }],
    },
    { name: "s_bucket", type: "untyped", metrics: [{ labels: [], value: 1 }] },
  ]);
});

Deno.test("parseText() leaves a name of its own alone that looks like a part", () => {
  assert.deepEqual(
    parseWhole("x_count 1\n# TYPE x histogram\nx_count 2\nx_sum 3\ny_count 4\n").map(({ name, metrics }) => [
      name,
      metrics.map(({ value }) => value),
    ]),
    [["x_count", [1, 2]], ["x_sum", [3]], ["y_count", [4]]],
  );
});

Deno.test("parseText() takes the count of a histogram that lacks it from its last bucket", () => {
  assert.deepEqual(valueOf('# TYPE h histogram\nh_bucket{le="+Inf"} 4\nh_sum 2\n'), {
    count: 4,
    sum: 2,
    buckets: [{ upperBound: Infinity, count: 4 }],
  });
});

Deno.test("parseText() makes up no count and no sum: what lacks one is read line by line, as Prometheus federates it", () => {
  const H = "# TYPE h histogram\n", S = "# TYPE s summary\n";
  const rows: readonly (readonly [page: string, read: string])[] = [
    [`${S}s{quantile="0.5"} 1\ns_sum 3\n`, '# TYPE s untyped\ns{quantile="0.5"} 1\n# TYPE s_sum untyped\ns_sum 3\n'],
    [
      `${S}s{quantile="0.5"} 1\ns_count 3\n`,
      '# TYPE s untyped\ns{quantile="0.5"} 1\n# TYPE s_count untyped\ns_count 3\n',
    ],
    [`${S}s{quantile="0.5"} 1 7\n`, '# TYPE s untyped\ns{quantile="0.5"} 1 7\n'],
    [`${S}s_sum 3\n`, "# TYPE s_sum untyped\ns_sum 3\n"],
    [
      `${S}s_sum{a="b"} 3\ns_sum 4\ns_count 5\n`,
      '# TYPE s_count untyped\ns_count 5\n# TYPE s_sum untyped\ns_sum{a="b"} 3\ns_sum 4\n',
    ],
    [
      `# HELP h Tells\n${H}h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_count 2\n`,
      '# HELP h_bucket Tells\n# TYPE h_bucket untyped\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\n' +
      "# HELP h_count Tells\n# TYPE h_count untyped\nh_count 2\n",
    ],
    [
      `${H}h_bucket{le="1"} 1\nh_sum 2\n`,
      '# TYPE h_bucket untyped\nh_bucket{le="1"} 1\n# TYPE h_sum untyped\nh_sum 2\n',
    ],
    ["# TYPE g gauge_histogram\ng_count 1\n", "# TYPE g_count untyped\ng_count 1\n"],
  ];
  for (const [page, read] of rows) assert.equal(new TextDecoder().decode(formatText(parseWhole(page))), read, page);
  const whole = `${S}s_sum 0\ns_count 0\n`;
  assert.deepEqual(new TextDecoder().decode(formatText(parseWhole(whole))), whole);
});

Deno.test("parseText() reads names of any characters in quotes", () => {
  const text = '# HELP "my.metric" what\n# TYPE "my.metric" gauge\n{"my.metric"} 1\n' +
    '{"my.metric","label.x"="v",le="\\n",plain="2"} 2 5\n{"q\\"b\\\\l\\n{},= é"} 3\nx{"a b"="c"} 4\n' +
    '# TYPE "h.s" histogram\n{"h.s_bucket",le="+Inf"} 2\n{"h.s_sum"} 3\n{"h.s_count"} 2\n# TYPE "up" counter\nup 1\n';
  assert.deepEqual(parseWhole(text), [
    {
      name: "my.metric",
      help: "what",
      type: "gauge",
      metrics: [
        { labels: [], value: 1 },
        {
          labels: [{ name: "label.x", value: "v" }, { name: "le", value: "\n" }, { name: "plain", value: "2" }],
          value: 2,
          timestampMs: 5,
        },
      ],
    },
    { name: 'q"b\\l\n{},= é', type: "untyped", metrics: [{ labels: [], value: 3 }] },
    { name: "x", type: "untyped", metrics: [{ labels: [{ name: "a b", value: "c" }], value: 4 }] },
    {
      name: "h.s",
      type: "histogram",
      metrics: [{ labels: [], value: { count: 2, sum: 3, buckets: [{ upperBound: Infinity, count: 2 }] } }],
    },
    { name: "up", type: "counter", metrics: [{ labels: [], value: 1 }] },
  ]);
});

Deno.test("parseText() takes a carriage return for part of a help text, unless all lines end in one", () => {
  assert.equal(parseWhole("# HELP x a\r\nx 1\n")[0].help, "a\r");
  assert.equal(parseWhole("# HELP x a\r\nx 1\r\n")[0].help, "a");
  assert.equal(parseWhole("\n# HELP x a\r\nx 1\r\n")[0].help, "a\r");
});

Deno.test("endsInMidLine() tells whether the last line has its line feed", () => {
  const table = [["", false], ["x 1\n", false], ["x 1", true], ["x 1\n\n", false], ["x 1\n ", true]] as const;
  for (const [text, expected] of table) assert.equal(endsInMidLine(new TextEncoder().encode(text)), expected);
});

Deno.test("parseText() merges a family whose lines stand apart", () => {
  const text = "# HELP x one\n# TYPE x gauge\nx 1\ny 5\n# HELP x two\n# TYPE x gauge\nx 2\n";
  assert.deepEqual(parseWhole(text), [
    { name: "x", help: "one", type: "gauge", metrics: [{ labels: [], value: 1 }, { labels: [], value: 2 }] },
    { name: "y", type: "untyped", metrics: [{ labels: [], value: 5 }] },
  ]);
});

const ACCEPTED: readonly (readonly [what: string, text: string, samples: number])[] = [
  ["nothing", "", 0],
  ["empty lines and blanks", "\n \t\n\nx 1\n\n", 1],
  ["a last line without line feed", "x 1\ny 2", 2],
  ["tabs and spaces between the parts", 'x\t{ a = "1" , b\t="2"\t, }\t 1 \t 2\n', 1],
  ["no blank behind the labels", 'x{a="1"}1\n', 1],
  ["blanks at the end of a line", "x 1 \nx 1 2\t\n# TYPE y gauge \ny 1\n", 3],
  ["labels without any", "x{} 1\n", 1],
  ["an empty label", 'x{a=""} 1\n', 1],
  ["other comments", "#\n# \n# EOF\n#TYPES\n# TYPE\n# HELP\n# TYPE x\n# HELP x \nx 1\n", 1],
  ["comments of families without samples", "# TYPE x gauge\n# HELP y nothing\n", 0],
  ["a type in capitals", "# TYPE x GAUGE\nx 1\n", 1],
  ["an unknown escape in a help text", "# HELP x \\q \\\nx 1\n", 1],
  ["a type that is said again behind the samples", "# TYPE x gauge\nx 1\n# TYPE x gauge\n", 1],
  ["one series twice", "x 1\nx 2\n", 2],
  ["a byte order mark", "\ufeffx 1\n", 1],
  ["lines that end in CRLF", '# TYPE x gauge\r\nx{a="b"} 1\r\n\r\nx 1 5\r\n# EOF\r\n', 2],
  ["names in quotes", '{"x y"} 1\n{ "x y" , a = "1" , "b.c"="2" , }\t2 5\n{a="1","x"}3\nx{"a"="1"} 1\n', 4],
  ["a name in quotes behind labels", '{a="1","x.y",b="2"} 1\n', 1],
  ["the type of a gauge histogram", '# TYPE x gauge_histogram\nx_bucket{le="+Inf"} 1\n', 1],
  ["the type of a gauge histogram as OpenMetrics has it", '# TYPE x gaugehistogram\nx_bucket{le="+Inf"} 1\n', 1],
];

for (const [what, text, samples] of ACCEPTED) {
  Deno.test(`parseText() accepts ${what}`, () => {
    assert.equal(parseWhole(text).reduce((sum, { metrics }) => sum + metrics.length, 0), samples);
  });
}

Deno.test("parseText() reads numbers as Go does", () => {
  const table: readonly (readonly [string, number])[] = [
    ["0", 0],
    ["-0", -0],
    ["+1", 1],
    ["007", 7],
    ["1.", 1],
    [".5", 0.5],
    ["-.5e-3", -0.0005],
    ["1E+3", 1_000],
    ["1e-400", 0],
    ["1.7976931348623157e+308", Number.MAX_VALUE],
    ["5e-324", Number.MIN_VALUE],
    ["0.1000000000000000055511151231257827021181583404541015625", 0.1],
    ["NaN", NaN],
    ["nan", NaN],
    ["Inf", Infinity],
    ["+inf", Infinity],
    ["-INF", -Infinity],
    ["Infinity", Infinity],
    ["-infinity", -Infinity],
  ];
  for (const [text, value] of table) assert.deepEqual([text, valueOf(`x ${text}\n`)], [text, value]);
});

const NUMBER = /a value is missing or not a number/;
const REFUSED: readonly (readonly [what: string, text: string, message: RegExp, offset: number])[] = [
  ["a value that is missing", "x\n", NUMBER, 1],
  ["a value that is missing behind labels", 'x{a="1"} \n', NUMBER, 9],
  ["a hexadecimal value", "x 0x1p3\n", NUMBER, 2],
  ["a value with underscores", "x 1_000\n", NUMBER, 2],
  ["a value out of range", "x 1e400\n", NUMBER, 2],
  ["a NaN with a sign", "x +NaN\n", NUMBER, 2],
  ["a value with two exponents", "x 1e5e5\n", NUMBER, 2],
  ["a dot for a value", "x .\n", NUMBER, 2],
  ["digits of another script", "x ١\n", NUMBER, 2],
  ["a carriage return within a line", "x 1\r2\n", NUMBER, 2],
  ["two carriage returns", "x 1\r\r\n", NUMBER, 2],
  ["a name outside the charset", "x 1\n\té 1\n", /the name é of a metric must stand in quotes, .*, in line 2/, 5],
  ["a name in quotes without braces", '"x" 1\n', /a line starts with the name of a metric/, 0],
  ["an empty name in quotes", '{""} 1\n', /a metric has an empty name/, 1],
  ["a name in quotes without end", '{"x} 1\n', /a name has no end/, 2],
  ["braces without a name", '{a="b"} 1\n', /a line starts with the name of a metric/, 8],
  ["a name before and within braces", 'x{"y"} 1\n', /a line has two names of a metric/, 2],
  ["two names within braces", '{"x",a="b","y"} 1\n', /a line has two names of a metric/, 11],
  ["a byte order mark further on", "x 1\n\ufeffx 1\n", /the name \\u\{feff\}x of a metric must stand in quotes/, 4],
  ["two byte order marks", "\ufeff\ufeffx 1\n", /the name \\u\{feff\}x of a metric must stand in quotes/, 3],
  ["a name that starts with a digit", "1x 1\n", /the name 1x of a metric must stand in quotes/, 0],
  ["a timestamp with a fraction", "x 1 1.5\n", /not a timestamp/, 4],
  ["a timestamp beyond 2^53", "x 1 9007199254740993\n", /not a timestamp/, 4],
  ["something behind the timestamp", "x 1 2 3\n", /something follows the timestamp/, 6],
  ["a label without name", "x{,} 1\n", /a label has no name/, 2],
  ["a label name with a colon", 'x{a:b="1"} 1\n', /the name a:b of a label must stand in quotes/, 2],
  ["an empty label name in quotes", 'x{""="1"} 1\n', /a label has an empty name/, 2],
  ["a label name in quotes without value", 'x{"a" 1\n', /an equals sign is missing/, 6],
  ["an unknown escape in a name", '{"\\t"} 1\n', /an escape is none of/, 2],
  ["the label __name__ in quotes", 'x{"__name__"="y"} 1\n', /the label __name__ is reserved/, 2],
  ["the label __name__", 'x{a="1",__name__="y"} 1\n', /the label __name__ is reserved/, 8],
  ["a label twice", 'x{a="1",b="2",a="3"} 1\n', /the label a comes twice/, 14],
  [
    "a label twice among many",
    `x{${Array.from({ length: 20 }, (_, i) => `a${i}="1"`)},a3="2"} 1\n`,
    /the label a3 comes twice/,
    152,
  ],
  ["a label without value", "x{a} 1\n", /an equals sign is missing/, 3],
  ["a label value in single quotes", "x{a='1'} 1\n", /a label value starts with a double quote/, 4],
  ["a label value without end", 'x{a="é\n"} 1\n', /a label value has no end/, 5],
  ["a label value that ends in a backslash", 'x{a="\\\n"} 1\n', /an escape is none of/, 5],
  ["an unknown escape", 'x{a="é\\t"} 1\n', /an escape is none of/, 7],
  ["labels without comma", 'x{a="1"b="2"} 1\n', /a comma or closing brace is missing/, 7],
  ["labels without end", 'x{a="1" 1\n', /a comma or closing brace is missing/, 8],
  ["a type that nobody knows", "# TYPE x info\nx 1\n", /this is not a type of metric/, 9],
  ["a line of a gauge histogram's own name", "# TYPE x gauge_histogram\nx 1\n", /no line of its own name/, 28],
  [
    "a type that follows the samples",
    "x 1\n# TYPE x gauge\n",
    /the type of x comes after its first line, in line 2/,
    13,
  ],
  ["two types", "# TYPE x gauge\n# TYPE x counter\n", /x is a gauge further up, in line 2/, 24],
  ["the type of a part", "# TYPE x summary\n# TYPE x_sum gauge\n", /x_sum is a part of the summary x, in line 2/, 30],
  ["a type of a name in quotes without end", '# TYPE "x gauge\n', /a name has no end/, 8],
  ["a type of an empty name", '# TYPE "" gauge\n', /a # TYPE has a name that no metric can have/, 9],
  ["a summary's count with a fraction", "# TYPE s summary\ns_count 1.5\n", /a count is not a whole number/, 28],
  ["a type of a name outside the charset", "# TYPE x-y gauge\n", /a # TYPE has a name that no metric can have/, 8],
  ["a line of a histogram's own name", "# TYPE h histogram\nh 1\n", /no line of its own name, in line 2/, 22],
  ["a bucket without bound", "# TYPE h histogram\nh_bucket 1\n", /the histogram h has no label le, in line 2/, 29],
  ["a bound that is no number", '# TYPE h histogram\nh_bucket{le="x"} 1\n', /the label le is not a number/, 37],
  ["a bound that is NaN", '# TYPE h histogram\nh_bucket{le="NaN"} 1\n', /the label le is not a number/, 39],
  ["a summary's line without quantile", "# TYPE s summary\ns 1\n", /the summary s has no label quantile/, 20],
  ["a count below 0", "# TYPE s summary\ns_count -1\n", /a count is not a whole number/, 27],
  ["a count without end", "# TYPE h histogram\nh_count +Inf\n", /a count is not a whole number/, 31],
  ["a count that is NaN", '# TYPE h histogram\nh_bucket{le="1"} NaN\n', /a count is not a whole number/, 39],
];

for (const [what, text, message, offset] of REFUSED) {
  Deno.test(`parseText() refuses ${what}`, () => {
    assert.throws(() => parseWhole(text), (error) => {
      assert(error instanceof SyntaxError);
      assert.match(error.message, message);
      assert.match(error.message, new RegExp(`^Cannot read the text format: .*, in line \\d+ at offset ${offset}$`));
      return true;
    });
  });
}

Deno.test("parseText() tells where bytes are not UTF-8", () => {
  const start = new TextEncoder().encode("x 1\n# \ufffd é\n# ");
  for (const wrong of [[0xff], [0xc3], [0xe2, 0x82], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
    assert.throws(
      () => parseWhole(new Uint8Array([...start, ...wrong, 0x0a])),
      new SyntaxError(
        `Cannot read the text format: the byte 0x${
          wrong[0].toString(16)
        } is not UTF-8, in line 3 at offset ${start.length}`,
      ),
    );
  }
  assert.throws(
    () => parseWhole(Uint8Array.from("up 1\nx caf\xe9 1\n", (character) => character.charCodeAt(0))),
    /the byte 0xe9 is not UTF-8, in line 2 at offset 10$/,
  );
});

Deno.test("parseText() stops at its limits, and not before", () => {
  const text = '# TYPE a gauge\na 1\nb{l="1",m="2"} 2\nb 3\n';
  assert.equal(parseWhole(text, { maxFamilies: 2, maxSeries: 3, maxLabels: 2 }).length, 2);
  for (
    const [limits, message] of [
      [{ maxFamilies: 1 }, /more than 1 families/],
      [{ maxSeries: 2 }, /more than 2 series/],
      [{ maxLabels: 1 }, /more than 1 labels/],
    ] as const
  ) {
    assert.throws(
      () => parseWhole(text, limits),
      (error) => error instanceof LimitError && message.test(error.message),
    );
  }
  assert.throws(() => parseWhole("# TYPE a gauge\n# HELP b b\n", { maxFamilies: 1 }), LimitError);
});

Deno.test("parseText() takes time linear in hostile text", () => {
  const size = 1_000_000;
  const labels = (n: number) => Array.from({ length: n }, (_, i) => `l${i.toString(36)}="1"`).join();
  const texts = {
    comments: "#\n".repeat(size / 2),
    "lines without blanks": "x\n".repeat(size / 2),
    digits: `x ${"1".repeat(size)}x\n`,
    dots: `x ${"1.".repeat(size / 2)}\n`,
    "digits of a timestamp": `x 1 ${"1".repeat(size)}\n`,
    blanks: `x${" ".repeat(size)}\n`,
    underscores: `${"_".repeat(size)} 1\n`,
    backslashes: `x{a="${"\\".repeat(size)}"} 1\n`,
    "an open string": `x{a="${"b".repeat(size)}\n`,
    labels: `x{${labels(size / 9)}} 1\n`,
    "labels of a bucket": `# TYPE h histogram\nh_bucket{${labels(size / 9)},le="1"} 1\n`,
    buckets: "# TYPE h histogram\n" +
      Array.from({ length: size / 20 }, (_, i) => `h_bucket{le="${size - i}"} 1\n`).join(""),
    families: Array.from({ length: size / 20 }, (_, i) => `# TYPE x${i} gauge\n`).join(""),
    "bytes that are not UTF-8": new Uint8Array(size).fill(0xff),
  };
  for (const [what, text] of Object.entries(texts)) {
    const startMs = ownThreadMs();
    try {
      parseWhole(text);
    } catch (error) {
      assert(error instanceof SyntaxError, what);
    }
    // All of them take some tens of milliseconds; in quadratic time the shortest would take minutes.
    assert(ownThreadMs() - startMs < 3_000, what);
  }
});

Deno.test("parseText() throws nothing but SyntaxError and LimitError on damaged text", () => {
  const page = [...formatText(realisticFamilies({ id: "a", nowMs: 1_700_000_000_000 }).slice(-12))];
  const compound = '# HELP h a\n# TYPE h histogram\nh_bucket{le="1",a="\\n"} 1 5\nh_sum 2\n# TYPE s summary\n' +
    's{quantile="0.5"} NaN\ns_count 1\n';
  const seeds = fc.constantFrom(page, [...new TextEncoder().encode(compound)]);
  const syntax = fc.constantFrom(...Array.from('{}"\\=,# \t\n_:0eEnN.+-\xff', (c) => c.charCodeAt(0)));
  const edit = fc.record({ at: fc.nat(), byte: fc.oneof(syntax, fc.nat(255)), keep: fc.nat(2), skip: fc.nat(2) });
  fc.assert(
    fc.property(seeds, fc.array(edit, { minLength: 1, maxLength: 8 }), (seed, edits) => {
      const bytes = [...seed];
      for (const { at, byte, keep, skip } of edits) bytes.splice(at % bytes.length, skip, ...Array(keep).fill(byte));
      try {
        parseWhole(new Uint8Array(bytes), { maxFamilies: 20, maxSeries: 60, maxLabels: 10 });
      } catch (error) {
        assert(error instanceof SyntaxError || error instanceof LimitError, `${error}`);
      }
    }),
    { numRuns: 2_000 },
  );
});
