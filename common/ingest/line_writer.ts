/**
 * Writes to the memory of the kernel what the kernel leaves to others: numbers that are not small integers, and the lines of
 * summaries and histograms.
 *
 * @module
 */

import { formatBound, formatValue } from "../exposition/format_number.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** Room for what a line has besides its name and labels: braces, a number, the line feed. */
export const LINE_ROOM = 64;

const QUOTE = 0x22, COMMA = 0x2c, OPEN = 0x7b, CLOSE = 0x7d, SPACE = 0x20, LINE_FEED = 0x0a;

/** The memory, and where writing stands. Callers reserve room before they write. */
export class LineWriter {
  readonly #kernel: Kernel;
  /** Where the next byte goes. */
  at = 0;

  /** Writes to the memory of a kernel. */
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Makes room for so many bytes. */
  reserve(bytes: number) {
    this.#kernel.reserve(this.at + bytes);
  }

  /** Appends bytes. */
  append(bytes: Uint8Array) {
    this.#kernel.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Appends what ends a label: a quote, and the comma before the next one. */
  endLabel() {
    this.#kernel.bytes[this.at++] = QUOTE;
    this.#kernel.bytes[this.at++] = COMMA;
  }

  /** Turns the comma behind the last label into the closing brace; braces around nothing go. */
  closeLabels() {
    if (this.#kernel.bytes[this.at - 1] === OPEN) this.at--;
    else this.#kernel.bytes[this.at - 1] = CLOSE;
  }

  /** Appends the value of a line, and its end. */
  value(value: number) {
    this.#kernel.bytes[this.at++] = SPACE;
    this.number(value);
    this.#kernel.bytes[this.at++] = LINE_FEED;
  }

  /** Appends a bound or a quantile as Go writes it, since matchers depend on the text. Room for 32 bytes must be reserved. */
  bound(value: number) {
    this.#text(formatBound(value));
  }

  /** Appends a number as Go and Prometheus read it. Room for 32 bytes must be reserved. */
  number(value: number) {
    this.#text(formatValue(value));
  }

  #text(text: string) {
    const { bytes } = this.#kernel;
    for (let i = 0; i < text.length; i++) bytes[this.at++] = text.charCodeAt(i);
  }
}
