/**
 * What the pages of a server show.
 *
 * @module
 */

import type { ApiOptions } from "../api/api_routes.ts";

/** What the pages show. */
export interface PagesOptions extends ApiOptions {
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** Milliseconds since the epoch. @default {Date.now} */
  readonly now?: () => number;
}
