/**
 * Puts the lines of a histogram or summary together to its value.
 *
 * @module
 */

import { histogramFault, summaryFault } from "./distribution_faults.ts";
import type { HistogramValue, Label, SummaryValue } from "./metric_family.ts";

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
  /** What they add up to; 0 if no line says so, as protobuf has it. */
  sum = 0;
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

  /** The summary, and what tells what is wrong with it. */
  summary(): [SummaryValue, fault: () => string | undefined] {
    const quantiles = this.#sorted().map(({ key, value }) => ({ quantile: key, value }));
    const value = { count: this.count ?? 0, sum: this.sum, quantiles };
    return [value, () => summaryFault(value)];
  }

  /** The histogram, and what tells what is wrong with it. */
  histogram(): [HistogramValue, fault: () => string | undefined] {
    const buckets = this.#sorted().map(({ key, value }) => ({ upperBound: key, count: value }));
    const last = buckets.at(-1);
    // What a histogram counted in all is also in its last bucket.
    const count = this.count ?? last?.count ?? 0;
    const isFloat = !Number.isInteger(count) || buckets.some(({ count }) => !Number.isInteger(count));
    const value = { count, sum: this.sum, buckets, ...(isFloat ? { isFloat } : {}) };
    const isCounted = this.count !== undefined || last?.upperBound === Infinity;
    return [value, () => isCounted ? histogramFault(value) : "it has neither a count nor a bucket +Inf"];
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
