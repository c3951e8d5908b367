/**
 * How much of a push each metric takes, for people who look for what to leave out.
 *
 * @module
 */

import type { Metric, MetricFamily } from "../common/exposition/metric_family.ts";
import { encodeFamilies } from "../common/exposition/protobuf.ts";

/** What one metric takes. */
export interface MetricSize {
  /** Its name. */
  readonly metric: string;
  /** Its series as Prometheus and the server's `--limit-series` count them: a histogram has one for each of its lines. */
  readonly series: number;
  /** Its bytes of protobuf, before they are compressed. */
  readonly bytes: number;
}

/** What each metric takes, the largest first. */
export function sizesOf(families: readonly MetricFamily[]): MetricSize[] {
  const byName = Map.groupBy(families, ({ name }) => name);
  const sizes = Array.from(byName, ([metric, parts]) => ({
    metric,
    series: parts.flatMap(({ metrics }) => metrics).reduce((sum, { value }) => sum + linesOf(value), 0),
    bytes: encodeFamilies(parts).length,
  }));
  return sizes.sort((a, b) => b.bytes - a.bytes);
}

/** The lines of a sample, of which a histogram has one more where it lacks the bucket `+Inf`. */
function linesOf(value: Metric["value"]): number {
  if (typeof value !== "object") return 1;
  if ("quantiles" in value) return value.quantiles.length + 2;
  return value.buckets.length + (value.buckets.at(-1)?.upperBound === Infinity ? 2 : 3);
}
