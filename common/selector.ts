/**
 * Series selectors, as PromQL has them: `up`, `{__name__="up",job!~"node.*"}`.
 *
 * @module
 */

import { parser } from "@prometheus-io/lezer-promql";
import { RE2JS } from "re2js";
import type { Kind } from "./options.ts";

/** How a matcher compares. */
export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition on one label. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  /** Whether a label value fulfils the condition; an absent label counts as the empty string. */
  matches(value: string): boolean;
}

/** A conjunction of matchers; the metric's name is the label `__name__`. */
export interface Selector {
  /** As it was written. */
  readonly text: string;
  readonly matchers: readonly Matcher[];
}

/** Longer selectors are refused before they are parsed. */
export const MAX_SELECTOR_LENGTH = 10_000;

const OPERATORS: Readonly<Record<string, MatchOperator>> = {
  EqlSingle: "=",
  Neq: "!=",
  EqlRegex: "=~",
  NeqRegex: "!~",
};

/**
 * Reads a selector. As in Prometheus, at least one matcher must refuse the empty string. Regular expressions are RE2's,
 * anchored at both ends, and take time linear in the value.
 *
 * @throws {SyntaxError} if the text is not one bare selector, with the position.
 */
export function parseSelector(text: string): Selector {
  if (text.length > MAX_SELECTOR_LENGTH) {
    throw new SyntaxError(`Cannot read a selector of more than ${MAX_SELECTOR_LENGTH} characters`);
  }
  const fail = (why: string, at: number): never => {
    throw new SyntaxError(`Cannot read '${text}' as a selector: ${why}, at position ${at}`);
  };
  const matchers: Matcher[] = [];
  let label: string | undefined;
  let operator: MatchOperator | undefined;
  let selectors = 0;
  parser.parse(text).iterate({
    enter({ name, type, from, to }) {
      const source = text.slice(from, to);
      if (type.isError) fail("it is not PromQL", from);
      else if (name === "VectorSelector") selectors++;
      else if (name === "Identifier") matchers.push(createMatcher("__name__", "=", source));
      else if (name === "LabelName") label = source;
      else if (name === "QuotedLabelName") fail("quoted names are not supported", from);
      else if (name in OPERATORS) operator = OPERATORS[name];
      else if (name === "StringLiteral" && label !== undefined && operator !== undefined) {
        const value = unquote(source) ?? fail("a string has an escape that PromQL does not know", from);
        try {
          matchers.push(createMatcher(label, operator, value));
        } catch (error) {
          fail(`a regular expression is not RE2's: ${(error as Error).message}`, from);
        }
      } else if (!STRUCTURE.has(name)) fail("it is more than a selector", from);
    },
  });
  if (selectors !== 1) fail("it is not a selector", 0);
  if (matchers.filter(({ name, operator }) => name === "__name__" && operator === "=").length > 1) {
    fail("it names the metric twice", 0);
  }
  if (matchers.every((matcher) => matcher.matches(""))) {
    fail("it needs a matcher that does not match the empty string", 0);
  }
  return { text, matchers };
}

/** Node types of the grammar that carry nothing of their own. */
const STRUCTURE = new Set(["PromQL", "LabelMatchers", "UnquotedLabelMatcher", "MatchOp", "LineComment"]);

function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  if (operator === "=" || operator === "!=") {
    const equal = operator === "=";
    return { name, operator, value, matches: (other) => (other === value) === equal };
  }
  const pattern = RE2JS.compile(value, RE2JS.DOTALL);
  const positive = operator === "=~";
  return { name, operator, value, matches: (other) => pattern.matches(other) === positive };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** The value of a string literal: raw between backticks, with Go's escapes between quotes; undefined if one is unknown. */
function unquote(literal: string): string | undefined {
  const body = literal.slice(1, -1);
  if (literal.startsWith("`")) return body;
  let known = true;
  const value = body.replace(
    /\\(x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|[^])/g,
    (_, escape: string, hex?: string, short?: string, long?: string, octal?: string) => {
      const digits = hex ?? short ?? long;
      const code = digits !== undefined ? parseInt(digits, 16) : octal !== undefined ? parseInt(octal, 8) : undefined;
      // Bytes above ASCII would be parts of UTF-8 sequences, which a string of JavaScript cannot hold.
      if (code !== undefined && code <= 0x10ffff && (short ?? long) !== undefined) return String.fromCodePoint(code);
      if (code !== undefined && code < 0x80) return String.fromCodePoint(code);
      if (code === undefined && escape in ESCAPES) return ESCAPES[escape];
      known = false;
      return "";
    },
  );
  return known && value.isWellFormed() ? value : undefined;
}

/** Whether a series matches, its labels given by name; `valueOf` returns the empty string for those it lacks. */
export function selectorMatches(selector: Selector, valueOf: (label: string) => string): boolean {
  return selector.matchers.every((matcher) => matcher.matches(valueOf(matcher.name)));
}

/**
 * Reads a file of selectors, one a line; empty lines and lines that start with `#` are skipped.
 *
 * @throws {SyntaxError} if a line is not a selector, with its number.
 */
export function readSelectorFile(text: string): Selector[] {
  return text.split("\n").flatMap((line, i) => {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) return [];
    try {
      return [parseSelector(content)];
    } catch (cause) {
      throw new SyntaxError(`Line ${i + 1}: ${(cause as Error).message}`, { cause });
    }
  });
}

/** The kind of an option that takes a selector. */
export const selector: Kind<Selector> = {
  placeholder: "SELECTOR",
  read: (texts) => parseSelector(texts[texts.length - 1]),
};
