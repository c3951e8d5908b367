/**
 * Writes lines of the text format 0.0.4 into one growing buffer that is used again for every push.
 *
 * @module
 */

import { formatValue } from "../../common/exposition/text_format.ts";

/** Room for what stands around a label's value: quotes, commas, and what copies in words write past their end. */
export const LABEL_ROOM = 8;
/** Room for what a line has besides its name and labels: braces, a number, the line feed. */
export const LINE_ROOM = 64;

/** The buffer doubles up to this, and grows by it from there on: what a bomb made of it stays for good. */
const MOST_GROWTH_BYTES = 8 * 1_048_576;

const QUOTE = 0x22, COMMA = 0x2c, OPEN = 0x7b, CLOSE = 0x7d, SPACE = 0x20, LINE_FEED = 0x0a;

/** Constant bytes, ready to be copied in words: padded with zeros to a multiple of four. */
export interface Constant {
  /** The bytes, four to a word, padded with zeros. */
  readonly words: Int32Array;
  /** How many bytes there are without the padding. */
  readonly length: number;
  /** Stands for the bytes in a series' hash. */
  readonly hash: number;
}

const encoder = new TextEncoder();

/** Prepares constant bytes. */
export function constant(text: string): Constant {
  const words = asciiWords(text);
  if (words !== undefined) return { words, length: text.length, hash: words.reduce(mix, text.length) };
  const bytes = encoder.encode(text);
  const padded = new Int32Array((bytes.length + 3) >>> 2);
  new Uint8Array(padded.buffer).set(bytes);
  return { words: padded, length: bytes.length, hash: padded.reduce(mix, bytes.length) };
}

/** A text's bytes where all of it is ASCII, at a third of the encoder's cost for something short. */
function asciiWords(text: string): Int32Array | undefined {
  const words = new Int32Array((text.length + 3) >>> 2);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return undefined;
    words[i >>> 2] |= code << 8 * (i & 3);
  }
  return words;
}

/** Takes a word into a hash. */
function mix(hash: number, word: number): number {
  return Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
}

/**
 * The buffer and where writing stands. Callers reserve room before they write, and eight bytes to spare, as copies go by words.
 */
export class LineWriter {
  /** The buffer; replaced when it grows. */
  bytes: Uint8Array = new Uint8Array(1 << 18);
  /** A view of the buffer. */
  view = new DataView(this.bytes.buffer);
  /** How much of it is written. */
  length = 0;
  /** Of the label values written since it was last set: equal for equal values, whatever they hold. */
  hash = 0;

  /** Makes room for `more` bytes behind what is written. */
  reserve(more: number) {
    if (this.length + more <= this.bytes.length) return;
    const step = Math.min(this.bytes.length, MOST_GROWTH_BYTES);
    const grown = new Uint8Array(Math.max(this.length + more, this.bytes.length + step));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Appends constant bytes, and what pads them behind the end, where the next write goes over it. */
  constant({ words, length }: Constant) {
    const { view } = this;
    let out = this.length;
    for (let i = 0; i < words.length; i++, out += 4) view.setInt32(out, words[i], true);
    this.length += length;
  }

  /** Appends what another writer holds. */
  all(other: LineWriter) {
    this.bytes.set(other.bytes.subarray(0, other.length), this.length);
    this.length += other.length;
  }

  /** Appends the brace that opens the labels. */
  openLabels() {
    this.bytes[this.length++] = OPEN;
  }

  /** Appends what ends a label: a quote, and the comma before the next one. */
  endLabel() {
    this.bytes[this.length++] = QUOTE;
    this.bytes[this.length++] = COMMA;
  }

  /** Turns the comma behind the last label into the closing brace; braces around nothing go. */
  closeLabels() {
    if (this.bytes[this.length - 1] === OPEN) this.length--;
    else this.bytes[this.length - 1] = CLOSE;
  }

  /** Appends the value of a line, and its end. */
  value(value: number) {
    this.bytes[this.length++] = SPACE;
    this.number(value);
    this.bytes[this.length++] = LINE_FEED;
  }

  /**
   * Appends a label value, escaped, and takes it into {@linkcode LineWriter.hash}. Room for twice its bytes must be reserved.
   *
   * @returns the offset of the first byte that is not UTF-8, or -1 if all of it is.
   */
  labelValue(source: DataView, start: number, end: number): number {
    if (end - start < 4) return this.#labelBytes(source, start, end);
    const { view } = this;
    let { hash } = this;
    let out = this.length;
    // Four bytes at a time, the last four overlapping those before. The common value has nothing to escape and is ASCII:
    // `suspect` gathers the high bit of each byte that is not, or that is a quote, a backslash or a line feed.
    let suspect = 0;
    const last = end - 4;
    for (let at = start; at < last; at += 4, out += 4) {
      const word = source.getInt32(at, true);
      suspect |= suspicion(word);
      view.setInt32(out, word, true);
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
    }
    const word = source.getInt32(last, true);
    suspect |= suspicion(word);
    if ((suspect & 0x80808080) !== 0) return this.#labelBytes(source, start, end);
    out = this.length + last - start;
    view.setInt32(out, word, true);
    this.hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1) + (end - start);
    this.length = out + 4;
    return -1;
  }

  #labelBytes(source: DataView, start: number, end: number): number {
    const { bytes } = this;
    let { hash } = this;
    let out = this.length;
    for (let at = start; at < end; at++) {
      let symbol = source.getUint8(at);
      if (symbol >= 0x80) {
        const size = utf8Size(source, at, end);
        if (size === 0) return at;
        bytes[out++] = symbol;
        // All of its bytes go into the hash, as the characters of a script share their first.
        for (let i = 1; i < size; i++) symbol = symbol << 8 | (bytes[out++] = source.getUint8(++at));
      } else {
        if (symbol === 0x22 || symbol === 0x5c || symbol === 0x0a) bytes[out++] = 0x5c;
        bytes[out++] = symbol === 0x0a ? 0x6e : symbol;
      }
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ symbol, 0x9e3779b1);
    }
    this.hash = hash + (end - start);
    this.length = out;
    return -1;
  }

  /** Appends a number as Go and Prometheus read it. Room for 32 bytes must be reserved. */
  number(value: number) {
    if (value >= 0 && value <= 999_999_999 && Number.isInteger(value) && !Object.is(value, -0)) {
      let digits = 1;
      for (let power = 10; power <= value; power *= 10) digits++;
      const { bytes } = this;
      let rest = value;
      for (let at = this.length + digits - 1; at >= this.length; at--) {
        const tenth = (rest / 10) | 0;
        bytes[at] = 0x30 + rest - 10 * tenth;
        rest = tenth;
      }
      this.length += digits;
      return;
    }
    this.ascii(formatValue(value));
  }

  /** Appends a short ASCII text. */
  ascii(text: string) {
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }
}

/** How many bytes the UTF-8 sequence at `at` has (2 to 4), 0 if it is none (Unicode 15, table 3-7). */
function utf8Size(bytes: DataView, at: number, end: number): number {
  const first = bytes.getUint8(at);
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > end) return 0;
  const second = bytes.getUint8(at + 1);
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) {
    if ((bytes.getUint8(at + i) & 0xc0) !== 0x80) return 0;
  }
  return size;
}

/**
 * Sets the high bit of every byte of a word that is not ASCII or that may be a quote, a backslash or a line feed; it may set
 * those of bytes behind such a one as well. (Mycroft's test for a zero byte.)
 */
function suspicion(word: number): number {
  const quote = word ^ 0x22222222, backslash = word ^ 0x5c5c5c5c, feed = word ^ 0x0a0a0a0a;
  return word | ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) |
    ((feed - 0x01010101) & ~feed);
}
