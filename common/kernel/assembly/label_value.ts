/**
 * Label values, escaped as the text format has them.
 *
 * @module
 */

import { head, mix } from "./bytes.ts";
import { fail } from "./protobuf.ts";
import { NOT_UTF8 } from "./status.ts";

/** Of the values written since it was last set: equal for equal values. */
export let valuesHash: u64 = 0;

/** Sets the hash. */
export function setValuesHash(hash: u64): void {
  valuesHash = hash;
}

/** Not zero in the highest bit of bytes that are not ASCII, or that are a quote, a backslash or a line feed. */
function suspicion(block: v128): v128 {
  return v128.or(
    v128.or(block, i8x16.eq(block, i8x16.splat(0x22))),
    v128.or(i8x16.eq(block, i8x16.splat(0x5c)), i8x16.eq(block, i8x16.splat(0x0a))),
  );
}

/**
 * Writes a value and returns where it ends, or 0 where it is not UTF-8, which is told as a fault. There must be room for
 * twice its bytes and sixteen.
 */
export function writeValue(from: usize, length: usize, to: usize): usize {
  let hash = valuesHash + length;
  // The common value has nothing to escape and is ASCII. Whether that is so is known when all of it is written.
  let suspect = i8x16.splat(0);
  let rest = length;
  for (let at = from, out = to;; rest -= 16, at += 16, out += 16) {
    const block = head(at, min<usize>(rest, 16));
    v128.store(out, block);
    suspect = v128.or(suspect, suspicion(block));
    hash = mix(hash, block);
    if (rest <= 16) break;
  }
  valuesHash = hash;
  return i8x16.bitmask(suspect) === 0 ? to + length : escaped(from, from + length, to);
}

function escaped(at: usize, end: usize, to: usize): usize {
  while (at < end) {
    const symbol = load<u8>(at);
    if (symbol >= 0x80) {
      const size = utf8Size(at, end);
      if (size === 0) {
        fail(NOT_UTF8, at);
        return 0;
      }
      for (let i: usize = 0; i < size; i++) store<u8>(to + i, load<u8>(at + i));
      at += size;
      to += size;
      continue;
    }
    if (symbol === 0x22 || symbol === 0x5c || symbol === 0x0a) store<u8>(to++, 0x5c);
    store<u8>(to++, symbol === 0x0a ? 0x6e : symbol);
    at++;
  }
  return to;
}

/** How many bytes the UTF-8 sequence at `at` has (2 to 4), 0 if it is none (Unicode 15, table 3-7). */
function utf8Size(at: usize, end: usize): usize {
  const first = load<u8>(at);
  const size: usize = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > end) return 0;
  const second = load<u8>(at + 1);
  const low: u8 = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high: u8 = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i: usize = 2; i < size; i++) {
    if ((load<u8>(at + i) & 0xc0) !== 0x80) return 0;
  }
  return size;
}
