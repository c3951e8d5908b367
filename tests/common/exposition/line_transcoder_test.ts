import assert from "node:assert/strict";
import fc from "fast-check";
import { LineTranscoder, type PlainType } from "../../../common/exposition/line_transcoder.ts";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { formatValue } from "../../../common/exposition/format_number.ts";
import { formatText } from "../../../common/exposition/text_format.ts";
import { manyLabels } from "../../support/arbitrary_families.ts";
import { oracleDecode } from "../../support/metric_family_oracle.ts";
import { Random } from "../../support/random.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const encoder = new TextEncoder();

/** What the oracle reads in the messages that lines become. */
function read(text: string | readonly Uint8Array[], { name, type }: { name: string; type: PlainType }): MetricFamily[] {
  const slices = typeof text === "string" ? [encoder.encode(text)] : text;
  return [...new LineTranscoder().transcode(slices, { name, type })].flatMap((message) => oracleDecode(message));
}

function valuesOf(lines: readonly string[]): unknown[] {
  return read(lines.map((line) => `x ${line}\n`).join(""), { name: "x", type: "gauge" })
    .flatMap(({ metrics }) => metrics.map(({ value }) => value));
}

for (const type of ["gauge", "counter", "untyped"] as const) {
  Deno.test(`LineTranscoder.transcode() makes samples of a ${type}`, () => {
    assert.deepEqual(read('x_total{a="1",b=""} 12.5\nx_total 3\n', { name: "x_total", type }), [{
      name: "x_total",
      type,
      metrics: [
        { labels: [{ name: "a", value: "1" }, { name: "b", value: "" }], value: 12.5 },
        { labels: [], value: 3 },
      ],
    }]);
  });
}

Deno.test("LineTranscoder.transcode() makes nothing of no lines", () => {
  assert.deepEqual(read([], { name: "x", type: "gauge" }), []);
  assert.deepEqual(read([new Uint8Array()], { name: "x", type: "gauge" }), []);
});

Deno.test("LineTranscoder.transcode() agrees with an independent decoder on any labels and values", () => {
  const family = fc.record({
    name: fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,254}$/),
    type: fc.constantFrom<PlainType>("gauge", "counter", "untyped"),
    metrics: fc.array(manyLabels(), { minLength: 1, maxLength: 8 }),
  }, { noNullPrototype: true });
  fc.assert(
    fc.property(family, (family) => {
      const text = new TextDecoder().decode(formatText([family], { timestamps: false }));
      // The comment goes.
      assert.deepEqual(read(text.slice(text.indexOf("\n") + 1), family), [family]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("LineTranscoder.transcode() reads every number as JavaScript does, whatever its digits and size", () => {
  const random = new Random(11);
  const bits = new DataView(new ArrayBuffer(8));
  const any = () => {
    bits.setBigUint64(0, BigInt(random.uint32()) << 32n | BigInt(random.uint32()));
    return bits.getFloat64(0);
  };
  const kinds = [
    any,
    () => random.uint32() / 2 ** 32,
    () => random.uint32() * random.uint32(),
    () => Math.round(random.uint32()) / 1e3,
    () => (random.below(1_000)) * 10 ** random.below(309),
    () => (random.uint32() / 2 ** 32) * 2 ** -1_040,
    () => 2 ** (random.below(2_098) - 1_074),
  ];
  const values = Array.from({ length: 70_000 }, (_, i) => kinds[i % kinds.length]());
  values.push(
    0,
    -0,
    NaN,
    Infinity,
    -Infinity,
    5e-324,
    Number.MAX_VALUE,
    2 ** 53 + 2,
    1e21,
    1e-7,
    123456789012345680000,
  );
  const found = valuesOf(values.map(formatValue));
  assert.equal(found.length, values.length);
  values.forEach((value, i) => assert.ok(Object.is(found[i], value), `${value} is read as ${found[i]}`));
});

for (
  const [text, value] of [
    ["9007199254740993", 9007199254740992],
    ["9007199254740993.0", 9007199254740992],
    ["9007199254740995", 9007199254740996],
    ["1e400", Infinity],
    ["1e-400", 0],
    ["0.000", 0],
    ["123456789012345678901234567890", 1.2345678901234568e29],
    ["2.2250738585072011e-308", 2.225073858507201e-308],
    ["7.2057594037927933e16", 7.2057594037927936e16],
  ] as const
) {
  Deno.test(`LineTranscoder.transcode() reads ${text} as the nearest double`, () => {
    assert.deepEqual(valuesOf([text]), [value]);
  });
}

Deno.test("LineTranscoder.transcode() makes several messages of many lines, cut at lines, with the name in each", () => {
  const line = `x{a="${"v".repeat(100)}"} 1\n`;
  const slices = [encoder.encode(line.repeat(3_000)), encoder.encode(line), encoder.encode(line.repeat(2_000))];
  const families = read(slices, { name: "x", type: "gauge" });
  assert.ok(families.length > 3 && families.every(({ name }) => name === "x"), `${families.length} messages`);
  assert.equal(families.reduce((sum, { metrics }) => sum + metrics.length, 0), 5_001);
});

Deno.test("LineTranscoder.transcode() takes a line that is longer than a message", () => {
  const labels = Array.from({ length: 800 }, (_, i) => `l${i}="${"v".repeat(250)}"`);
  const [family, ...more] = read(`x{${labels}} 1\n`, { name: "x", type: "gauge" });
  assert.deepEqual([family.metrics[0].labels.length, more], [800, []]);
});
