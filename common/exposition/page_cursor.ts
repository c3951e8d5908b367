/**
 * Goes through a page of text line by line, and tells where in it something is wrong.
 *
 * @module
 */

// Loaded when something is wrong with a page, since only then it is counted in bytes.
import defer * as node from "node:buffer";
import { type Label, LimitError, type ParseLimits } from "./metric_family.ts";
import { plainText } from "../plain_text.ts";
import { clipLabels, type FaultRule, type SampleFault } from "./sample_fault.ts";

/** Bytes of the longest character of UTF-8. */
const LONGEST_CHARACTER = 4;

const TAB = 0x09, LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, SPACE = 0x20;

/** What is wrong with a line that is otherwise as the format has it. */
export interface LineFault {
  /** The rule that it breaks. */
  readonly rule: FaultRule;
  /** What is wrong, as a clause; it is only put into words for whoever hears of it. */
  readonly why: string | (() => string);
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
  /** Asked before a fault is put into words: true if it has counted the sample itself, and nobody wants to hear more of it. */
  readonly isCounted?: (rule: FaultRule) => boolean;
  /**
   * The longest line of a sample that is read, in UTF-16 units; a longer one is left out as it stands, and a longer comment is
   * passed over.
   *
   * @default {Infinity}
   */
  readonly maxLineLength?: number;
  /**
   * The longest name of a metric, in bytes of UTF-8 at least one of which each UTF-16 unit takes: samples of a longer one are left out,
   * and comments passed over, before anything else is done with it.
   *
   * @default {Infinity}
   */
  readonly maxNameBytes?: number;
  /** Hears of each label whose name comes twice on a sample, and can find out where it does; it may throw. */
  readonly onRepeatedLabel?: (label: string, place: () => { readonly line: number; readonly offset: number }) => void;
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
  /** How the page is read. */
  readonly options: PageOptions;
  readonly #format: string;
  /** Where the next line starts. */
  #next = 0;
  #isCrlf: boolean | undefined;
  /** A place in the text of which the offset in bytes is known. */
  #known = { at: 0, offset: 0 };

  /** Starts before the first line; a byte order mark is skipped. `format` names the format in messages. */
  constructor(bytes: Uint8Array, { format, options }: { format: string; options: PageOptions }) {
    this.#format = format;
    this.options = options;
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
      if (this.end > this.at && text.charCodeAt(this.end - 1) === CARRIAGE_RETURN) this.end--;
      this.blanks();
      if (this.at < this.end) {
        this.start = this.at;
        this.fault = undefined;
        return true;
      }
    }
    return false;
  }

  /** Whether the line is longer than what is read. */
  get isTooLong(): boolean {
    return this.end - this.start > (this.options.maxLineLength ?? Infinity);
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

  /** Notes a fault of the line, unless it has one already. */
  blame(rule: FaultRule, why: LineFault["why"], at: number = this.at): void {
    this.fault ??= { rule, why, at };
  }

  /** Reports a fault of a sample; where nobody listens, it refuses the page. */
  report({ rule, why, at, line = this.line }: LineFault & { line?: number }, sample: {
    readonly name: string;
    readonly labels: readonly Label[];
  }): void {
    const { onFault, isCounted, maxLabels } = this.options;
    if (onFault !== undefined) {
      if (isCounted?.(rule)) return;
      const [metric, labels] = [plainText(sample.name), clipLabels(sample.labels)];
      onFault({ rule, metric, labels, why: inWords(why), line, offset: this.#offsetOf(at) });
    } else if (rule === "labels") {
      throw new LimitError(`Cannot take more than ${maxLabels} labels on a series`, { limit: "labels" });
    } else this.refuse(inWords(why), at);
  }

  /** Blames a label whose name the sample has already. */
  blameRepeat(label: string, at: number): void {
    this.blame("duplicate_label", () => `the label ${plainText(label)} comes twice`, at);
    this.options.onRepeatedLabel?.(label, () => ({ line: this.line, offset: this.#offsetOf(at) }));
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
      const offset = validLength(bytes);
      const byte = bytes[offset].toString(16).padStart(2, "0");
      let line = 1;
      for (let at = 0; at < offset; at++) if (bytes[at] === LINE_FEED) line++;
      throw this.#malformed(`the byte 0x${byte} is not UTF-8`, { line, offset, cause });
    }
  }

  /** The offset in bytes of a place in the text; cheap where places come in their order. */
  #offsetOf(at: number): number {
    const known = this.#known.at <= at ? this.#known : { at: 0, offset: 0 };
    this.#known = { at, offset: known.offset + node.Buffer.byteLength(this.text.slice(known.at, at)) };
    return this.#known.offset;
  }
}

function inWords(why: LineFault["why"]): string {
  return typeof why === "string" ? why : why();
}

/** How many bytes stand before the first that is not UTF-8. */
function validLength(bytes: Uint8Array): number {
  let valid = 0, end = bytes.length;
  while (end - valid > LONGEST_CHARACTER) {
    let middle = (valid + end) >> 1;
    // Of what is UTF-8, three bytes in a row at most are not the first of a character.
    for (let i = 1; i < LONGEST_CHARACTER && (bytes[middle] & 0xc0) === 0x80; i++) middle--;
    if (middle <= valid) break;
    if (node.isUtf8(bytes.subarray(valid, middle))) valid = middle;
    else end = middle;
  }
  for (let length = 1; length <= LONGEST_CHARACTER; length++) {
    if (!node.isUtf8(bytes.subarray(valid, valid + length))) continue;
    valid += length;
    length = 0;
  }
  return valid;
}
