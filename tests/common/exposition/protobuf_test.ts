import assert from "node:assert/strict";
import fc from "fast-check";
import { LabelMemory } from "../../../common/exposition/label_memory.ts";
import { LimitError, type MetricFamily, type ParseLimits } from "../../../common/exposition/metric_family.ts";
import { decodeFamilies, type DecodeOptions, encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { formatText, parseText } from "../../../common/exposition/text_format.ts";
import { arbitraryFamilies, arbitraryProtobufFamilies } from "../../support/arbitrary_families.ts";
import { oracleDecode, oracleEncode } from "../../support/metric_family_oracle.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { concat, delimited, double, field, integer, label, varint } from "../../support/wire_bytes.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS: ParseLimits = { maxFamilies: 1e6, maxSeries: 1e6, maxLabels: 1e6 };

const labels = new LabelMemory();

/** Decodes without a memory of labels, and sees to it that one makes no difference, be it the first time or not. */
function decode(bytes: Uint8Array, limits: Partial<ParseLimits> = {}): MetricFamily[] {
  const outcome = (memory: DecodeOptions["labels"]) => {
    try {
      return decodeFamilies(bytes, { ...LIMITS, ...limits, labels: memory });
    } catch (error) {
      return error as Error;
    }
  };
  const plain = outcome(undefined);
  for (let scrape = 0; scrape < 2; scrape++) {
    labels.turn();
    assert.deepEqual(outcome(labels), plain);
  }
  if (plain instanceof Error) throw plain;
  return plain;
}

Deno.test("decodeFamilies() reads what protobufjs writes", () => {
  fc.assert(fc.property(arbitraryProtobufFamilies, fc.string({ unit: "binary" }), (families, unit) => {
    const withUnits = families.map((family, i) => i % 2 === 0 ? family : { ...family, unit });
    assert.deepEqual(decode(oracleEncode(withUnits)), withUnits);
  }));
});

Deno.test("encodeFamilies() writes what protobufjs reads", () => {
  fc.assert(fc.property(arbitraryProtobufFamilies, fc.string({ unit: "binary" }), (families, unit) => {
    const withUnits = families.map((family, i) => i % 2 === 0 ? family : { ...family, unit });
    assert.deepEqual(oracleDecode(encodeFamilies(withUnits)), withUnits);
  }));
});

Deno.test("encodeFamilies() and decodeFamilies() are a round trip, alone and by way of text", () => {
  const push = realisticFamilies({ id: "a", nowMs: 1_700_000_000_000 });
  assert.deepEqual(decode(encodeFamilies(push)), push);
  fc.assert(fc.property(arbitraryProtobufFamilies, (families) => {
    assert.deepEqual(decode(encodeFamilies(families)), families);
  }));
  const fragile: MetricFamily[] = [
    { name: "a_x", help: "\r", type: "counter", metrics: [{ labels: [], value: 0 }] },
  ];
  const byText = fc.property(arbitraryFamilies, (families) => {
    assert.deepEqual(parseText(formatText(decode(encodeFamilies(families))), LIMITS), families);
  });
  fc.assert(byText, { examples: [[fragile]] });
});

Deno.test("encodeFamilies() leaves out what has no type, and values that are undefined", () => {
  const families: MetricFamily[] = [
    { name: "gone", type: undefined, metrics: [{ labels: [], value: undefined }] },
    { name: "stays", type: "gauge", metrics: [{ labels: [], value: undefined, timestampMs: 0 }] },
  ];
  assert.deepEqual(decode(encodeFamilies(families)), families.slice(1));
  assert.deepEqual(encodeFamilies([]), new Uint8Array());
});

Deno.test("encodeFamilies() leaves out a value that is not of its family's type", () => {
  const histogram = { count: 1, sum: 2, buckets: [] }, summary = { count: 1, sum: 2, quantiles: [] };
  const families = ([["gauge", histogram], ["counter", summary], ["summary", 5], ["summary", histogram], [
    "histogram",
    summary,
  ], ["gauge_histogram", 5]] as const).map(([type, value]): MetricFamily => ({
    name: "x",
    type,
    metrics: [{ labels: [], value }],
  }));
  assert.deepEqual(decode(encodeFamilies(families)).map(({ metrics }) => metrics[0].value), Array(6).fill(undefined));
});

Deno.test("encodeFamilies() refuses integers that have no place in 64 bits", () => {
  for (const count of [Infinity, NaN, 2 ** 63, -(2 ** 63) - 2_048, -Infinity, 2.5]) {
    const value = { count, sum: 0, buckets: [] };
    const families: MetricFamily[] = [{ name: "x", type: "histogram", metrics: [{ labels: [], value }] }];
    assert.throws(() => encodeFamilies(families), RangeError);
  }
});

const gauge = integer(3, 1);
const metric = (...parts: number[][]) => field(4, parts.flat());
const value = field(2, double(1, 5));

const READ: readonly (readonly [what: string, bytes: Uint8Array, families: MetricFamily[]])[] = [
  ["nothing", new Uint8Array(), []],
  ["an empty family, a counter without name", new Uint8Array([0]), [{ name: "", type: "counter", metrics: [] }]],
  ["a family without type as a counter", delimited(field(1, "x"), metric(field(3, double(1, 5)))), [
    { name: "x", type: "counter", metrics: [{ labels: [], value: 5 }] },
  ]],
  [
    "fields in any order",
    delimited(metric(value, label("b", "c")), gauge, field(5, "u"), field(2, "h"), field(1, "x")),
    [
      { name: "x", help: "h", type: "gauge", unit: "u", metrics: [{ labels: [{ name: "b", value: "c" }], value: 5 }] },
    ],
  ],
  ["a type that we do not carry", delimited(field(1, "x"), integer(3, 6), metric(field(7, integer(1, 1)))), [
    { name: "x", type: undefined, metrics: [{ labels: [], value: undefined }] },
  ]],
  ["a value of another type than the family's", delimited(field(1, "x"), gauge, metric(field(3, double(1, 5)))), [
    { name: "x", type: "gauge", metrics: [{ labels: [], value: undefined }] },
  ]],
  ["values that are empty messages", delimited(field(1, "x"), gauge, metric(field(2, []), field(1, []))), [
    { name: "x", type: "gauge", metrics: [{ labels: [{ name: "", value: "" }], value: 0 }] },
  ]],
  ["the last of a scalar that comes twice", delimited(field(1, "y"), integer(3, 4), gauge, field(1, "x")), [
    { name: "x", type: "gauge", metrics: [] },
  ]],
  [
    "a message that comes in two pieces",
    delimited(
      field(1, "x"),
      integer(3, 4),
      metric(
        field(7, [...integer(1, 9), ...field(3, [...double(2, 1), ...integer(1, 2)])]),
        field(7, [...field(3, [...integer(1, 3), ...double(2, 2)]), ...double(2, 0.5)]),
      ),
    ),
    [{
      name: "x",
      type: "histogram",
      metrics: [{
        labels: [],
        value: { count: 9, sum: 0.5, buckets: [{ upperBound: 1, count: 2 }, { upperBound: 2, count: 3 }] },
      }],
    }],
  ],
  [
    "timestamps of either sign",
    delimited(gauge, metric(integer(6, -1)), metric(integer(6, -(2n ** 53n) + 1n)), metric(integer(6, 2 ** 53 - 1))),
    [{
      name: "",
      type: "gauge",
      metrics: [-1, -(2 ** 53) + 1, 2 ** 53 - 1].map((timestampMs) => ({ labels: [], value: undefined, timestampMs })),
    }],
  ],
  [
    "unknown fields of every wire type",
    delimited(
      integer(9, -1),
      field(1, "x"),
      [...varint(10 * 8 + 1), 1, 2, 3, 4, 5, 6, 7, 8],
      [...varint(11 * 8 + 5), 1, 2, 3, 4],
      field(12, "abc"),
      [...varint((2 ** 29 - 1) * 8), 0],
      gauge,
      metric(value, field(1, [...field(1, "a"), ...integer(99, 5), ...field(99, "abc"), ...field(2, "b")])),
    ),
    [{ name: "x", type: "gauge", metrics: [{ labels: [{ name: "a", value: "b" }], value: 5 }] }],
  ],
  ["a length written with more bytes than it needs", new Uint8Array([0x83, 0x80, 0x00, ...field(1, "x")]), [
    { name: "x", type: "counter", metrics: [] },
  ]],
];

/** Samples with a field that we do not know in each of the messages that a number comes from, by type. */
const UNKNOWN: readonly (readonly [where: string, type: number, unknown: number[]])[] = [
  ["a sample", 1, [...value, ...integer(8, 5)]],
  ["a sample whose value comes twice", 1, [...value, ...field(99, "abc"), ...value]],
  ["a gauge", 1, field(2, [...double(1, 5), ...integer(2, 1)])],
  ["a counter", 0, field(3, [...double(1, 5), ...integer(4, 1)])],
  ["an untyped value", 3, field(5, [...double(1, 5), ...double(2, 1)])],
  ["a summary", 2, field(4, [...integer(1, 5), ...integer(5, 1)])],
  ["a quantile", 2, field(4, [...integer(1, 5), ...field(3, [...double(1, 0.5), ...double(3, 1)])])],
  ["a histogram", 4, field(7, [...integer(1, 5), ...field(17, double(1, 2))])],
  ["a bucket", 4, field(7, [...integer(1, 5), ...field(3, [...integer(1, 5), ...integer(5, 1)])])],
  ["a span", 5, field(7, [...integer(1, 5), ...field(12, [...integer(1, 2), ...integer(2, 1), ...integer(3, 1)])])],
];

for (const [where, type, unknown] of UNKNOWN) {
  Deno.test(`decodeFamilies() trusts no value with an unknown field in ${where}, and its neighbours all the same`, () => {
    const [sound, counter] = [field([3, 2, 4, 5, 7, 7][type], []), field(3, double(1, 7))];
    const time = integer(6, 9);
    const bytes = concat(
      delimited(field(1, "x"), integer(3, type), metric(sound), metric(label("a", "b"), unknown, time), metric(sound)),
      delimited(field(1, "y"), metric(counter)),
    );
    const [{ metrics: [before, faulty, after] }, other] = decode(bytes);
    assert.deepEqual(faulty, {
      labels: [{ name: "a", value: "b" }],
      value: undefined,
      fault: "unknown_field",
      timestampMs: 9,
    });
    assert.deepEqual(before, after);
    assert(before.value !== undefined && before.fault === undefined);
    assert.equal(other.metrics[0].value, 7);
  });
}

Deno.test("decodeFamilies() passes over exemplars, known and unknown fields in them, and reads created timestamps", () => {
  const exemplar = [...label("trace_id", "1"), ...double(2, 5), ...field(3, integer(1, 5)), ...integer(9, 1)];
  const created = (number: number) =>
    field(number, [...integer(1, 1_700_000_000), ...integer(2, 123_999_999), ...integer(3, 1)]);
  const counter = [...double(1, 5), ...field(2, exemplar), ...created(3)];
  const summary = [...integer(1, 2), ...created(4)];
  const bucket = field(3, [...integer(1, 2), ...double(2, 1), ...field(3, exemplar)]);
  const histogram = [...integer(1, 2), ...bucket, ...created(15), ...field(16, exemplar), ...field(16, exemplar)];
  const bytes = concat(
    delimited(integer(3, 0), metric(field(3, counter))),
    delimited(integer(3, 2), metric(field(4, summary))),
    delimited(integer(3, 4), metric(field(7, histogram))),
  );
  const createdMs = 1_700_000_000_123;
  assert.deepEqual(decode(bytes).map(({ metrics }) => metrics[0]), [
    { labels: [], value: 5, createdMs },
    { labels: [], value: { count: 2, sum: 0, quantiles: [] }, createdMs },
    { labels: [], value: { count: 2, sum: 0, buckets: [{ upperBound: 1, count: 2 }] }, createdMs },
  ]);
});

for (const [what, bytes, families] of READ) {
  Deno.test(`decodeFamilies() reads ${what}`, () => assert.deepEqual(decode(bytes), families));
}

const REFUSED: readonly (readonly [what: string, bytes: readonly number[] | Uint8Array, why: RegExp])[] = [
  ["a length past the end", [5, ...field(1, "x")], /a length goes past the end, at offset 0/],
  ["a delimiter without end", [0x80], /a varint is cut short, at offset 0/],
  ["a delimiter of more than 64 bits", Array(11).fill(0xff), /a varint has more than 64 bits, at offset 0/],
  ["a delimiter of 2^63", [...Array(9).fill(0x80), 1], /a length goes past the end, at offset 0/],
  ["a field past the end of its family", [3, 0x0a, 5, 0x78, 0, 0, 0], /a length goes past the end, at offset 2/],
  ["a label past the end of its metric", delimited(metric([0x0a, 9])), /a length goes past the end, at offset 4/],
  ["a tag without value", [1, 0x18], /a varint is cut short/],
  ["a double cut short", delimited(gauge, metric(field(2, [0x09, 1, 2]))), /a double is cut short, at offset 8/],
  ["field number 0", delimited([0x02, 0]), /a field has the number 0, at offset 1/],
  ["a field number of 30 bits", delimited([...varint(2 ** 29 * 8), 0]), /a field has the number 536870912/],
  ["a group", delimited([...varint(9 * 8 + 3)]), /a field has the wire type 3/],
  ["an unknown wire type", delimited([...varint(9 * 8 + 7)]), /a field has the wire type 7/],
  ["a name that is a varint", delimited(integer(1, 5)), /a field has the wire type 0 in place of 2/],
  ["a value that is a float", delimited(gauge, metric(field(2, [0x0d, 0, 0, 0, 0]))), /the wire type 5 in place of 1/],
  ["a timestamp that is a string", delimited(metric(field(6, "x"))), /the wire type 2 in place of 0/],
  ["a name that is not UTF-8", delimited(field(1, [0xff])), /a string is not UTF-8, at offset 3/],
  [
    "a label that is not UTF-8",
    delimited(metric(label("a", [0xed, 0xa0, 0x80]))),
    /a string is not UTF-8, at offset 10/,
  ],
  ["an unknown fixed field cut short", delimited([...varint(9 * 8 + 5), 1, 2]), /a field is cut short, at offset 2/],
];

for (const [what, bytes, why] of REFUSED) {
  Deno.test(`decodeFamilies() refuses ${what}`, () => {
    assert.throws(
      () => decode(new Uint8Array(bytes)),
      (error) => error instanceof SyntaxError && why.test(error.message),
    );
  });
}

Deno.test("decodeFamilies() stops at its limits, and not before", () => {
  const two = [label("a", "1"), label("b", "2")];
  const bytes = concat(delimited(gauge, metric(...two), metric()), delimited(gauge, metric()));
  assert.equal(decode(bytes, { maxFamilies: 2, maxSeries: 3, maxLabels: 2 }).length, 2);
  for (
    const [limits, message] of [
      [{ maxFamilies: 1 }, /more than 1 families/],
      [{ maxSeries: 2 }, /more than 2 series/],
      [{ maxSeries: 1 }, /more than 1 series/],
      [{ maxLabels: 1 }, /more than 1 labels/],
    ] as const
  ) {
    assert.throws(() => decode(bytes, limits), (error) => error instanceof LimitError && message.test(error.message));
  }
});

Deno.test("decodeFamilies() counts series and labels before it spends memory on them", () => {
  const many = (part: number[]) => Array.from({ length: 500_000 }, () => part).flat();
  const series = new Uint8Array([...varint(1_000_000), ...many([0x22, 0])]);
  const labels = new Uint8Array([...varint(1_000_004), 0x22, ...varint(1_000_000), ...many([0x0a, 0])]);
  for (const bytes of [series, labels]) {
    const before = Deno.memoryUsage().heapUsed;
    assert.throws(() => decode(bytes, { maxSeries: 1_000, maxLabels: 64 }), LimitError);
    assert(Deno.memoryUsage().heapUsed - before < 5_000_000);
  }
});

Deno.test("decodeFamilies() throws nothing but SyntaxError and LimitError on damaged bytes, and never reads past them", () => {
  const push = [...encodeFamilies(realisticFamilies({ id: "a", nowMs: 1_700_000_000_000 }).slice(-12))];
  const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), keep: fc.nat(2), skip: fc.nat(2) });
  const damaged = fc.oneof(
    fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) => {
      const bytes = [...push];
      for (const { at, byte, keep, skip } of edits) bytes.splice(at % bytes.length, skip, ...Array(keep).fill(byte));
      return new Uint8Array(bytes);
    }),
    fc.tuple(arbitraryFamilies, fc.nat(), fc.nat(255)).map(([families, at, byte]) => {
      const bytes = encodeFamilies(families);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    }),
    fc.uint8Array({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(damaged, (bytes) => {
      const room = new Uint8Array(bytes.length + 64).fill(0x22);
      room.set(bytes, 32);
      try {
        const families = decode(room.subarray(32, 32 + bytes.length), {
          maxFamilies: 50,
          maxSeries: 100,
          maxLabels: 20,
        });
        assert.deepEqual(families, decode(bytes));
      } catch (error) {
        assert(error instanceof SyntaxError || error instanceof LimitError, `${error}`);
      }
    }),
    { numRuns: 2_000 },
  );
});
