/**
 * Families made up at random, for property tests: every type, value and character that a page may hold.
 *
 * @module
 */

import fc from "fast-check";
import type {
  HistogramValue,
  Label,
  Metric,
  MetricFamily,
  MetricType,
  NativeBuckets,
} from "../../common/exposition/metric_family.ts";

const PLAIN = { noNullPrototype: true } as const;
const COUNT = fc.maxSafeNat();
const FLOAT_COUNT = fc.double({ min: 0, max: 2 ** 53, maxExcluded: true, noNaN: true });
const NUMBER = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity, 2 ** 53, 1e21, 1e-7));
const TIME_MS = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const TYPES: readonly MetricType[] = ["counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram"];

type Strings = fc.Arbitrary<string>;

/** Names of metrics that neither repeat nor collide through a suffix. */
const CLASSIC_NAME: Strings = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/).map((name) => `${name}_x`);
const CLASSIC_LABEL: Strings = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
const ANY_TEXT: Strings = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
  fc.constantFrom("a.b", "a-b", "1a", "a:b", '"', "\\", "\n", "\\n", "{", "}", ",", "=", " ", "é😀", "#", "\u2028\r\t"),
);

function labelsNamed(names: Strings): fc.Arbitrary<Label[]> {
  return fc.uniqueArray(
    fc.record({
      name: names.filter((name) => !["le", "quantile", "__name__"].includes(name)),
      value: fc.oneof(
        fc.string({ unit: "binary", minLength: 1 }),
        fc.constantFrom('"', "\\", "\n", "\\n", 'a"b\\c\nd', "é€😀\u2028\u0000\r\t"),
      ),
    }, PLAIN),
    { selector: ({ name }) => name, maxLength: 6 },
  );
}

/** Metrics of one line each with up to forty labels, names and values of which may be long; none is `__name__`. */
export function manyLabels(): fc.Arbitrary<Metric> {
  const label = fc.record({
    name: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,200}$/).filter((name) => name !== "__name__"),
    value: fc.string({ unit: "grapheme", maxLength: 300 }),
  }, PLAIN);
  return fc.record({
    labels: fc.uniqueArray(label, { maxLength: 40, selector: ({ name }) => name }),
    value: fc.double(),
  }, PLAIN);
}

const SUMMARY = fc.tuple(
  fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true }), { selector: String, maxLength: 4 }),
  fc.array(NUMBER, { minLength: 4, maxLength: 4 }),
  COUNT,
  NUMBER,
).map(([keys, values, count, sum]) => ({
  count,
  sum,
  quantiles: keys.sort((a, b) => a - b).map((quantile, i) => ({ quantile, value: values[i] })),
}));

/** Histograms with classic buckets; their counts are floating-point numbers where one of them is no integer. */
function classicHistogram(count: fc.Arbitrary<number>): fc.Arbitrary<HistogramValue> {
  return fc.tuple(
    fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { selector: String, maxLength: 4 }),
    fc.array(count, { minLength: 5, maxLength: 5 }),
    NUMBER,
  ).map(([bounds, counts, sum]) => {
    counts.sort((a, b) => a - b);
    const buckets = [...bounds.sort((a, b) => a - b), Infinity].map((upperBound, i) => ({
      upperBound,
      count: counts[i],
    }));
    const isFloat = buckets.some(({ count }) => !Number.isInteger(count));
    return { count: buckets.at(-1)!.count, sum, buckets, ...(isFloat ? { isFloat } : {}) };
  });
}

/** One side of a native histogram; `first` is where its buckets may start. */
function nativeSide(count: fc.Arbitrary<number>, first: number): fc.Arbitrary<NativeBuckets> {
  const span = fc.tuple(fc.nat(100), fc.array(count, { minLength: 1, maxLength: 4 }));
  return fc.tuple(fc.integer({ min: first, max: 1_000 }), fc.array(span, { maxLength: 3 })).map(([start, spans]) => ({
    spans: spans.map(([gap, counts], i) => ({ offset: i === 0 ? start : gap, length: counts.length })),
    counts: spans.flatMap(([, counts]) => counts),
  }));
}

const EMPTY_SIDE: NativeBuckets = { spans: [], counts: [] };

/** Histograms with native buckets, exponential or custom, some with classic ones besides. */
function nativeHistogram(
  count: fc.Arbitrary<number>,
  { isFloat }: { isFloat: boolean },
): fc.Arbitrary<HistogramValue> {
  const exponential = fc.record({
    schema: fc.integer({ min: -4, max: 8 }),
    zeroThreshold: fc.constantFrom(0, 2 ** -128, 0.001),
    zeroCount: count,
    positive: nativeSide(count, -1_000),
    negative: nativeSide(count, -1_000),
  }, PLAIN);
  const custom = nativeSide(count, 0).map((positive) => ({
    schema: -53,
    zeroThreshold: 0,
    zeroCount: 0,
    positive,
    negative: EMPTY_SIDE,
  }));
  return fc.tuple(fc.oneof(exponential, custom), NUMBER, count, fc.boolean()).map(([native, sum, more, isBoth]) => {
    const { zeroThreshold, zeroCount, positive, negative } = native;
    const isMarked = zeroThreshold + zeroCount + positive.spans.length + negative.spans.length > 0;
    const counts = [zeroCount, ...positive.counts, ...negative.counts];
    const inBuckets = counts.reduce((sum, count) => sum + count, 0);
    // Observations of NaN are in no native bucket.
    const whole = Number.isNaN(sum) ? inBuckets + more : inBuckets;
    return {
      count: whole,
      sum,
      buckets: isBoth ? [{ upperBound: 1, count: 0 }, { upperBound: Infinity, count: whole }] : [],
      ...(isFloat ? { isFloat } : {}),
      native: isMarked ? native : { ...native, positive: { spans: [{ offset: 0, length: 0 }], counts: [] } },
    };
  });
}

const FEW = fc.nat(1_000_000_000);
const FEW_FLOAT = fc.double({ min: 0, max: 1e9, noNaN: true });
const CLASSIC_HISTOGRAM = classicHistogram(COUNT);
const FLOAT_HISTOGRAM = classicHistogram(FLOAT_COUNT);
const ANY_HISTOGRAM = fc.oneof(
  CLASSIC_HISTOGRAM,
  FLOAT_HISTOGRAM,
  nativeHistogram(FEW, { isFloat: false }),
  nativeHistogram(FEW_FLOAT, { isFloat: true }),
);

type Values = Readonly<Partial<Record<MetricType, fc.Arbitrary<Metric["value"]>>>>;

const CLASSIC_VALUES: Values = {
  counter: NUMBER,
  gauge: NUMBER,
  untyped: NUMBER,
  summary: SUMMARY,
  histogram: CLASSIC_HISTOGRAM,
};

/** Families whose names and values come from the arbitraries given, each name and series once. */
function familiesOf({ values, names, labels, isCreated = false }: {
  values: Values;
  names: Strings;
  labels: Strings;
  /** Whether counters, summaries and histograms may say when they began to count. */
  isCreated?: boolean;
}): fc.Arbitrary<MetricFamily[]> {
  const family = (type: MetricType) => {
    const hasCreated = isCreated && !["gauge", "untyped"].includes(type);
    const metric: fc.Arbitrary<Metric> = fc.record(
      {
        labels: labelsNamed(labels),
        value: values[type]!,
        timestampMs: TIME_MS,
        ...(hasCreated ? { createdMs: TIME_MS } : {}),
      },
      { ...PLAIN, requiredKeys: ["labels", "value"] },
    );
    return fc.record(
      {
        name: names,
        // A help that is empty or starts with blanks is not the same after a trip through the text format.
        help: fc.string({ unit: "binary", minLength: 1 }).map((help) => help.replace(/^[ \t]+/, "") || "help"),
        type: fc.constant(type),
        metrics: fc.uniqueArray(metric, { selector: seriesOf, minLength: 1, maxLength: 4 }),
      },
      { ...PLAIN, requiredKeys: ["name", "type", "metrics"] },
    );
  };
  return fc.uniqueArray(fc.oneof(...TYPES.filter((type) => values[type] !== undefined).map(family)), {
    selector: ({ name }) => name,
    maxLength: 5,
  });
}

function seriesOf({ labels }: Metric): string {
  return JSON.stringify(labels.map(({ name, value }) => [name, value]).sort(([a], [b]) => a < b ? -1 : 1));
}

/** Valid families as of old, each name and series once, without units, which the text format has no place for. */
export const arbitraryFamilies: fc.Arbitrary<MetricFamily[]> = familiesOf({
  values: CLASSIC_VALUES,
  names: CLASSIC_NAME,
  labels: CLASSIC_LABEL,
});

/** The same with names of any characters, and histograms whose counts are no integers: all that text can say. */
export const arbitraryTextFamilies: fc.Arbitrary<MetricFamily[]> = familiesOf({
  values: { ...CLASSIC_VALUES, histogram: fc.oneof(CLASSIC_HISTOGRAM, FLOAT_HISTOGRAM) },
  names: fc.oneof(CLASSIC_NAME, ANY_TEXT.map((name) => `${name}_x`)),
  labels: fc.oneof(CLASSIC_LABEL, ANY_TEXT),
});

/** The same with native histograms, gauge histograms and created timestamps: all that protobuf can say. */
export const arbitraryProtobufFamilies: fc.Arbitrary<MetricFamily[]> = familiesOf({
  values: { ...CLASSIC_VALUES, histogram: ANY_HISTOGRAM, gauge_histogram: ANY_HISTOGRAM },
  names: fc.oneof(CLASSIC_NAME, ANY_TEXT.map((name) => `${name}_x`)),
  labels: fc.oneof(CLASSIC_LABEL, ANY_TEXT),
  isCreated: true,
});
