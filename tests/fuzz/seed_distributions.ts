/**
 * Summaries and histograms of every kind that mutations start from: classic and native, with counts that are integers and such
 * that are not.
 *
 * @module
 */

import type {
  HistogramValue,
  Metric,
  MetricFamily,
  NativeBuckets,
  NativeHistogram,
  SummaryValue,
} from "../../common/exposition/metric_family.ts";
import type { Random } from "../support/random.ts";

/** Families of good samples, taken within the minute before `nowMs`. */
export function seedDistributions(random: Random, nowMs: number): MetricFamily[] {
  const metrics = (value: () => Metric["value"]): Metric[] =>
    Array.from({ length: 6 }, (_, i) => ({
      labels: [{ name: "code", value: String(200 + i) }, { name: "job", value: "api" }],
      value: value(),
      timestampMs: nowMs - 60_000 + 10_000 * i,
    }));
  const integers = () => random.size(1_000), floats = () => random.unit() * 1_000;
  const classic = () => classicHistogram(random, integers), classicFloat = () => classicHistogram(random, floats);
  const native = () => nativeHistogram(random, integers), nativeFloat = () => nativeHistogram(random, floats);
  const bare = () => ({ ...native(), buckets: [] });
  return [
    { name: "request_duration_seconds", type: "histogram", metrics: metrics(classic) },
    { name: "response_size", type: "histogram", metrics: metrics(classicFloat) },
    { name: "rpc_duration_seconds", type: "summary", metrics: metrics(() => summary(random)) },
    { name: "gc_duration_seconds", type: "summary", metrics: metrics(() => summary(random)) },
    { name: "native_seconds", type: "histogram", metrics: metrics(native) },
    { name: "native_float_seconds", type: "histogram", metrics: metrics(nativeFloat) },
    {
      name: "queue_age_seconds",
      type: "gauge_histogram",
      metrics: metrics(() => random.pick([classic, nativeFloat])()),
    },
    { name: "http.server.duration", type: "histogram", metrics: metrics(() => random.pick([classic, native])()) },
    // Both forms of one histogram, as a Prometheus has them: the classic one is series of their own.
    { name: "both_seconds_count", type: "untyped", metrics: metrics(integers) },
    { name: "both_seconds", type: "histogram", metrics: metrics(bare) },
  ];
}

function summary(random: Random): SummaryValue {
  return {
    count: random.size(100_000),
    sum: random.unit() * 1e6,
    quantiles: [0, 0.5, 0.9, 0.99, 1].slice(random.below(5)).map((quantile) => ({
      quantile,
      value: random.chance(0.1) ? NaN : random.unit(),
    })),
  };
}

function classicHistogram(random: Random, observations: () => number): HistogramValue {
  let count = 0;
  const bounds = [0.005, 0.01, 0.1, 1, 2.5, 1e6].slice(random.below(6));
  const buckets = bounds.map((upperBound) => ({ upperBound, count: count += observations() }));
  count += observations();
  return {
    count,
    sum: random.unit() * count,
    buckets: random.chance(0.7) ? [...buckets, { upperBound: Infinity, count }] : buckets,
    ...(Number.isInteger(count) ? {} : { isFloat: true }),
  };
}

function nativeHistogram(random: Random, observations: () => number): HistogramValue {
  const positive = side(random, observations);
  const negative = random.chance(0.5) ? side(random, observations) : { spans: [], counts: [] };
  const zeroCount = random.chance(0.5) ? observations() : 0;
  const native: NativeHistogram = {
    schema: random.between(-4, 8),
    zeroThreshold: random.pick([0, 2 ** -128, 0.001]),
    zeroCount,
    positive,
    negative,
  };
  const count = [...positive.counts, ...negative.counts].reduce((sum, count) => sum + count, zeroCount);
  return {
    count,
    sum: random.unit() * count,
    buckets: random.chance(0.3) ? [{ upperBound: 1, count: zeroCount }, { upperBound: Infinity, count }] : [],
    ...(Number.isInteger(count) ? {} : { isFloat: true }),
    native,
  };
}

function side(random: Random, observations: () => number): NativeBuckets {
  const spans = Array.from({ length: random.size(3) }, (_, i) => ({
    offset: i === 0 ? random.between(-20, 20) : random.size(10) - 1,
    length: random.size(5),
  }));
  return { spans, counts: spans.flatMap(({ length }) => Array.from({ length }, observations)) };
}
