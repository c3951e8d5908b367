/**
 * Families made up at random, for property tests: every type, value and character that a page may hold.
 *
 * @module
 */

import fc from "fast-check";
import type { Label, Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";

const PLAIN = { noNullPrototype: true } as const;
const COUNT = fc.maxSafeNat();
const NUMBER = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity, 2 ** 53, 1e21, 1e-7));

/** Names that neither repeat nor collide through a suffix. */
const METRIC_NAME = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/).map((name) => `${name}_x`);

const LABELS: fc.Arbitrary<Label[]> = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/).filter((name) =>
      !["le", "quantile", "__name__"].includes(name)
    ),
    value: fc.oneof(
      fc.string({ unit: "binary", minLength: 1 }),
      fc.constantFrom('"', "\\", "\n", "\\n", 'a"b\\c\nd', "é€😀\u2028\u0000\r\t"),
    ),
  }, PLAIN),
  { selector: ({ name }) => name, maxLength: 6 },
);

const VALUES: Readonly<Record<MetricType, fc.Arbitrary<Metric["value"]>>> = {
  counter: NUMBER,
  gauge: NUMBER,
  untyped: NUMBER,
  summary: fc.tuple(
    fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true }), { selector: String, maxLength: 4 }),
    fc.array(NUMBER, { minLength: 4, maxLength: 4 }),
    COUNT,
    NUMBER,
  ).map(([keys, values, count, sum]) => ({
    count,
    sum,
    quantiles: keys.sort((a, b) => a - b).map((quantile, i) => ({ quantile, value: values[i] })),
  })),
  histogram: fc.tuple(
    fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), { selector: String, maxLength: 4 }),
    fc.array(COUNT, { minLength: 5, maxLength: 5 }),
    NUMBER,
  ).map(([bounds, counts, sum]) => {
    counts.sort((a, b) => a - b);
    const buckets = [...bounds.sort((a, b) => a - b), Infinity].map((upperBound, i) => ({
      upperBound,
      count: counts[i],
    }));
    return { count: buckets.at(-1)!.count, sum, buckets };
  }),
};

function arbitraryFamily(type: MetricType): fc.Arbitrary<MetricFamily> {
  const metric: fc.Arbitrary<Metric> = fc.record(
    {
      labels: LABELS,
      value: VALUES[type],
      timestampMs: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    },
    { ...PLAIN, requiredKeys: ["labels", "value"] },
  );
  return fc.record(
    {
      name: METRIC_NAME,
      // A help that is empty or starts with blanks is not the same after a trip through the text format.
      help: fc.string({ unit: "binary", minLength: 1 }).map((help) => help.replace(/^[ \t]+/, "") || "help"),
      type: fc.constant(type),
      metrics: fc.uniqueArray(metric, { selector: seriesOf, minLength: 1, maxLength: 4 }),
    },
    { ...PLAIN, requiredKeys: ["name", "type", "metrics"] },
  );
}

function seriesOf({ labels }: Metric): string {
  return JSON.stringify(labels.map(({ name, value }) => [name, value]).sort(([a], [b]) => a < b ? -1 : 1));
}

/** Valid families, each name and series once, without units, which the text format has no place for. */
export const arbitraryFamilies: fc.Arbitrary<MetricFamily[]> = fc.uniqueArray(
  fc.oneof(...(Object.keys(VALUES) as MetricType[]).map(arbitraryFamily)),
  { selector: ({ name }) => name, maxLength: 5 },
);
