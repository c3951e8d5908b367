/**
 * Writes lines of the text format 0.0.4 into one growing buffer that is used again for every push.
 *
 * @module
 */

import { formatValue } from "../common/text_format.ts";

/** Bytes that a label value cannot carry as they are: 1 to be escaped, 2 not ASCII. */
const SPECIAL = (() => {
  const table = new Uint8Array(256).fill(2, 128);
  for (const byte of [0x22, 0x5c, 0x0a]) table[byte] = 1;
  return table;
})();

/** The buffer and where writing stands. Callers reserve room before they write. */
export class LineWriter {
  /** The buffer; replaced when it grows. */
  bytes: Uint8Array = new Uint8Array(1 << 18);
  /** A view of the buffer. */
  view = new DataView(this.bytes.buffer);
  /** How much of it is written. */
  length = 0;

  /** Makes room for `more` bytes behind what is written. */
  reserve(more: number) {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + more, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Appends bytes as they are. */
  raw(source: Uint8Array) {
    const { bytes } = this;
    let out = this.length;
    // Names and label heads are short: below some tens of bytes a loop beats `set`, which is a call out of the engine.
    if (source.length > 48) {
      bytes.set(source, out);
      out += source.length;
    } else {
      for (let i = 0; i < source.length; i++) bytes[out++] = source[i];
    }
    this.length = out;
  }

  /** Appends one byte. */
  byte(value: number) {
    this.bytes[this.length++] = value;
  }

  /** Appends again what stands at `start` to `end`. */
  again(start: number, end: number) {
    this.bytes.copyWithin(this.length, start, end);
    this.length += end - start;
  }

  /**
   * Appends a label value, escaped. Room for twice its bytes must be reserved.
   *
   * @returns the offset of the first byte that is not UTF-8, or -1 if all of it is.
   */
  labelValue(source: Uint8Array, start: number, end: number): number {
    const { bytes } = this;
    let out = this.length;
    for (let at = start; at < end; at++) {
      const byte = source[at];
      const special = SPECIAL[byte];
      if (special !== 0) {
        if (special === 1) {
          bytes[out++] = 0x5c;
          bytes[out++] = byte === 0x0a ? 0x6e : byte;
          continue;
        }
        const size = utf8Size(source, at, end);
        if (size === 0) return at;
        for (const stop = at + size - 1; at < stop; at++) bytes[out++] = source[at];
        bytes[out++] = source[at];
        continue;
      }
      bytes[out++] = byte;
    }
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
export function utf8Size(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > end) return 0;
  const second = bytes[at + 1];
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) {
    if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  }
  return size;
}
