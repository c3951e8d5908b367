/**
 * What a line of the text format starts with.
 *
 * @module
 */

import { isClassicMetricName } from "../exposition/names.ts";
import { escapeLabelValue } from "../exposition/text_format.ts";

/** The name and the opening brace; of a name outside the classic charset, the brace, the name in quotes, and a comma. */
export function lineHead(name: string): string {
  return isClassicMetricName(name) ? `${name}{` : `{"${escapeLabelValue(name)}",`;
}
