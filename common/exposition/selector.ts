/**
 * Series selectors, as PromQL has them: `up`, `{__name__="up",job!~"node.*"}`.
 *
 * @module
 */

import type { SyntaxNode } from "@lezer/common";
import defer * as promql from "@prometheus-io/lezer-promql";
import defer * as re2 from "re2js";
import { messageOf } from "../explain.ts";
import type { Kind } from "../option_kinds.ts";
import {
  isPlainPattern,
  matchesEmpty,
  type MatchOperator,
  readPlainSelector,
  selectorLines,
} from "./plain_selector.ts";

/** One condition on one label. */
export interface Matcher {
  /** The name of the label; `__name__` for the metric's name. */
  readonly name: string;
  /** How its value is compared. */
  readonly operator: MatchOperator;
  /** What it is compared with: a text, or a regular expression in the syntax of RE2. */
  readonly value: string;
  /** Whether a label value fulfils the condition; an absent label counts as the empty string. */
  matches(value: string): boolean;
}

/** A conjunction of matchers; the metric's name is the label `__name__`. */
export interface Selector {
  /** As it was written. */
  readonly text: string;
  /** All of which a series must fulfil, in the order written, the name's first. */
  readonly matchers: readonly Matcher[];
}

/** Longer selectors are refused before they are parsed. */
export const MAX_SELECTOR_LENGTH = 10_000;

/** How much of a selector an error message repeats. */
const QUOTED_LENGTH = 200;

const METRIC_NAME = "__name__";
const OPERATORS: ReadonlySet<string> = new Set<MatchOperator>(["=", "!=", "=~", "!~"]);

/**
 * Reads a selector. As in Prometheus, at least one matcher must refuse the empty string. Regular expressions are RE2's,
 * anchored at both ends, and take time linear in the value.
 *
 * @throws {SyntaxError} if the text is not one bare selector, with the position of the fault in it, from 0.
 */
export function parseSelector(text: string): Selector {
  if (text.length > MAX_SELECTOR_LENGTH) {
    throw new SyntaxError(
      `Cannot read a selector of more than ${MAX_SELECTOR_LENGTH} characters: write several shorter ones`,
    );
  }
  const matchers = readPlainMatchers(text) ?? new SelectorReader(text).read();
  if (matchers.every((matcher) => matcher.matches(""))) {
    throw unreadable(text, "at least one of its matchers must refuse the empty string", 0);
  }
  return { text, matchers };
}

/** The matchers of a selector of the usual form; undefined if it has another one, or cannot be read. */
function readPlainMatchers(text: string): Matcher[] | undefined {
  try {
    return readPlainSelector(text)?.map(({ name, operator, value }) => createMatcher(name, operator, value));
  } catch (error) {
    // Whoever reads it by the grammar tells where it is at fault.
    if (error instanceof re2.RE2JSSyntaxException) return undefined;
    throw error;
  }
}

/** Strings, comments, and what JavaScript and the grammar take for white space although Prometheus does not. */
const STRINGS_AND_SPACE = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(#[^\r\n]*)|([^\S \t\r\n]|\u0085)/gs;

/** The one word that Prometheus takes for a metric's name and the grammar does not, up to its first letter. */
const OFFSET_WORD = /^(\s*)o(?=ffset(?![\w:]))/i;

/** The one operator that the grammar takes for a metric's name. */
const OPERATOR_WORD = /^atan2$/i;

/** Turns the syntax tree of one selector into matchers. */
class SelectorReader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Matcher[] {
    const tree = this.#parse();
    tree.iterate({ enter: ({ type, from }) => type.isError ? this.#fail("it is not PromQL", from) : undefined });
    // Without an error in it, the tree has the shape that the grammar gives it: what follows relies on that.
    const [selector] = childrenOf(tree.topNode).filter(({ name }) => name !== "LineComment");
    if (selector.name !== "VectorSelector") {
      this.#fail("it must be a bare selector, without range, offset, operator or function", selector.from);
    }
    const identifier = selector.getChild("Identifier");
    const matchers = childrenOf(selector.getChild("LabelMatchers"))
      .filter(({ name }) => name !== "LineComment")
      .map((node) => this.#matcher(node));
    if (identifier !== null) {
      if (OPERATOR_WORD.test(this.#source(identifier))) this.#fail("it is not PromQL", identifier.from);
      if (matchers.some(({ name }) => name === METRIC_NAME)) this.#fail("it names the metric twice", identifier.to);
      matchers.unshift(createMatcher(METRIC_NAME, "=", this.#source(identifier)));
    }
    return matchers;
  }

  #parse() {
    const readable = this.#readable();
    try {
      return promql.parser.parse(readable);
    } catch (error) {
      // The parser recurses by the depth of the expression; a selector has none.
      if (!(error instanceof RangeError)) throw error;
      return this.#fail("it nests expressions, which no bare selector does", 0);
    }
  }

  /** The text as the grammar reads it as Prometheus would, each character in its place. */
  #readable(): string {
    return this.#text.replace(STRINGS_AND_SPACE, (part, string, comment, _space, at) => {
      if (string !== undefined) return part;
      // The grammar lets a comment go on behind a carriage return.
      if (comment !== undefined) return " ".repeat(part.length);
      return this.#fail(`${JSON.stringify(part)} is no white space in PromQL`, at);
    }).replace(OFFSET_WORD, "$1_");
  }

  /** `a="b"`, `"a"="b"`, or a quoted name of a metric alone. */
  #matcher(node: SyntaxNode): Matcher {
    if (node.name === "QuotedLabelName") return createMatcher(METRIC_NAME, "=", this.#string(node));
    const [label, operator, value] = childrenOf(node);
    const name = label.name === "QuotedLabelName" ? this.#string(label) : this.#source(label);
    const symbol = this.#source(operator);
    if (!isOperator(symbol)) this.#fail(`'${symbol}' does not compare labels`, operator.from);
    try {
      return createMatcher(name, symbol, this.#string(value));
    } catch (error) {
      if (!(error instanceof re2.RE2JSSyntaxException)) throw error;
      return this.#fail(`the regular expression is not RE2's: ${error.getDescription()}`, value.from);
    }
  }

  #string(node: SyntaxNode): string {
    const bytes = unquote(this.#source(node));
    if (bytes === undefined) this.#fail("the string has an escape that PromQL does not know", node.from);
    if (typeof bytes === "string") return bytes;
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return this.#fail("the string's escapes come to bytes that are not UTF-8, which no label holds", node.from);
    }
  }

  #source({ from, to }: SyntaxNode): string {
    return this.#text.slice(from, to);
  }

  #fail(why: string, at: number): never {
    throw unreadable(this.#text, why, at);
  }
}

function unreadable(text: string, why: string, at: number): SyntaxError {
  const shown = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text;
  return new SyntaxError(`Cannot read '${shown}' as a selector: ${why}, at position ${at}`);
}

function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}

function isOperator(symbol: string): symbol is MatchOperator {
  return OPERATORS.has(symbol);
}

function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  if (operator === "=") return { name, operator, value, matches: (other) => other === value };
  if (operator === "!=") return { name, operator, value, matches: (other) => other !== value };
  const matches = patternMatcher(value);
  if (operator === "=~") return { name, operator, value, matches };
  return { name, operator, value, matches: (other) => !matches(other) };
}

/** A regular expression as Prometheus has it, with `.` matching line feeds too. A plain one is compiled when it is needed. */
function patternMatcher(pattern: string): (value: string) => boolean {
  const compile = () => re2.RE2JS.compile(pattern, re2.RE2JS.DOTALL);
  const isPlain = isPlainPattern(pattern), takesEmpty = isPlain && matchesEmpty(pattern);
  let compiled = isPlain ? undefined : compile();
  return (value) => isPlain && value === "" ? takesEmpty : (compiled ??= compile()).matches(value);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\\", "\\"],
]);

const STRING_PARTS = /[^\\]+|\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs;

/**
 * The value of a string literal: raw between backticks, with the escapes of Go between quotes (Prometheus,
 * `util/strutil/quote.go`), whose bytes need not come to UTF-8. Undefined if an escape is unknown.
 */
function unquote(literal: string): string | Uint8Array | undefined {
  const quote = literal[0];
  const body = literal.slice(1, -1);
  if (quote === "`" || !body.includes("\\")) return body;
  const bytes: number[] = [];
  for (const [part, hex, octal, short, long, letter] of body.matchAll(STRING_PARTS)) {
    const byte = hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : undefined;
    if (byte !== undefined) {
      if (byte > 0xff) return undefined;
      bytes.push(byte);
      continue;
    }
    const digits = short ?? long;
    const text = digits !== undefined
      ? characterOf(parseInt(digits, 16))
      : letter === undefined
      ? part
      : letter === quote
      ? quote
      : ESCAPES.get(letter);
    if (text === undefined) return undefined;
    bytes.push(...new TextEncoder().encode(text));
  }
  return new Uint8Array(bytes);
}

function characterOf(code: number): string | undefined {
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || isSurrogate ? undefined : String.fromCodePoint(code);
}

/**
 * Reads a file of selectors, one a line; empty lines and lines that start with `#` are skipped.
 *
 * @throws {SyntaxError} if a line is not a selector, with its number.
 */
export function readSelectorFile(text: string): Selector[] {
  return selectorLines(text).map(({ selector, line }) => {
    try {
      return parseSelector(selector);
    } catch (cause) {
      throw new SyntaxError(`Line ${line}: ${messageOf(cause)}`, { cause });
    }
  });
}

/** The kind of an option that takes a selector. */
export const selector: Kind<Selector> = {
  placeholder: "SELECTOR",
  read: (texts) => parseSelector(texts[texts.length - 1]),
};
