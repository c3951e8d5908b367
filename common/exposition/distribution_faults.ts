/**
 * What histograms and summaries must not be: what a reader would refuse, perhaps with the whole page, or misunderstand.
 *
 * @module
 */

import { plural } from "../plural.ts";
import type { HistogramValue, NativeBuckets, NativeHistogram, SummaryValue } from "./metric_family.ts";

/** The finest and the coarsest resolution of exponential buckets, and the one that stands for custom bounds. */
const MIN_SCHEMA = -4, MAX_SCHEMA = 8, CUSTOM_SCHEMA = -53;

/** At the finest resolution, the buckets of the least and the greatest floating-point number are some 270,000 from 0. */
const MAX_BUCKET_NUMBER = 2 ** 20;

/** How far sums of floating-point counts may be apart, relatively. */
const ROUNDING = 1e-9;

/** What is wrong with a summary, as a clause; undefined if nothing is. */
export function summaryFault({ count, quantiles }: SummaryValue): string | undefined {
  if (!isCount(count)) return `its count of ${count} is not a whole number from 0 to 2^53`;
  let before = -Infinity;
  for (const { quantile } of quantiles) {
    if (!(quantile >= 0 && quantile <= 1)) return `its quantile ${quantile} is not from 0 to 1`;
    if (quantile <= before) return `its quantiles repeat or do not ascend at ${quantile}`;
    before = quantile;
  }
  return undefined;
}

/** What is wrong with a histogram, as a clause; undefined if nothing is. */
export function histogramFault(value: HistogramValue): string | undefined {
  const { count, isFloat = false, native } = value;
  if (!isCountOf(isFloat, count)) return `its count of ${count} is ${notACount(isFloat)}`;
  return classicFault(value) ?? (native && nativeFault(native, value));
}

function classicFault({ count, buckets, isFloat = false }: HistogramValue): string | undefined {
  let bound = -Infinity, below = 0;
  for (const [i, bucket] of buckets.entries()) {
    if (!(bucket.upperBound > bound || (i === 0 && bucket.upperBound === -Infinity))) {
      return `the bounds of its buckets repeat or do not ascend at ${bucket.upperBound}`;
    }
    if (!isCountOf(isFloat, bucket.count)) return `the count ${bucket.count} of a bucket is ${notACount(isFloat)}`;
    if (bucket.count < below) return `its buckets are not cumulative at ${bucket.upperBound}`;
    bound = bucket.upperBound;
    below = bucket.count;
  }
  // Sums of floating-point numbers depend on their order.
  const leeway = isFloat ? ROUNDING * count : 0;
  if (below - count > leeway || (bound === Infinity && count - below > leeway)) {
    return `its last bucket has ${below} ${plural(below, "observation")} where it counts ${count}`;
  }
  return undefined;
}

/** As `Validate` of Prometheus finds it (`model/histogram`), which refuses a whole page for it. */
function nativeFault(
  { schema, zeroThreshold, zeroCount, positive, negative }: NativeHistogram,
  { count, sum, isFloat = false }: HistogramValue,
): string | undefined {
  if (schema === CUSTOM_SCHEMA) return "its buckets have bounds of their own, which are not sent with them";
  if (!(schema >= MIN_SCHEMA && schema <= MAX_SCHEMA)) return `nobody knows its schema ${schema}`;
  if (!(zeroThreshold >= 0)) return `its zero bucket has the width ${zeroThreshold}`;
  if (!isCountOf(isFloat, zeroCount)) return `the count ${zeroCount} of its zero bucket is ${notACount(isFloat)}`;
  const fault = sideFault(positive, isFloat) ?? sideFault(negative, isFloat);
  if (fault !== undefined) return fault;
  const inBuckets = [...positive.counts, ...negative.counts].reduce((sum, count) => sum + count, zeroCount);
  // An observation of NaN makes the sum NaN, and is in no bucket; of floats, Prometheus bears that some are in none.
  const leeway = isFloat ? ROUNDING * count : 0;
  if (inBuckets - count > leeway || (inBuckets < count && !isFloat && !Number.isNaN(sum))) {
    return `its native buckets have ${inBuckets} ${plural(inBuckets, "observation")} where it counts ${count}`;
  }
  return undefined;
}

function sideFault({ spans, counts }: NativeBuckets, isFloat: boolean): string | undefined {
  const wrong = counts.find((count) => !isCountOf(isFloat, count));
  if (wrong !== undefined) return `the count ${wrong} of a native bucket is ${notACount(isFloat)}`;
  let buckets = 0, number = 0;
  for (const [i, { offset, length }] of spans.entries()) {
    if (i > 0 && offset < 0) return `a span of its buckets starts ${-offset} before the end of the one before it`;
    buckets += length;
    number += offset;
    // Prometheus adds offsets up in 32 bits, and refuses a whole page where that overflows.
    if (Math.abs(number) > MAX_BUCKET_NUMBER) return `its buckets reach to number ${number}, where no values are`;
    number += length;
  }
  if (buckets !== counts.length) {
    return `its spans have room for ${buckets} ${plural(buckets, "bucket")}, and ${counts.length} ${
      plural(counts.length, "comes", "come")
    }`;
  }
  return undefined;
}

/** Beyond 2^53 numbers are not exact, and text has no place for them either. */
function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}

function isCountOf(isFloat: boolean, count: number): boolean {
  return isFloat ? count >= 0 && count <= Number.MAX_SAFE_INTEGER : isCount(count);
}

function notACount(isFloat: boolean): string {
  return isFloat ? "not a number from 0 to 2^53" : "not a whole number from 0 to 2^53";
}
