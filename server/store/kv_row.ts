/**
 * Tells rows that the store may have written from others, in the table of Deno KV's SQLite file.
 *
 * The forms are Deno KV's: a key is its parts one after another, each a tag and a value. Of the tags the store's keys have
 * 2, a UTF-8 string that ends with a zero and has `00 ff` for a zero inside, and 33, a double in eight bytes.
 *
 * @module
 */

import type { SQLOutputValue } from "node:sqlite";

/** What {@linkcode isSound} looks at, for a select. */
export const ROW_COLUMNS = "k, v_encoding, expiration_ms, typeof(v) as v_type";

const BYTES_ENCODING = 3;
const NEVER_EXPIRES = -1;
const STRING = 2;
const DOUBLE = 33;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Whether the store may have written a row. One that Deno KV cannot read would keep it from reading others too. */
export function isSound({ k, v_encoding, expiration_ms, v_type }: Record<string, SQLOutputValue>): boolean {
  return v_encoding === BYTES_ENCODING && expiration_ms === NEVER_EXPIRES && v_type === "blob" &&
    k instanceof Uint8Array && isKey(k);
}

function isKey(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++];
    if (tag === DOUBLE) {
      at += 8;
    } else if (tag === STRING) {
      const text: number[] = [];
      while (bytes[at] !== 0 || bytes[at + 1] === 0xff) {
        if (at >= bytes.length) return false;
        text.push(bytes[at]);
        at += bytes[at] === 0 ? 2 : 1;
      }
      at += 1;
      if (!isUtf8(text)) return false;
    } else {
      return false;
    }
  }
  return at === bytes.length;
}

function isUtf8(bytes: readonly number[]): boolean {
  try {
    decoder.decode(new Uint8Array(bytes));
    return true;
  } catch {
    return false;
  }
}
