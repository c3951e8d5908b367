/**
 * What must hold of the native buckets of a histogram, by the rules of Prometheus (`model/histogram`).
 *
 * @module
 */

import type { HistogramValue } from "../exposition/metric_family.ts";

/** The resolutions that Prometheus has for exponential buckets; the bounds of others do not come with federation. */
const LEAST_SCHEMA = -4, GREATEST_SCHEMA = 8;

/** What is wrong with the native buckets of a histogram; undefined if nothing is. */
export function faultOfNative({ count, sum, isFloat, native }: HistogramValue): string | undefined {
  if (native === undefined) return undefined;
  const { schema, zeroThreshold, zeroCount, positive, negative } = native;
  if (!(schema >= LEAST_SCHEMA && schema <= GREATEST_SCHEMA)) {
    return `the native histogram has the schema ${schema}, which is not from ${LEAST_SCHEMA} to ${GREATEST_SCHEMA}`;
  }
  if (!(zeroThreshold >= 0) || !(zeroCount >= 0)) return "the zero bucket of the native histogram is negative";
  let total = zeroCount;
  for (const { spans, counts } of [positive, negative]) {
    if (spans.some(({ offset }, i) => i > 0 && offset < 0)) return "the spans of the native histogram overlap";
    if (spans.reduce((sum, { length }) => sum + length, 0) !== counts.length) {
      return "the spans of the native histogram do not fit its buckets";
    }
    for (const bucket of counts) {
      if (!(bucket >= 0)) return "a bucket of the native histogram is negative";
      total += bucket;
    }
  }
  // Sums of floats differ by rounding; where the sum is NaN, some observations were NaN, which no bucket counts.
  const contradicts = isFloat ? false : Number.isNaN(sum) ? count < total : count !== total;
  return contradicts ? "the buckets of the native histogram contradict its count" : undefined;
}
