/**
 * The strings of a request of remote write, each of which has a number: the second version sends them, by the first it is known by
 * their numbers where they were.
 *
 * @module
 */

import { copy, equal, hashBytes, scatter } from "./bytes.ts";
import { writeVarint } from "./varint.ts";

/** The most strings that are numbered: in 2.0 the next ones go in another request, in 1.0 they are not known again. */
export const MAX_SYMBOLS: u32 = 32_768;
/** Slots of a table of strings, at most half of which are taken: so few at first, as what is small stays near, and so many at most. */
const FIRST_SLOTS: u32 = 1 << 12;
const MOST_SLOTS: u32 = 2 * MAX_SYMBOLS;
const SLOT_BYTES: usize = 16;
const SYMBOL_BYTES: usize = 3 << 20;
/** Slots tried for one string: more are taken in a row only by intent, and the string gets a number of its own then. */
const MAX_PROBES: u32 = 64;

/** Where the strings of the request end. */
export let symbolsTo: usize = 0;

let tableAt: usize = 0;
let slots: u32 = 0;
let symbolsFrom: usize = 0;
let symbolCount: u32 = 0;
/** Tells the slots of this request from those of the ones before. */
let request: u32 = 0;
let seed: u64 = 0;

/** Lays out memory for strings, and returns where it ends. */
export function layOutSymbols(at: usize, keyed: u32): usize {
  tableAt = at + 15 & ~15;
  symbolsFrom = tableAt + MOST_SLOTS * SLOT_BYTES;
  seed = (<u64> keyed << 32) ^ 0x9e3779b97f4a7c15;
  request = 0;
  return symbolsFrom + SYMBOL_BYTES;
}

/** Starts on a request. */
export function openSymbols(): void {
  symbolsTo = symbolsFrom;
  symbolCount = 0;
  slots = FIRST_SLOTS;
  request++;
  // The first number stands for nothing.
  numberOf(0, 0);
}

/** Where the strings of the request start. */
export function symbolsStart(): usize {
  return symbolsFrom;
}

/** The hash of a string. */
export function hashOfString(at: usize, length: usize): u32 {
  return scatter(hashBytes(seed, at, length));
}

/** The number of a string in the request at hand; 0 if there is no room for it. */
export function numberOf(at: usize, length: usize): u32 {
  return numberOfHashed(hashOfString(at, length), at, length);
}

/** The same of a string before which its {@linkcode hashOfString} and its length stand, four bytes each. */
export function numberOfKnown(at: usize): u32 {
  return numberOfHashed(load<u32>(at), at + 8, load<u32>(at + 4));
}

function numberOfHashed(hash: u32, at: usize, length: usize): u32 {
  let slot = hash & slots - 1, entry: usize = 0;
  for (let probes: u32 = 0; probes < MAX_PROBES; probes++, slot = slot + 1 & slots - 1) {
    entry = tableAt + slot * SLOT_BYTES;
    if (load<u32>(entry) !== request) break;
    if (load<u32>(entry + 4) !== hash) continue;
    const known = load<u32>(entry + 8);
    if (lengthBefore(known) === length && equal(known, at, length)) return load<u32>(entry + 12);
  }
  if (symbolCount === MAX_SYMBOLS || symbolsTo + length + 32 > symbolsFrom + SYMBOL_BYTES) return 0;
  store<u8>(symbolsTo, 0x22);
  const start = writeVarint(symbolsTo + 1, length);
  if (load<u32>(entry) !== request) fill(entry, hash, start, symbolCount);
  symbolsTo = copy(at, length, start);
  if (++symbolCount === slots / 2 && slots < MOST_SLOTS) grow();
  return symbolCount - 1;
}

function fill(entry: usize, hash: u32, at: usize, number: u32): void {
  store<u32>(entry, request);
  store<u32>(entry + 4, hash);
  store<u32>(entry + 8, <u32> at);
  store<u32>(entry + 12, number);
}

/** Puts all strings into a table of twice the size. */
function grow(): void {
  slots *= 2;
  request++;
  let number: u32 = 0;
  for (let at = symbolsFrom; at < symbolsTo; number++) {
    let length: usize = 0, shift: usize = 0, byte: usize;
    do {
      byte = load<u8>(++at);
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    at++;
    const hash = hashOfString(at, length);
    let slot = hash & slots - 1;
    for (let probes: u32 = 0; probes < MAX_PROBES; probes++, slot = slot + 1 & slots - 1) {
      if (load<u32>(tableAt + slot * SLOT_BYTES) === request) continue;
      fill(tableAt + slot * SLOT_BYTES, hash, at, number);
      break;
    }
    at += length;
  }
}

/** The length that stands before a string. */
function lengthBefore(at: usize): usize {
  let length: usize = load<u8>(at - 1);
  for (let i = at - 2; load<u8>(i) >= 0x80; i--) length = length << 7 | load<u8>(i) & 0x7f;
  return length;
}
