/**
 * What came later of a cluster than all that it shows.
 *
 * @module
 */

import type { MetricType } from "../../common/exposition/metric_family.ts";
import type { Lines } from "./merged_content.ts";

/** What came later. */
export interface Delta {
  /** New samples. */
  readonly values: Lines;
  /** Series that have ended: a sample of each, with the time of its end. */
  readonly ended?: Lines;
  /** Types of metrics that it says nothing else of; they count where there are series of them. */
  readonly types?: ReadonlyMap<string, MetricType>;
}

/** A delta, and how much it is. */
export interface SizedDelta extends Delta {
  /** The memory that it takes, in bytes. */
  readonly bytes: number;
  /** Its lines. */
  readonly series: number;
}
