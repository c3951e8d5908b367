/**
 * Reading the text format with limits that nothing in a test comes near.
 *
 * @module
 */

import type { MetricFamily, ParseLimits } from "../../common/exposition/metric_family.ts";
import { parseText } from "../../common/exposition/text_format.ts";

/** Limits far above what tests read. */
export const AMPLE_LIMITS: ParseLimits = { maxFamilies: 1e6, maxSeries: 1e6, maxLabels: 1e6 };

/** Reads a text. */
export function parseWhole(text: string | Uint8Array, limits: Partial<ParseLimits> = {}): MetricFamily[] {
  return parseText(typeof text === "string" ? new TextEncoder().encode(text) : text, { ...AMPLE_LIMITS, ...limits });
}

/** The only value in a page of one line. */
export const valueOf = (line: string) => parseWhole(line)[0].metrics[0].value;
