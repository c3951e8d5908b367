/**
 * Drops families without samples.
 *
 * @module
 */

import type { MetricFamily } from "../../common/exposition/metric_family.ts";

/** Drops families without samples. They held none, so that the account has nothing to say. */
export function dropEmpty(families: readonly MetricFamily[]): MetricFamily[] {
  return families.filter((family) => family.metrics.length > 0);
}
