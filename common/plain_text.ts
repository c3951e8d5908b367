/**
 * What others wrote, as text for people: clipped, and without characters that could be taken for something else.
 *
 * Ids, names, addresses and sentences of clients and peers go through here where they become a part of a message or of a line in
 * the log, so that none of them can fill a log, a frame or a screen, break a line, or turn the rest of it around.
 *
 * @module
 */

import { wholeMs } from "./duration.ts";

/** The most bytes of UTF-8 that a message repeats of one thing, unless told otherwise. */
export const MAX_PLAIN_BYTES = 200;

/** The most bytes of a field of the log: a sentence may repeat several things. */
const MAX_FIELD_BYTES = 1_000;

/** Controls, format characters (those that turn the direction of text among them), breaks of lines, and halves of pairs. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const utf8 = new TextEncoder();

/** A text as people may read it: hidden characters are written as `\u{…}`, and what is too long ends in an ellipsis. */
export function plainText(text: string, { maxBytes = MAX_PLAIN_BYTES }: { readonly maxBytes?: number } = {}): string {
  // No UTF-16 unit takes less than a byte, so nothing further on can be repeated.
  const head = text.slice(0, maxBytes + 1);
  const plain = head.replaceAll(HIDDEN, (hidden) => `\\u{${hidden.codePointAt(0)!.toString(16)}}`);
  const room = new Uint8Array(maxBytes);
  if (utf8.encodeInto(plain, room).read === plain.length) return plain;
  return `${plain.slice(0, utf8.encodeInto(plain, room.subarray(3)).read)}…`;
}

/** Fields of a line in the log, of which every text, and every text in a list, is made plain, and milliseconds are whole. */
export function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(wholeMs(name, value))]));
}

function plainValue(value: unknown): unknown {
  if (typeof value === "string") return plainText(value, { maxBytes: MAX_FIELD_BYTES });
  return Array.isArray(value) ? value.map(plainValue) : value;
}

/** A text in quotes as people may read it, with the escapes of JSON; without the last quote if it is too long. */
export function quotedText(text: string): string {
  return plainText(JSON.stringify(text.slice(0, MAX_PLAIN_BYTES)));
}
