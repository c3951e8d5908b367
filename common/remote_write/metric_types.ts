/**
 * Types of metrics as the metadata of both messages of remote write has them.
 *
 * @module
 */

import type { MetricType } from "../exposition/metric_family.ts";

/** The number of each type; an untyped metric has none. */
export const WRITE_METRIC_TYPES: Readonly<Record<MetricType, number>> = {
  untyped: 0,
  counter: 1,
  gauge: 2,
  histogram: 3,
  gauge_histogram: 4,
  summary: 5,
};
