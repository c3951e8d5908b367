import assert from "node:assert/strict";
import fc from "fast-check";
import { histogramFault, summaryFault } from "../../../common/exposition/distribution_faults.ts";
import type { HistogramValue, NativeHistogram, SummaryValue } from "../../../common/exposition/metric_family.ts";
import { arbitraryProtobufFamilies } from "../../support/arbitrary_families.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const SUMMARY: SummaryValue = {
  count: 3,
  sum: NaN,
  quantiles: [0, 0.5, 1].map((quantile) => ({ quantile, value: 7 })),
};
const quantiles = (...all: number[]) => all.map((quantile) => ({ quantile, value: 1 }));

const SUMMARIES: readonly (readonly [change: Partial<SummaryValue>, why: RegExp | undefined])[] = [
  [{}, undefined],
  [{ quantiles: [], count: 0 }, undefined],
  [{ quantiles: quantiles(99) }, /its quantile 99 is not from 0 to 1/],
  [{ quantiles: quantiles(-0.1) }, /its quantile -0.1 is not/],
  [{ quantiles: quantiles(NaN) }, /its quantile NaN is not/],
  [{ quantiles: quantiles(0.5, 0.5) }, /repeat or do not ascend at 0.5/],
  [{ quantiles: quantiles(0.5, 0.4) }, /repeat or do not ascend at 0.4/],
  [{ count: -1 }, /its count of -1 is not a whole number/],
  [{ count: 1.5 }, /its count of 1.5/],
  [{ count: NaN }, /its count of NaN/],
  [{ count: 2 ** 53 }, /its count of 9007199254740992 is not/],
  [{ count: 2 ** 63 }, /its count of 9223372036854776000/],
];

Deno.test("summaryFault() says what is wrong with a summary", () => {
  for (const [change, why] of SUMMARIES) assertFault(summaryFault({ ...SUMMARY, ...change }), why);
});

const HISTOGRAM: HistogramValue = {
  count: 9,
  sum: -1,
  buckets: [[-Infinity, 0], [-1, 2], [0, 2], [Infinity, 9]].map(([upperBound, count]) => ({ upperBound, count })),
};
const buckets = (...all: [number, number][]) => all.map(([upperBound, count]) => ({ upperBound, count }));
const isFloat = true;

const HISTOGRAMS: readonly (readonly [change: Partial<HistogramValue>, why: RegExp | undefined])[] = [
  [{}, undefined],
  [{ buckets: [] }, undefined],
  [{ isFloat }, undefined],
  [{ buckets: buckets([1, 8]) }, undefined],
  [{ buckets: buckets([1, 2.5]), count: 3.5, isFloat }, undefined],
  [{ count: 10 }, /its last bucket has 9 observations where it counts 10/],
  [{ count: 8 }, /its last bucket has 9 observations where it counts 8/],
  [{ buckets: buckets([1, 10]) }, /its last bucket has 10 observations where it counts 9/],
  [{ buckets: buckets([1, 2], [1, 2]) }, /repeat or do not ascend at 1/],
  [{ buckets: buckets([1, 2], [0, 2]) }, /repeat or do not ascend at 0/],
  [{ buckets: buckets([NaN, 2]) }, /do not ascend at NaN/],
  [{ buckets: buckets([-Infinity, 2], [-Infinity, 2]) }, /do not ascend at -Infinity/],
  [{ buckets: buckets([1, 3], [2, 2]) }, /are not cumulative at 2/],
  [{ buckets: buckets([1, -1]) }, /the count -1 of a bucket is not a whole number/],
  [{ buckets: buckets([1, 1.5]) }, /the count 1.5 of a bucket is not a whole number/],
  [{ buckets: buckets([1, NaN]), isFloat }, /the count NaN of a bucket is not a number from 0 to 2\^53/],
  [{ count: Infinity, buckets: [], isFloat }, /its count of Infinity is not a number from 0 to 2\^53/],
  [{ count: 2 ** 53, buckets: [] }, /its count of 9007199254740992 is not a whole number from 0 to 2\^53/],
  [{ count: 2 ** 53, buckets: [], isFloat }, /its count of 9007199254740992 is not a number from 0 to 2\^53/],
  [{ count: -1 }, /its count of -1/],
  [{ count: 1.5, buckets: [] }, /its count of 1.5/],
];

Deno.test("histogramFault() says what is wrong with a classic histogram", () => {
  for (const [change, why] of HISTOGRAMS) assertFault(histogramFault({ ...HISTOGRAM, ...change }), why);
});

const side = (spans: [number, number][], counts: number[]) => ({
  spans: spans.map(([offset, length]) => ({ offset, length })),
  counts,
});
const NATIVE: NativeHistogram = {
  schema: 3,
  zeroThreshold: 0.001,
  zeroCount: 1,
  positive: side([[-5, 2], [0, 1]], [1, 2, 3]),
  negative: side([[7, 1]], [2]),
};

const NATIVES: readonly (readonly [
  change: Partial<NativeHistogram>,
  of: Partial<HistogramValue>,
  why: RegExp | undefined,
])[] = [
  [{}, {}, undefined],
  [{}, { isFloat, count: 9.5 }, undefined],
  [{}, { sum: NaN, count: 11 }, undefined],
  [{ positive: side([[0, 0]], []), negative: side([], []), zeroCount: 0 }, { count: 0 }, undefined],
  [{ schema: -4 }, {}, undefined],
  [{ schema: 8 }, {}, undefined],
  [{ schema: 9 }, {}, /nobody knows its schema 9/],
  [{ schema: -5 }, {}, /nobody knows its schema -5/],
  [{ schema: -53 }, {}, /bounds of their own, which are not sent/],
  [{ zeroThreshold: -1 }, {}, /its zero bucket has the width -1/],
  [{ zeroThreshold: NaN }, {}, /its zero bucket has the width NaN/],
  [{ zeroCount: -1 }, {}, /the count -1 of its zero bucket/],
  [{ zeroCount: 0.5 }, {}, /the count 0.5 of its zero bucket is not a whole number/],
  [{ positive: side([[0, 2]], [1, 2, 3]) }, {}, /room for 2 buckets, and 3 come/],
  [{ negative: side([[0, 2 ** 32 - 1]], [2]) }, {}, /room for 4294967295 buckets, and 1 come/],
  [{ positive: side([[0, 2], [-1, 1]], [1, 2, 3]) }, {}, /starts 1 before the end of the one before it/],
  [{ positive: side([[0, 3]], [1, -2, 3]) }, {}, /the count -2 of a native bucket/],
  [{ positive: side([[0, 3]], [1, NaN, 3]) }, { isFloat }, /the count NaN of a native bucket/],
  [{}, { count: 10 }, /its native buckets have 9 observations where it counts 10/],
  [{}, { count: 8 }, /its native buckets have 9 observations where it counts 8/],
  [{}, { count: 8, sum: NaN }, /its native buckets have 9 observations where it counts 8/],
  // Prometheus before 2.47 refuses a page for this; later releases do not look.
  [{}, { count: 8, isFloat }, /its native buckets have 9 observations where it counts 8/],
  [{}, { count: 9 - 1e-12, isFloat }, undefined],
  [{ positive: side([[-274_944, 1], [537_087, 2]], [1, 2, 3]) }, {}, undefined],
  // Prometheus adds offsets up in 32 bits, and takes a sum that overflows for a negative offset.
  [{ positive: side([[2 ** 31 - 1, 0], [1, 3]], [1, 2, 3]) }, {}, /its buckets reach to number 2147483647,/],
  [{ positive: side([[-(2 ** 31), 1], [2 ** 31 - 1, 2]], [1, 2, 3]) }, {}, /its buckets reach to number -2147483648,/],
  [{ positive: side([[0, 1], [2 ** 31 - 1, 0], [2 ** 31 - 1, 2]], [1, 2, 3]) }, {}, /reach to number 2147483648,/],
];

Deno.test("histogramFault() says what is wrong with a native histogram, as Prometheus validates it", () => {
  for (const [change, of, why] of NATIVES) {
    const value = { count: 9, sum: 1, buckets: [], ...of, native: { ...NATIVE, ...change } };
    assertFault(histogramFault(value), why);
  }
});

Deno.test("histogramFault() and summaryFault() find nothing wrong with what is sound", () => {
  fc.assert(fc.property(arbitraryProtobufFamilies, (families) => {
    for (const { value } of families.flatMap(({ metrics }) => metrics)) {
      if (typeof value !== "object") continue;
      if ("quantiles" in value) assert.equal(summaryFault(value), undefined);
      else if (value.native?.schema !== -53) assert.equal(histogramFault(value), undefined);
    }
  }));
});

function assertFault(fault: string | undefined, why: RegExp | undefined) {
  if (why === undefined) assert.equal(fault, undefined);
  else assert.match(fault ?? "nothing", why);
}
