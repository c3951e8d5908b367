/**
 * Families whose samples are of now, and differ by a label `part`.
 *
 * @module
 */

import type { HistogramValue, Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";

/** A family of these values by their part, with one more label on each if there is a cluster. */
export function freshFamily(
  { name, type, values, cluster }: {
    name: string;
    type: MetricType;
    values: Readonly<Record<string, Metric["value"]>>;
    cluster?: string;
  },
): MetricFamily {
  const identity = cluster === undefined ? [] : [{ name: "_id", value: cluster }];
  const metrics = Object.entries(values).map(([part, value]): Metric => ({
    labels: [{ name: "part", value: part }, ...identity],
    value,
    timestampMs: Date.now(),
  }));
  return { name, type, metrics };
}

/** A histogram of three observations in classic buckets. */
export const CLASSIC_HISTOGRAM: HistogramValue = {
  count: 3,
  sum: 4.5,
  buckets: [{ upperBound: 0.5, count: 1 }, { upperBound: Infinity, count: 3 }],
};

/** A histogram of six observations in native buckets. */
export const NATIVE_HISTOGRAM: HistogramValue = {
  count: 6,
  sum: 12,
  buckets: [],
  native: {
    schema: 0,
    zeroThreshold: 0.001,
    zeroCount: 1,
    positive: { spans: [{ offset: 0, length: 2 }], counts: [2, 3] },
    negative: { spans: [], counts: [] },
  },
};
