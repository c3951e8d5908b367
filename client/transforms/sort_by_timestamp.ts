/**
 * Sorts the samples of each family by timestamp: servers refuse a family whose timestamps decrease.
 *
 * @module
 */

import type { Metric, MetricFamily } from "../../common/exposition/metric_family.ts";

/** Sorts each family's samples by timestamp, those without one first; samples of one timestamp keep their order. */
export function sortByTimestamp(families: readonly MetricFamily[]): MetricFamily[] {
  return families.map((family) => {
    const { metrics } = family;
    const isSorted = metrics.every((metric, i) => i === 0 || timeOf(metrics[i - 1]) <= timeOf(metric));
    return isSorted ? family : { ...family, metrics: metrics.toSorted((a, b) => timeOf(a) - timeOf(b)) };
  });
}

function timeOf(metric: Metric): number {
  return metric.timestampMs ?? -Infinity;
}
