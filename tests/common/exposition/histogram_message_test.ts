import assert from "node:assert/strict";
import fc from "fast-check";
import type { HistogramValue, Metric, MetricFamily } from "../../../common/exposition/metric_family.ts";
import { decodeFamilies, encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { arbitraryProtobufFamilies } from "../../support/arbitrary_families.ts";
import { oracleDecode, oracleEncode } from "../../support/metric_family_oracle.ts";
import { delimited, double, field, integer, varint } from "../../support/wire_bytes.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { maxFamilies: 1e6, maxSeries: 1e6, maxLabels: 1e6 };

/** Reads the only sample of a histogram that has these fields. */
function read(...fields: number[][]): Metric {
  const bytes = delimited(field(1, "x"), integer(3, 4), field(4, field(7, fields.flat())));
  return decodeFamilies(bytes, LIMITS)[0].metrics[0];
}

/** A sint32 or sint64 in ZigZag form. */
function signed(number: number, value: number | bigint): number[] {
  return integer(number, BigInt(value) * 2n ^ BigInt(value) >> 63n);
}

const span = (number: number, offset: number, length: number) =>
  field(number, [...signed(1, offset), ...integer(2, length)]);
const bucket = (...parts: number[][]) => field(3, parts.flat());
const side = (spans: [number, number][], counts: number[]) => ({
  spans: spans.map(([offset, length]) => ({ offset, length })),
  counts,
});
const NONE = side([], []);

const READ: readonly (readonly [what: string, fields: number[][], value: HistogramValue])[] = [
  ["nothing", [], { count: 0, sum: 0, buckets: [] }],
  ["a count that is a double", [double(2, 12.5), double(4, 5)], { count: 5, sum: 12.5, buckets: [], isFloat: true }],
  ["a count that is 0 as a double, and nothing else", [double(4, 0)], { count: 0, sum: 0, buckets: [], isFloat: true }],
  ["the integer where the double is 0", [integer(1, 7), double(4, 0)], { count: 7, sum: 0, buckets: [] }],
  ["the double where both are given", [double(4, 7.5), integer(1, 7)], {
    count: 7.5,
    sum: 0,
    buckets: [],
    isFloat: true,
  }],
  [
    "buckets of either kind",
    [
      integer(1, 9),
      bucket(double(2, 1), double(4, 2.5)),
      bucket(double(2, 2), integer(1, 3)),
      bucket(double(2, 3), integer(1, 3), double(4, 4.5)),
      bucket(double(2, 4), integer(1, 9), double(4, 0)),
    ],
    {
      count: 9,
      sum: 0,
      buckets: [[1, 2.5], [2, 3], [3, 4.5], [4, 9]].map(([upperBound, count]) => ({ upperBound, count })),
      isFloat: true,
    },
  ],
  [
    "integers of a native histogram, one at a time",
    [
      integer(1, 12),
      double(2, 3.5),
      signed(5, -1),
      double(6, 0.001),
      integer(7, 2),
      span(12, -3, 2),
      signed(13, 1),
      span(12, 4, 1),
      signed(13, 2),
      signed(13, -1),
      span(9, 0, 1),
      signed(10, 4),
    ],
    {
      count: 12,
      sum: 3.5,
      buckets: [],
      native: {
        schema: -1,
        zeroThreshold: 0.001,
        zeroCount: 2,
        positive: side([[-3, 2], [4, 1]], [1, 3, 2]),
        negative: side([[0, 1]], [4]),
      },
    },
  ],
  [
    "the same packed",
    [
      integer(1, 6),
      span(12, 0, 3),
      field(13, [...varint(2), ...varint(4)]),
      signed(13, -1),
      span(9, 1, 1),
      field(10, varint(0)),
    ],
    {
      count: 6,
      sum: 0,
      buckets: [],
      native: {
        schema: 0,
        zeroThreshold: 0,
        zeroCount: 0,
        positive: side([[0, 3]], [1, 3, 2]),
        negative: side([[1, 1]], [0]),
      },
    },
  ],
  [
    "doubles of a native histogram, packed and one at a time",
    [
      double(4, 6.5),
      double(8, 0.5),
      span(12, 0, 3),
      field(14, double(0, 1.5).slice(1)),
      double(14, 2),
      double(14, 0.5),
      span(9, 0, 1),
      double(11, 2),
    ],
    {
      count: 6.5,
      sum: 0,
      buckets: [],
      isFloat: true,
      native: {
        schema: 0,
        zeroThreshold: 0,
        zeroCount: 0.5,
        positive: side([[0, 3]], [1.5, 2, 0.5]),
        negative: side([[0, 1]], [2]),
      },
    },
  ],
  ["a native histogram that has no observations yet", [signed(5, 3), span(12, 0, 0)], {
    count: 0,
    sum: 0,
    buckets: [],
    native: { schema: 3, zeroThreshold: 0, zeroCount: 0, positive: side([[0, 0]], []), negative: NONE },
  }],
  ["a native histogram with a zero bucket alone", [double(4, 2), signed(5, 3), double(8, 2)], {
    count: 2,
    sum: 0,
    buckets: [],
    isFloat: true,
    native: { schema: 3, zeroThreshold: 0, zeroCount: 2, positive: NONE, negative: NONE },
  }],
  ["a native histogram with a width of zero alone", [double(6, 1)], {
    count: 0,
    sum: 0,
    buckets: [],
    native: { schema: 0, zeroThreshold: 1, zeroCount: 0, positive: NONE, negative: NONE },
  }],
  ["classic buckets beside native ones", [
    integer(1, 2),
    bucket(double(2, 1), integer(1, 2)),
    span(12, 0, 1),
    signed(13, 2),
  ], {
    count: 2,
    sum: 0,
    buckets: [{ upperBound: 1, count: 2 }],
    native: { schema: 0, zeroThreshold: 0, zeroCount: 0, positive: side([[0, 1]], [2]), negative: NONE },
  }],
  ["a schema alone, as Prometheus federates a native histogram that has no observations yet", [
    double(4, 0),
    double(2, 0),
    signed(5, 3),
    double(6, 0),
    double(8, 0),
  ], {
    count: 0,
    sum: 0,
    buckets: [],
    isFloat: true,
    native: { schema: 3, zeroThreshold: 0, zeroCount: 0, positive: NONE, negative: NONE },
  }],
  ["a schema beside a count alone as a classic histogram, as Prometheus does", [integer(1, 2), signed(5, 0)], {
    count: 2,
    sum: 0,
    buckets: [],
  }],
  [
    "a schema beside classic buckets alone as a classic histogram",
    [integer(1, 0), bucket(double(2, 1)), signed(5, 0)],
    { count: 0, sum: 0, buckets: [{ upperBound: 1, count: 0 }] },
  ],
  ["spans at the ends of their fields", [span(12, -(2 ** 31), 2 ** 32 - 1), span(12, 2 ** 31 - 1, 0)], {
    count: 0,
    sum: 0,
    buckets: [],
    native: {
      schema: 0,
      zeroThreshold: 0,
      zeroCount: 0,
      positive: side([[-(2 ** 31), 2 ** 32 - 1], [2 ** 31 - 1, 0]], []),
      negative: NONE,
    },
  }],
];

for (const [what, fields, value] of READ) {
  Deno.test(`decodeFamilies() reads ${what} of a histogram`, () => {
    assert.deepEqual(read(...fields), { labels: [], value });
  });
}

/** What a Prometheus 3.5.3 federated of a target that had each kind of native histogram, and a name with a dot. */
const FEDERATED =
  "VgoJbXkubWV0cmljGAMiRwobCghpbnN0YW5jZRIPMTI3LjAuMC4xOjE5MzkxCggKA2pvYhIBdAoMCgdsYWJlbC54EgF2KgkJAAAAAAAAFEAw65" +
  "m2w6E0VgoJbXlfbWV0cmljGAMiRwobCghpbnN0YW5jZRIPMTI3LjAuMC4xOjE5MzkxCggKA2pvYhIBdAoMCgdsYWJlbF94EgF2KgkJAAAAAAAA" +
  "GEAw65m2w6E0qwEKCm5hdGl2ZS5pbnQYBCKaAQobCghpbnN0YW5jZRIPMTI3LjAuMC4xOjE5MzkxCggKA2pvYhIBdAoMCgdsYWJlbC54EgF2MO" +
  "uZtsOhNDpcEQAAAAAAAClAIQAAAAAAAFhAKAYx/Knx0k1iUD9BAAAAAAAAAEBKBAgHEAFZAAAAAAAAEEBiBAgAEAJiBAgGEAFxAAAAAAAA8D9x" +
  "AAAAAAAACEBxAAAAAACAVUBoCgxuYXRpdmVfZW1wdHkYBCJWChsKCGluc3RhbmNlEg8xMjcuMC4wLjE6MTkzOTEKCAoDam9iEgF0MOuZtsOhND" +
  "omEQAAAAAAAAAAIQAAAAAAAAAAKAYxAAAAAAAAAABBAAAAAAAAAAB3CgxuYXRpdmVfZ2F1Z2UYBSJlChsKCGluc3RhbmNlEg8xMjcuMC4wLjE6" +
  "MTkzOTEKCAoDam9iEgF0MOuZtsOhNDo1EQAAAAAAAAhAIQAAAAAAAAhAKAAx/Knx0k1iUD9BAAAAAAAAAABiBAgAEAFxAAAAAAAACEA=";

Deno.test("decodeFamilies() reads what Prometheus federates of native histograms and names with dots", () => {
  const families = decodeFamilies(Uint8Array.fromBase64(FEDERATED), LIMITS);
  const native = { schema: 3, zeroThreshold: 0.001, zeroCount: 2, positive: NONE, negative: NONE };
  assert.deepEqual(families.map(({ name, type, metrics }) => [name, type, metrics.map(({ value }) => value)]), [
    ["my.metric", "untyped", [5]],
    ["my_metric", "untyped", [6]],
    ["native.int", "histogram", [{
      count: 96,
      sum: 12.5,
      buckets: [],
      isFloat: true,
      native: { ...native, positive: side([[0, 2], [3, 1]], [1, 3, 86]), negative: side([[-4, 1]], [4]) },
    }]],
    ["native_empty", "histogram", [{
      count: 0,
      sum: 0,
      buckets: [],
      isFloat: true,
      native: { ...native, zeroThreshold: 0, zeroCount: 0 },
    }]],
    ["native_gauge", "gauge_histogram", [{
      count: 3,
      sum: 3,
      buckets: [],
      isFloat: true,
      native: { ...native, schema: 0, zeroCount: 0, positive: side([[0, 1]], [3]) },
    }]],
  ]);
  assert.deepEqual(families[2].metrics[0].labels.at(-1), { name: "label.x", value: "v" });
});

const FAULTY: readonly (readonly [what: string, fields: number[][]])[] = [
  ["differences and counts on one side", [integer(1, 1), span(12, 0, 1), signed(13, 1), double(14, 1)]],
  ["differences beside a count that is a double", [double(4, 1), span(12, 0, 1), signed(13, 1)]],
  ["differences on one side and counts on the other", [span(12, 0, 1), signed(13, 1), span(9, 0, 1), double(11, 1)]],
  ["a schema of more than 32 bits", [signed(5, 2n ** 31n), span(12, 0, 0)]],
  ["an offset of more than 32 bits", [span(12, 2 ** 31, 0)]],
  ["a length of more than 32 bits", [span(12, 0, 2 ** 32)]],
  ["a difference of more than 52 bits", [span(12, 0, 1), signed(13, 2n ** 53n)]],
  ["a difference of 64 bits", [span(12, 0, 1), signed(13, -(2n ** 63n))]],
  ["counts that add up to more than 51 bits", [span(12, 0, 2), signed(13, 2n ** 51n), signed(13, 1)]],
];

for (const [what, fields] of FAULTY) {
  Deno.test(`decodeFamilies() trusts no histogram with ${what}`, () => {
    assert.deepEqual(read(...fields), { labels: [], value: undefined, fault: "histogram" });
  });
}

Deno.test("decodeFamilies() reads what protobufjs writes, with exemplars and with what Go leaves at zero beside it", () => {
  const exemplar = { label: [{ name: "trace_id", value: "1" }], value: 5, timestamp: { seconds: 5, nanos: 6 } };
  fc.assert(fc.property(arbitraryProtobufFamilies, (families) => {
    const bytes = oracleEncode(families, (metric) => ({
      ...metric,
      ...(metric.counter && { counter: { ...metric.counter, exemplar } }),
      ...(metric.histogram && {
        histogram: {
          ...metric.histogram,
          ...(metric.histogram.sampleCountFloat === undefined ? { sampleCountFloat: 0, zeroCountFloat: 0 } : {}),
          bucket: metric.histogram.bucket?.map((bucket) => ({ ...bucket, exemplar })),
          exemplars: [exemplar, exemplar],
        },
      }),
    }));
    assert.deepEqual(decodeFamilies(bytes, LIMITS), families);
  }));
});

function histogram(value: HistogramValue): MetricFamily[] {
  return [{ name: "x", type: "gauge_histogram", metrics: [{ labels: [], value }] }];
}

Deno.test("encodeFamilies() marks a native histogram that could not be told from a classic one", () => {
  const native = { schema: 3, zeroThreshold: 0, zeroCount: 0, positive: NONE, negative: NONE };
  const families = histogram({ count: 0, sum: 0, buckets: [], isFloat: true, native });
  const marked = histogram({
    count: 0,
    sum: 0,
    buckets: [],
    isFloat: true,
    native: { ...native, positive: side([[0, 0]], []) },
  });
  assert.deepEqual(decodeFamilies(encodeFamilies(families), LIMITS), marked);
  assert.deepEqual(oracleDecode(encodeFamilies(families)), marked);
});

Deno.test("encodeFamilies() refuses what a native histogram has no place for", () => {
  const native = {
    schema: 0,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: side([[0, 2]], [1, 2]),
    negative: side([[0, 1]], [0]),
  };
  const wrong: readonly Partial<typeof native>[] = [
    { schema: 2 ** 31 },
    { schema: 0.5 },
    { zeroCount: 0.5 },
    { positive: side([[0.5, 1]], [1]) },
    { positive: side([[0, 2]], [1, 1.5]) },
    { negative: side([[0, 1]], [2 ** 52]) },
    { negative: side([[0, 1]], [NaN]) },
  ];
  for (const change of wrong) {
    const value = { count: 3, sum: 0, buckets: [], native: { ...native, ...change } };
    assert.throws(() => encodeFamilies(histogram(value)), RangeError);
  }
  const floats = side([[0, 3]], [0.5, NaN, 2 ** 60]);
  const value = { count: 0.5, sum: 0, buckets: [], isFloat: true, native: { ...native, positive: floats } };
  assert.deepEqual(decodeFamilies(encodeFamilies(histogram(value)), LIMITS), histogram(value));
});
