/**
 * Selectors of the usual form, `{__name__="up",job=~"node.*"}`, read without the grammar of PromQL: the tables of that, and the
 * regular expressions, take 12 MB, which a program that only checks its selectors can do without.
 *
 * @module
 */

/** How a matcher compares. */
export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** A matcher as it is written. */
export interface PlainMatcher {
  /** The label. */
  readonly name: string;
  /** How its value is compared. */
  readonly operator: MatchOperator;
  /** With what. */
  readonly value: string;
}

/** A matcher with the space about it. Between braces no word has a meaning of its own. */
const MATCHER = /[ \t]*([a-zA-Z_]\w*)[ \t]*(=~|!~|!=|=)[ \t]*"([^"\\\n]*)"[ \t]*/y;

/** The longest pattern that is known to be good without compiling it. */
const MAX_PATTERN_LENGTH = 1_000;

/** Letters, `.`, `.*`, `.+` and alternatives of them. */
const PATTERN = /^(?:[\w:]|\.[*+]?|\|)*$/;

/** The matchers of a selector of the usual form; undefined if it has another one, which need not be wrong. */
export function readPlainSelector(text: string): readonly PlainMatcher[] | undefined {
  if (!text.startsWith("{") || !text.endsWith("}")) return undefined;
  const matchers: PlainMatcher[] = [];
  for (let at = 1;;) {
    MATCHER.lastIndex = at;
    const match = MATCHER.exec(text);
    if (match === null) return undefined;
    const [, name, operator, value] = match;
    matchers.push({ name, operator: operator as MatchOperator, value });
    at = MATCHER.lastIndex;
    if (at === text.length - 1) return matchers;
    if (text[at++] !== ",") return undefined;
  }
}

/** Whether a selector is surely a good one: what it would take the grammar to know of others. */
export function isPlainSelector(text: string): boolean {
  return readPlainSelector(text)?.some(({ operator, value }) => {
    if (operator === "=") return value !== "";
    if (operator === "!=") return value === "";
    return isPlainPattern(value) && matchesEmpty(value) === (operator === "!~");
  }) ?? false;
}

/** The selectors of a text that has one a line: empty lines, and lines that start with `#`, are skipped. */
export function selectorLines(text: string): { readonly selector: string; readonly line: number }[] {
  return text.split("\n").map((content, i) => ({ selector: content.trim(), line: i + 1 }))
    .filter(({ selector }) => selector !== "" && !selector.startsWith("#"));
}

/** Whether a regular expression is surely one of RE2. */
export function isPlainPattern(pattern: string): boolean {
  return pattern.length <= MAX_PATTERN_LENGTH && PATTERN.test(pattern);
}

/** Whether a plain pattern matches the empty string. */
export function matchesEmpty(pattern: string): boolean {
  return pattern.split("|").some((alternative) => /^(?:\.\*)*$/.test(alternative));
}
