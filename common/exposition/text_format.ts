/**
 * The Prometheus text format 0.0.4, from and to the object model. The server's own pages are not written here but made of
 * lines that `server/ingest/` wrote on arrival; the two agree on every byte.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { FamilyAssembler } from "./family_assembly.ts";
import {
  type DistributionType,
  type HistogramValue,
  type Label,
  LimitError,
  METRIC_TYPES,
  type MetricFamily,
  type ParseLimits,
  POINT_LABEL,
  SUFFIX,
  type SummaryValue,
} from "./metric_family.ts";

/** The media type of the text format. */
export const TEXT_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What an ASCII character may be part of. */
const METRIC_START = 1, METRIC = 2, LABEL_START = 4, LABEL = 8, NUMBER = 16;
const CLASSES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return (/[a-zA-Z_]/.test(character) ? METRIC_START | METRIC | LABEL_START | LABEL : 0) |
    (character === ":" ? METRIC_START | METRIC : 0) |
    (/\d/.test(character) ? METRIC | LABEL | NUMBER : 0) |
    (/[-+.eE]/.test(character) ? NUMBER : 0);
});

const TAB = 0x09, SPACE = 0x20, QUOTE = 0x22, HASH = 0x23, COMMA = 0x2c, EQUALS = 0x3d, BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b, CLOSING_BRACE = 0x7d;

/** Above so many labels, names that repeat are found with a set: comparing each with each would take quadratic time. */
const FEW_LABELS = 16;

/**
 * Reads text as `expfmt` of Go does (`text_parse.go`), with these liberties: the last line may lack its line feed, blanks
 * may end a line, lines of a family may stand apart with its comments again, and an unknown escape in a help text stands
 * for itself. Buckets and quantiles are put in order. A sample without a `# TYPE` is untyped, a family without samples is
 * left out. Lines of a histogram or summary that say nothing, and timestamps and counts beyond 2^53, are refused.
 *
 * Takes time and memory in proportion to the text, whatever it holds.
 *
 * @throws {SyntaxError} if the text is not in the format or not UTF-8, with the line and the offset in bytes.
 * @throws {LimitError} if it holds more than a limit allows; each line counts as a series.
 */
export function parseText(bytes: Uint8Array, limits: ParseLimits): MetricFamily[] {
  return new TextReader(decode(bytes), limits).read();
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const valid = validPrefix(bytes);
    throw new SyntaxError(sentence("it is not UTF-8", valid.split("\n").length, Buffer.byteLength(valid)), { cause });
  }
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

function sentence(why: string, line: number, offset: number): string {
  return `Cannot read the text format: ${why}, in line ${line} at offset ${offset}`;
}

/** A cursor over the text; whatever it reads ends with the line. */
class TextReader {
  readonly #text: string;
  readonly #limits: ParseLimits;
  readonly #assembler: FamilyAssembler;
  /** The cursor, the end of its line, and the number of that. */
  #at = 0;
  #end = 0;
  #line = 0;
  #series = 0;

  constructor(text: string, limits: ParseLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#assembler = new FamilyAssembler({ limits, parseNumber, fail: (why) => this.#fail(why) });
  }

  read(): MetricFamily[] {
    const text = this.#text;
    for (let next = 0; next < text.length; next = this.#end + 1) {
      this.#at = next;
      const feed = text.indexOf("\n", next);
      this.#end = feed < 0 ? text.length : feed;
      this.#line++;
      this.#blanks();
      if (this.#at === this.#end) continue;
      if (this.#peek() === HASH) this.#comment();
      else this.#sample();
    }
    return this.#assembler.finish();
  }

  #comment() {
    this.#at++;
    this.#blanks();
    const keyword = this.#word();
    if (keyword !== "TYPE" && keyword !== "HELP") return;
    this.#blanks();
    // Go passes over a comment that ends here or behind the name.
    if (this.#at === this.#end) return;
    const name = this.#name(METRIC_START, METRIC);
    if (this.#at < this.#end && !this.#blanks()) this.#fail(`a # ${keyword} has a name that no metric can have`);
    if (this.#at === this.#end) return;
    const rest = this.#text.slice(this.#at, this.#end);
    if (keyword === "HELP") this.#assembler.help(name, unescapeHelp(rest));
    else {
      const word = rest.trimEnd().toLowerCase();
      const type = METRIC_TYPES.find((known) => known === word && known !== "gauge_histogram");
      if (type === undefined) this.#fail("this is not a type of metric");
      else this.#assembler.type(name, type);
    }
  }

  #sample() {
    if (this.#series++ === this.#limits.maxSeries) {
      throw new LimitError(`Cannot take more than ${this.#limits.maxSeries} series`);
    }
    const name = this.#name(METRIC_START, METRIC);
    if (name === "") this.#fail("a line starts with the name of a metric");
    this.#blanks();
    const labels = this.#peek() === OPENING_BRACE ? this.#labels() : [];
    this.#blanks();
    const start = this.#at;
    const value = parseNumber(this.#word());
    if (value === undefined) return this.#fail("a value is missing or not a number", start);
    this.#blanks();
    const timestampMs = this.#at < this.#end ? this.#timestamp() : undefined;
    this.#assembler.add({ name, labels, value, timestampMs });
  }

  #timestamp(): number {
    const start = this.#at;
    const word = this.#word();
    const timestampMs = /^[+-]?\d+$/.test(word) ? Number(word) : NaN;
    if (!Number.isSafeInteger(timestampMs)) this.#fail("this is not a timestamp in milliseconds", start);
    this.#blanks();
    if (this.#at < this.#end) this.#fail("something follows the timestamp");
    return timestampMs;
  }

  #labels(): Label[] {
    const labels: Label[] = [];
    let seen: Set<string> | undefined;
    this.#at++;
    for (;;) {
      this.#blanks();
      if (this.#peek() === CLOSING_BRACE) break;
      const start = this.#at;
      const name = this.#name(LABEL_START, LABEL);
      if (name === "") this.#fail("a label has no name, or one that no label can have");
      if (name === "__name__") this.#fail("the label __name__ is reserved", start);
      this.#blanks();
      this.#expect(EQUALS, "an equals sign is missing");
      this.#blanks();
      this.#expect(QUOTE, "a label value starts with a double quote");
      if (labels.length === this.#limits.maxLabels) {
        throw new LimitError(`Cannot take more than ${this.#limits.maxLabels} labels on a series`);
      }
      if (labels.length === FEW_LABELS) seen = new Set(labels.map((label) => label.name));
      if (seen === undefined ? labels.some((label) => label.name === name) : seen.has(name)) {
        this.#fail(`the label ${name} comes twice`, start);
      }
      seen?.add(name);
      labels.push({ name, value: this.#labelValue() });
      this.#blanks();
      if (this.#peek() !== CLOSING_BRACE) this.#expect(COMMA, "a comma or closing brace is missing");
    }
    this.#at++;
    return labels;
  }

  /** The value behind an opening quote, with its closing one. */
  #labelValue(): string {
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    for (let at = start; at < this.#end; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        const raw = text.slice(start, at);
        return escaped ? raw.replace(/\\(.)/g, (_, letter) => letter === "n" ? "\n" : letter) : raw;
      }
      if (code === BACKSLASH) {
        escaped = true;
        const letter = ++at < this.#end ? text[at] : "";
        if (letter !== "\\" && letter !== '"' && letter !== "n") {
          this.#fail('an escape is none of \\\\, \\" and \\n', at - 1);
        }
      }
    }
    return this.#fail("a label value has no end", start);
  }

  /** The code of the character at the cursor, 0 at the end of the line. */
  #peek(): number {
    return this.#at < this.#end ? this.#text.charCodeAt(this.#at) : 0;
  }

  #expect(code: number, otherwise: string) {
    if (this.#peek() !== code) this.#fail(otherwise);
    this.#at++;
  }

  /** Goes behind blanks and tells whether there were any. */
  #blanks(): boolean {
    const start = this.#at;
    for (let code = this.#peek(); code === SPACE || code === TAB; code = this.#peek()) this.#at++;
    return this.#at > start;
  }

  /** What stands before the next blank. */
  #word(): string {
    const start = this.#at;
    for (; this.#at < this.#end; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === SPACE || code === TAB) break;
    }
    return this.#text.slice(start, this.#at);
  }

  /** A name by the classes of its first and its further characters; empty if there is none. */
  #name(first: number, further: number): string {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    for (let wanted = first; at < this.#end; at++, wanted = further) {
      const code = text.charCodeAt(at);
      if (code > 127 || (CLASSES[code] & wanted) === 0) break;
    }
    this.#at = at;
    return text.slice(start, at);
  }

  #fail(why: string, position: number = this.#at): never {
    throw new SyntaxError(sentence(why, this.#line, Buffer.byteLength(this.#text.slice(0, position))));
  }
}

/** The number that Go's `strconv.ParseFloat` reads; undefined where it reads none, and for what `expfmt` rules out. */
function parseNumber(text: string): number | undefined {
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

function unescapeHelp(text: string): string {
  return text.replace(/\\[\\n]/g, (escape) => escape === "\\n" ? "\n" : "\\");
}

/** Writes a number so that Go, Prometheus and JavaScript read the same double back. */
export function formatValue(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Escapes a label value: backslash, double quote and line feed. */
export function escapeLabelValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/**
 * Writes families as text, with or without timestamps. Those without a type, and samples without a value, are left out.
 * The format wants each name once: it is for the caller to merge families of one name.
 */
export function formatText(
  families: Iterable<MetricFamily>,
  { timestamps = true }: { timestamps?: boolean } = {},
): Uint8Array {
  const lines: string[] = [];
  for (const { name, help, type, metrics } of families) {
    if (type === undefined) continue;
    if (help !== undefined) lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
    lines.push(`# TYPE ${name} ${type}`);
    for (const { labels, value, timestampMs } of metrics) {
      if (value === undefined) continue;
      const time = timestamps && timestampMs !== undefined ? ` ${timestampMs}` : "";
      const own = labels.map((label) => `${label.name}="${escapeLabelValue(label.value)}"`);
      const line = (suffix: string, number: number, point: readonly string[] = []) => {
        const all = [...own, ...point].join();
        lines.push(`${name}${suffix}${all && `{${all}}`} ${formatValue(number)}${time}`);
      };
      if (typeof value === "number") line("", value);
      else writeDistribution(value, line);
    }
  }
  return new TextEncoder().encode(lines.map((line) => line + "\n").join(""));
}

function point(type: DistributionType, key: number): string[] {
  return [`${POINT_LABEL[type]}="${formatValue(key)}"`];
}

function writeDistribution(
  value: SummaryValue | HistogramValue,
  line: (suffix: string, number: number, point?: readonly string[]) => void,
) {
  if ("quantiles" in value) {
    for (const { quantile, value: at } of value.quantiles) line("", at, point("summary", quantile));
  } else {
    for (const { upperBound, count } of value.buckets) line(SUFFIX.bucket, count, point("histogram", upperBound));
    if (value.buckets.at(-1)?.upperBound !== Infinity) line(SUFFIX.bucket, value.count, point("histogram", Infinity));
  }
  line(SUFFIX.sum, value.sum);
  line(SUFFIX.count, value.count);
}
