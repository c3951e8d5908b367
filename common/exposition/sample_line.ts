/**
 * Reads the samples of a text exposition: names, labels and values, in quotes or not.
 *
 * @module
 */

import { unescaped } from "./escapes.ts";
import type { Label } from "./metric_family.ts";
import { CLASSES, LABEL, LABEL_START, METRIC, METRIC_NAME_LABEL, METRIC_START, NUMBER } from "./names.ts";
import { PageCursor } from "./page_cursor.ts";
import { MAX_PLAIN_BYTES, plainText } from "../plain_text.ts";

const TAB = 0x09, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2c, EQUALS = 0x3d, BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b, CLOSING_BRACE = 0x7d;

/** Above so many labels, names that repeat are found with a set: comparing each with each would take quadratic time. */
const FEW_LABELS = 16;

/** What ends a name that is not in quotes, be it a classic one or not: 1 for each such ASCII character. */
const NAME_END = Uint8Array.from(
  { length: 128 },
  (_, code) => Number(' \t{}",=<>#'.includes(String.fromCharCode(code))),
);

/** A cursor that reads what samples are made of. */
export class SampleCursor extends PageCursor {
  /** The name of the metric of the line, once it was found. */
  #metric: string | undefined;
  /** Where the next backslash stands, seen from a place behind the one before. */
  #backslash = -1;

  /** The name of a metric in a comment, in quotes or not; undefined if it is none that a line could have. */
  commentName(): string | undefined {
    if (this.peek() === QUOTE) {
      this.at++;
      return this.#string("a name") || undefined;
    }
    const name = this.#classes(METRIC_START, METRIC);
    const code = this.peek();
    return code === 0 || code === SPACE || code === TAB ? name : undefined;
  }

  /** The name of a metric and its labels. */
  series(): { readonly name: string; readonly labels: Label[] } {
    const name = this.peek() === OPENING_BRACE ? undefined : this.#metricName();
    this.blanks();
    this.#metric = name;
    const labels = this.peek() === OPENING_BRACE ? this.#labels() : [];
    this.blanks();
    const whole = this.#metric ?? this.refuse("a line starts with the name of a metric");
    const { maxNameBytes = Infinity } = this.options;
    if (whole.length > maxNameBytes) {
      this.fault = undefined;
      this.blame("family_name", `the name of a metric is longer than ${maxNameBytes} bytes`, this.start);
    }
    return { name: whole, labels };
  }

  /** The value of a sample; NaN, with a fault, where it is beyond what a number can be. */
  value(): number {
    const start = this.at;
    const word = this.word();
    const value = parseNumber(word);
    if (value !== undefined) return value;
    // Only what has the form of a number, and so becomes infinite, can have come from something that means one.
    if (Math.abs(Number(word)) !== Infinity) return this.refuse("a value is missing or not a number", start);
    this.blame("value", () => `a value is missing or not a number: ${plainText(word)} is out of range`, start);
    return NaN;
  }

  /** Leaves out a sample whose line is too long to be read; of its name as much is told as a message may repeat. */
  leaveOutLong(): void {
    const { start, end, options: { maxLineLength } } = this;
    const [name] = /^[^ \t{]*/.exec(this.text.slice(start, Math.min(end, start + MAX_PLAIN_BYTES + 1)))!;
    const why = `its line has ${end - start} characters, where ${maxLineLength} are the most`;
    this.report({ rule: "line_length", why, at: start }, { name, labels: [] });
  }

  #metricName(): string | undefined {
    const start = this.at;
    const name = this.#classes(METRIC_START, METRIC);
    const whole = this.#unquoted(start);
    if (whole === "") return undefined;
    if (whole === name) return name;
    this.blame(
      "family_name",
      () => `the name ${plainText(whole)} of a metric must stand in quotes, within braces`,
      start,
    );
    return whole;
  }

  #labels(): Label[] {
    const labels: Label[] = [];
    const { maxLabels } = this.options;
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
      const value = this.#string("a label value");
      if (name === "" || name === METRIC_NAME_LABEL) {
        this.blame(
          "label_name",
          name === "" ? "a label has an empty name" : `the label ${METRIC_NAME_LABEL} is reserved`,
          start,
        );
      }
      if (labels.length === FEW_LABELS) seen = new Set(labels.map((label) => label.name));
      if (seen === undefined ? hasName(labels, name) : seen.has(name)) {
        this.blameRepeat(name, start);
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
    this.blame("labels", () => `a sample has more than ${this.options.maxLabels} labels`, at);
    // Where nobody listens, reading on would be in vain.
    if (this.options.onFault === undefined) this.report(this.fault!, { name: "", labels: [] });
  }

  #labelName(): string {
    const start = this.at;
    if (this.peek() === QUOTE) {
      this.at++;
      return this.#string("a name");
    }
    const name = this.#classes(LABEL_START, LABEL);
    const whole = this.#unquoted(start);
    if (whole === "") this.refuse("a label has no name, or one that no label can have");
    if (whole !== name) {
      this.blame("label_name", () => `the name ${plainText(whole)} of a label must stand in quotes`, start);
    }
    return whole;
  }

  #metricNameInBraces(name: string, at: number) {
    if (this.#metric !== undefined) this.refuse("a line has two names of a metric", at);
    if (name === "") this.blame("family_name", "a metric has an empty name", at);
    this.#metric = name;
  }

  /** The text behind an opening quote, with its closing one. */
  #string(what: string): string {
    const { text, at: start } = this;
    const end = text.indexOf('"', start);
    if (this.#backslash < start) this.#backslash = indexFrom(text, "\\", start);
    if (this.#backslash < end || end < 0 || end >= this.end) return this.#escapedString(what);
    this.at = end + 1;
    return text.slice(start, end);
  }

  #escapedString(what: string): string {
    const { text, at: start } = this;
    for (let at = start; at < this.end; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return unescaped(text.slice(start, at), { quotes: true });
      }
      if (code === BACKSLASH) {
        const letter = ++at < this.end ? text[at] : "";
        if (letter === "") this.refuse('an escape is none of \\\\, \\" and \\n', at - 1);
        if (letter !== "\\" && letter !== '"' && letter !== "n") {
          this.blame("escape", 'an escape is none of \\\\, \\" and \\n', at - 1);
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
