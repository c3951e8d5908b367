/**
 * Lines of a text exposition, read from a page one at a time: names, labels, values, in quotes or not.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type Label, LimitError, type ParseLimits } from "./metric_family.ts";
import { CLASSES, LABEL, LABEL_START, METRIC, METRIC_START, NUMBER } from "./names.ts";
import { clip, clipLabels, type FaultRule, type SampleFault } from "./sample_fault.ts";

const TAB = 0x09, CARRIAGE_RETURN = 0x0d, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2c, EQUALS = 0x3d, BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b, CLOSING_BRACE = 0x7d;

/** Above so many labels, names that repeat are found with a set: comparing each with each would take quadratic time. */
const FEW_LABELS = 16;

/** What ends a name that is not in quotes, be it a classic one or not: 1 for each such ASCII character. */
const NAME_END = Uint8Array.from(
  { length: 128 },
  (_, code) => Number(' \t{}",=<>#'.includes(String.fromCharCode(code))),
);

/** What is wrong with a line that is otherwise as the format has it. */
export interface LineFault {
  /** The rule that it breaks. */
  readonly rule: FaultRule;
  /** What is wrong, as a clause. */
  readonly why: string;
  /** Where in the text. */
  readonly at: number;
}

/** How a page is read. */
export interface PageOptions extends ParseLimits {
  /**
   * Hears of each sample that is left out because of a fault of its own. Without it, a fault in a line refuses the page, and
   * values are not held against each other.
   */
  readonly onFault?: (fault: SampleFault) => void;
}

/** A cursor over a page; whatever it reads ends with the line. */
export class PageCursor {
  /** The page. */
  readonly text: string;
  /** Where the cursor stands. */
  at = 0;
  /** Where its line starts, behind its leading blanks. */
  start = 0;
  /** Where its line ends. */
  end = 0;
  /** The number of its line, from 1. */
  line = 0;
  /** The first fault of the line. */
  fault: LineFault | undefined;
  /** The name of the metric in the labels that were read last, if there was one. */
  quotedName: string | undefined;
  readonly #format: string;
  readonly #options: PageOptions;
  /** Where the next line starts. */
  #next = 0;
  #isCrlf: boolean | undefined;
  /** Where the next backslash stands, seen from a place behind the one before. */
  #backslash = -1;
  /** A place in the text of which the offset in bytes is known. */
  #known = { at: 0, offset: 0 };

  /** Starts before the first line; a byte order mark is skipped. `format` names the format in messages. */
  constructor(bytes: Uint8Array, { format, options }: { format: string; options: PageOptions }) {
    this.#format = format;
    this.#options = options;
    this.text = this.#decode(bytes);
    if (this.text.startsWith("\ufeff")) this.#next = 1;
  }

  /** Goes on to the next line that is not blank, behind its leading blanks; false at the end of the page. */
  nextLine(): boolean {
    const { text } = this;
    while (this.#next < text.length) {
      this.at = this.#next;
      const feed = text.indexOf("\n", this.at);
      this.end = feed < 0 ? text.length : feed;
      this.#next = this.end + 1;
      this.line++;
      if (feed >= 0 && this.end > this.at && text.charCodeAt(this.end - 1) === CARRIAGE_RETURN) this.end--;
      this.blanks();
      if (this.at < this.end) {
        this.start = this.at;
        this.fault = undefined;
        return true;
      }
    }
    return false;
  }

  /** Whether nothing is left of the line. */
  get isAtEnd(): boolean {
    return this.at === this.end;
  }

  /** The code of the character at the cursor, 0 at the end of the line. */
  peek(): number {
    return this.at < this.end ? this.text.charCodeAt(this.at) : 0;
  }

  /** Goes behind blanks and tells whether there were any. */
  blanks(): boolean {
    const start = this.at;
    for (let code = this.peek(); code === SPACE || code === TAB; code = this.peek()) this.at++;
    return this.at > start;
  }

  /** What stands before the next blank. */
  word(): string {
    const start = this.at;
    for (; this.at < this.end; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === SPACE || code === TAB) break;
    }
    return this.text.slice(start, this.at);
  }

  /** What is left of the line. A carriage return at its end belongs to it, unless all lines of the page end in one. */
  rest(): string {
    const isCut = this.text.charCodeAt(this.end) === CARRIAGE_RETURN &&
      !(this.#isCrlf ??= !/[^\r]\n|^\n/.test(this.text));
    return this.text.slice(this.at, isCut ? this.end + 1 : this.end);
  }

  /** The name of a metric in a comment, in quotes or not; undefined if it is none that a line could have. */
  commentName(): string | undefined {
    if (this.peek() === QUOTE) {
      this.at++;
      return this.#string("a name", "family_name") || undefined;
    }
    const name = this.#classes(METRIC_START, METRIC);
    const code = this.peek();
    return code === 0 || code === SPACE || code === TAB ? name : undefined;
  }

  /** The name of a metric and its labels. */
  series(): { readonly name: string; readonly labels: Label[] } {
    const name = this.peek() === OPENING_BRACE ? undefined : this.#metricName();
    this.blanks();
    this.quotedName = name;
    const labels = this.peek() === OPENING_BRACE ? this.#labels() : [];
    this.blanks();
    return { name: this.quotedName ?? this.refuse("a line starts with the name of a metric"), labels };
  }

  /** The value of a sample; NaN, with a fault, where it is beyond what a number can be. */
  value(): number {
    const start = this.at;
    const word = this.word();
    const value = parseNumber(word);
    if (value !== undefined) return value;
    // Only what has the form of a number, and so becomes infinite, can have come from something that means one.
    if (Math.abs(Number(word)) !== Infinity) return this.refuse("a value is missing or not a number", start);
    this.blame("value", `a value is missing or not a number: ${clip(word)} is out of range`, start);
    return NaN;
  }

  /** Notes a fault of the line, unless it has one already. */
  blame(rule: FaultRule, why: string, at: number = this.at) {
    this.fault ??= { rule, why, at };
  }

  /** Reports a fault of a sample; where nobody listens, it refuses the page. */
  report({ rule, why, at, line = this.line }: LineFault & { line?: number }, sample: {
    readonly name: string;
    readonly labels: readonly Label[];
  }) {
    const { onFault, maxLabels } = this.#options;
    if (onFault !== undefined) {
      const [metric, labels] = [clip(sample.name), clipLabels(sample.labels)];
      onFault({ rule, metric, labels, why, line, offset: this.#offsetOf(at) });
    } else if (rule === "labels") throw new LimitError(`Cannot take more than ${maxLabels} labels on a series`);
    else this.refuse(why, at);
  }

  /** Refuses the page. */
  refuse(why: string, at: number = this.at): never {
    throw this.#malformed(why, { line: this.line, offset: this.#offsetOf(at) });
  }

  #malformed(why: string, { line, offset, cause }: { line: number; offset: number; cause?: unknown }): SyntaxError {
    const message = `Cannot read the ${this.#format}: ${why}, in line ${line} at offset ${offset}`;
    return new SyntaxError(message, cause === undefined ? undefined : { cause });
  }

  #decode(bytes: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      const valid = validPrefix(bytes);
      const offset = Buffer.byteLength(valid);
      const byte = bytes[offset].toString(16).padStart(2, "0");
      throw this.#malformed(`the byte 0x${byte} is not UTF-8`, { line: valid.split("\n").length, offset, cause });
    }
  }

  /** The offset in bytes of a place in the text; cheap where places come in their order. */
  #offsetOf(at: number): number {
    const known = this.#known.at <= at ? this.#known : { at: 0, offset: 0 };
    this.#known = { at, offset: known.offset + Buffer.byteLength(this.text.slice(known.at, at)) };
    return this.#known.offset;
  }

  #metricName(): string | undefined {
    const start = this.at;
    const name = this.#classes(METRIC_START, METRIC);
    const whole = this.#unquoted(start);
    if (whole === "") return undefined;
    if (whole === name) return name;
    this.blame("family_name", `the name ${clip(whole)} of a metric must stand in quotes, within braces`, start);
    return whole;
  }

  #labels(): Label[] {
    const labels: Label[] = [];
    const { maxLabels } = this.#options;
    let seen: Set<string> | undefined;
    this.at++;
    for (;;) {
      this.blanks();
      if (this.peek() === CLOSING_BRACE) break;
      const start = this.at;
      const name = this.#labelName();
      this.blanks();
      if (this.text.charCodeAt(start) === QUOTE && (this.peek() === COMMA || this.peek() === CLOSING_BRACE)) {
        this.#metricNameInBraces(name, start);
        if (this.peek() === COMMA) this.at++;
        continue;
      }
      this.#expect(EQUALS, "an equals sign is missing");
      this.blanks();
      this.#expect(QUOTE, "a label value starts with a double quote");
      const value = this.#string("a label value", "label_value");
      if (name === "" || name === "__name__") {
        this.blame("label_name", name === "" ? "a label has an empty name" : "the label __name__ is reserved", start);
      }
      if (labels.length === FEW_LABELS) seen = new Set(labels.map((label) => label.name));
      if (seen === undefined ? hasName(labels, name) : seen.has(name)) {
        this.blame("duplicate_label", `the label ${clip(name)} comes twice`, start);
      } else if (labels.length > maxLabels) {
        // What is beyond is only read to its end.
        this.#tooMany(start);
      } else {
        // A bucket or quantile has one more than its sample.
        seen?.add(name);
        labels.push({ name, value });
      }
      this.blanks();
      if (this.peek() !== CLOSING_BRACE) this.#expect(COMMA, "a comma or closing brace is missing");
    }
    this.at++;
    return labels;
  }

  #tooMany(at: number) {
    this.blame("labels", `a sample has more than ${this.#options.maxLabels} labels`, at);
    // Where nobody listens, reading on would be in vain.
    if (this.#options.onFault === undefined) this.report(this.fault!, { name: "", labels: [] });
  }

  #labelName(): string {
    const start = this.at;
    if (this.peek() === QUOTE) {
      this.at++;
      return this.#string("a name", "label_name");
    }
    const name = this.#classes(LABEL_START, LABEL);
    const whole = this.#unquoted(start);
    if (whole === "") this.refuse("a label has no name, or one that no label can have");
    if (whole !== name) this.blame("label_name", `the name ${clip(whole)} of a label must stand in quotes`, start);
    return whole;
  }

  #metricNameInBraces(name: string, at: number) {
    if (this.quotedName !== undefined) this.refuse("a line has two names of a metric", at);
    // What stands in it was taken for the name of a label.
    if (this.fault !== undefined && this.fault.at >= at) this.fault = { ...this.fault, rule: "family_name" };
    if (name === "") this.blame("family_name", "a metric has an empty name", at);
    this.quotedName = name;
  }

  /** The text behind an opening quote, with its closing one. */
  #string(what: string, rule: FaultRule): string {
    const { text, at: start } = this;
    const end = text.indexOf('"', start);
    if (this.#backslash < start) this.#backslash = indexFrom(text, "\\", start);
    if (this.#backslash < end || end < 0 || end >= this.end) return this.#escapedString(what, rule);
    this.at = end + 1;
    return text.slice(start, end);
  }

  #escapedString(what: string, rule: FaultRule): string {
    const { text, at: start } = this;
    for (let at = start; at < this.end; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return text.slice(start, at).replace(/\\([\\"n])/g, (_, letter) => letter === "n" ? "\n" : letter);
      }
      if (code === BACKSLASH) {
        const letter = ++at < this.end ? text[at] : "";
        if (letter === "") this.refuse('an escape is none of \\\\, \\" and \\n', at - 1);
        if (letter !== "\\" && letter !== '"' && letter !== "n") {
          this.blame(rule, 'an escape is none of \\\\, \\" and \\n', at - 1);
        }
      }
    }
    return this.refuse(`${what} has no end`, start);
  }

  #expect(code: number, otherwise: string) {
    if (this.peek() !== code) this.refuse(otherwise);
    this.at++;
  }

  /** Goes behind characters by the classes of the first and the further ones. */
  #classes(first: number, further: number): string {
    const { text } = this;
    const start = this.at;
    let at = start;
    for (let wanted = first; at < this.end; at++, wanted = further) {
      const code = text.charCodeAt(at);
      if (code > 127 || (CLASSES[code] & wanted) === 0) break;
    }
    this.at = at;
    return text.slice(start, at);
  }

  /** Goes to the end of a name that may have characters that it must not have out of quotes. */
  #unquoted(start: number): string {
    for (; this.at < this.end; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code < 128 && NAME_END[code] === 1) break;
    }
    return this.text.slice(start, this.at);
  }
}

/** Where a text first stands at or behind a place; infinitely far where it does not. */
function indexFrom(text: string, part: string, from: number): number {
  const at = text.indexOf(part, from);
  return at < 0 ? Infinity : at;
}

function hasName(labels: readonly Label[], name: string): boolean {
  for (let i = 0; i < labels.length; i++) {
    if (labels[i].name === name) return true;
  }
  return false;
}

/** The text before the first byte that is not UTF-8. */
function validPrefix(bytes: Uint8Array): string {
  let prefix = "";
  let length = 0;
  // Where the decoder stops it writes U+FFFD, which the text may also hold by itself, as three bytes.
  for (const part of new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split("\ufffd")) {
    prefix += part;
    length += Buffer.byteLength(part);
    if (bytes[length] !== 0xef || bytes[length + 1] !== 0xbf || bytes[length + 2] !== 0xbd) break;
    prefix += "\ufffd";
    length += 3;
  }
  return prefix;
}

/** The number that Go's `strconv.ParseFloat` reads; undefined where it reads none, and for what `expfmt` rules out. */
export function parseNumber(text: string): number | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || (CLASSES[code] & NUMBER) === 0) return parseSpecial(text);
  }
  // On these characters JavaScript's notation of numbers is Go's. One out of range becomes infinite: both refuse it.
  const value = text === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function parseSpecial(text: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return /^nan$/i.test(text) ? NaN : undefined;
}
