/**
 * Puts the lines of a histogram or summary together to its value.
 *
 * @module
 */

import { histogramFault, summaryFault } from "./distribution_faults.ts";
import {
  type DistributionType,
  type HistogramValue,
  type Label,
  type Metric,
  POINT_LABEL,
  SUFFIX,
  type SummaryValue,
} from "./metric_family.ts";
import { formatBound } from "./format_number.ts";

/** What the lines of a sample come to. */
export interface AssembledValue<Value> {
  /** The value; what did not come is 0 in it. */
  readonly value: Value;
  /** Whether all came that a sample of protobuf says: of the lines, 0 must not be made up for those that did not. */
  readonly isWhole: boolean;
  /** Tells what is wrong with it, as a clause. */
  readonly fault: () => string | undefined;
}

/** A sample of a histogram or summary whose lines are still coming in. */
export class Distribution {
  /** Without the label that tells one point from another. */
  readonly labels: readonly Label[];
  /** Where its first line starts in the text. */
  readonly at: number;
  /** The number of that line. */
  readonly line: number;
  /** The latest time of its lines, in milliseconds since the epoch. */
  timestampMs: number | undefined = undefined;
  /** How many observations there were, if a line says so. */
  count: number | undefined = undefined;
  /** What they add up to, if a line says so. */
  sum: number | undefined = undefined;
  /** Buckets or quantiles, in the order in which they came. */
  readonly points: { readonly key: number; readonly value: number }[] = [];
  /** Set once a line of it was reported: what is left of it says nothing. */
  isRejected = false;

  /** Starts with the labels of its first line. */
  constructor(labels: readonly Label[], { start, line }: { readonly start: number; readonly line: number }) {
    this.labels = labels;
    this.at = start;
    this.line = line;
  }

  /** The summary, which is whole only if its count and its sum came; and what tells what is wrong with it. */
  summary(): AssembledValue<SummaryValue> {
    const quantiles = this.#sorted().map(({ key, value }) => ({ quantile: key, value }));
    const { count, sum } = this;
    const value = { count: count ?? 0, sum: sum ?? 0, quantiles };
    return { value, isWhole: count !== undefined && sum !== undefined, fault: () => summaryFault(value) };
  }

  /** The histogram, which is whole only if its sum and its count or last bucket came; and what tells what is wrong with it. */
  histogram(): AssembledValue<HistogramValue> {
    const buckets = this.#sorted().map(({ key, value }) => ({ upperBound: key, count: value }));
    const last = buckets.at(-1);
    // What a histogram counted in all is also in its last bucket.
    const isCounted = this.count !== undefined || last?.upperBound === Infinity;
    const count = this.count ?? last?.count ?? 0;
    const isFloat = !Number.isInteger(count) || buckets.some(({ count }) => !Number.isInteger(count));
    const value = { count, sum: this.sum ?? 0, buckets, ...(isFloat ? { isFloat } : {}) };
    return {
      value,
      isWhole: isCounted && this.sum !== undefined,
      fault: () => isCounted ? histogramFault(value) : "it has neither a count nor a bucket +Inf",
    };
  }

  /** The lines that came, by the suffixes of their names, as samples of one number each. */
  *lines(type: DistributionType): Generator<readonly [suffix: string, line: Metric]> {
    const { labels, timestampMs, sum, count } = this;
    const line = (value: number, own: readonly Label[] = labels): Metric =>
      timestampMs === undefined ? { labels: own, value } : { labels: own, value, timestampMs };
    for (const { key, value } of this.#sorted()) {
      const point = { name: POINT_LABEL[type], value: formatBound(key) };
      yield [type === "summary" ? "" : SUFFIX.bucket, line(value, [...labels, point])];
    }
    if (sum !== undefined) yield [SUFFIX.sum, line(sum)];
    if (count !== undefined) yield [SUFFIX.count, line(count)];
  }

  /** Sorting is stable and cheap on what is in order, as it mostly is. */
  #sorted(): Distribution["points"] {
    return this.points.sort((a, b) => a.key - b.key || 0);
  }
}

/** The samples of one histogram or summary, by their labels in any order. */
export class Distributions {
  readonly #all = new Map<string, Distribution>();
  /** That of the line before, which mostly goes on. */
  #latest: Distribution | undefined;

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** The one of some labels, which begins at the line at hand if it is new. */
  of(labels: readonly Label[], place: { readonly start: number; readonly line: number }): Distribution {
    if (this.#latest !== undefined && equal(this.#latest.labels, labels)) return this.#latest;
    const pairs = labels.map(({ name, value }) => [name, value]).sort(([a], [b]) => a < b ? -1 : 1);
    const key = JSON.stringify(pairs);
    let distribution = this.#all.get(key);
    if (distribution === undefined) this.#all.set(key, distribution = new Distribution(labels, place));
    return this.#latest = distribution;
  }

  /** All of them, in the order of their first lines. */
  [Symbol.iterator](): Iterator<Distribution> {
    return this.#all.values();
  }
}

function equal(a: readonly Label[], b: readonly Label[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i].value !== b[i].value || a[i].name !== b[i].name) return false;
  }
  return true;
}
