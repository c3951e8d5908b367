/**
 * Whether series match, label by label.
 *
 * @module
 */

import type { Selector } from "../../common/exposition/selector.ts";

/** Whether a series matches, its labels given by name; `valueOf` returns the empty string for those it lacks. */
export function selectorMatches(selector: Selector, valueOf: (label: string) => string): boolean {
  return selector.matchers.every((matcher) => matcher.matches(valueOf(matcher.name)));
}
