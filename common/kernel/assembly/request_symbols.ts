/**
 * The strings of a request of remote write of the second version, each of which has a number.
 *
 * @module
 */

import { copy, equal, hashBytes, scatter } from "./bytes.ts";
import { writeVarint } from "./varint.ts";

/** Slots of a table of strings, at most half of which are taken: so few at first, as what is small stays near, and so many at most. */
const FIRST_SLOTS: u32 = 1 << 12;
const MOST_SLOTS: u32 = 1 << 16;
const SLOT_BYTES: usize = 16;
const SYMBOL_BYTES: usize = 3 << 20;
/** Of how many labels of a line the strings are remembered for the next one; the last place is for all further ones. */
const MOST_RECALLED: usize = 32;
/** Of each string: where it is among those of the request, how long, its number. */
const RECALL_BYTES: usize = 12;
const RECALLS: usize = memory.data(768, 16);

/** Where the strings of the request end. */
export let symbolsTo: usize = 0;

let tableAt: usize = 0;
let slots: u32 = 0;
let symbolsFrom: usize = 0;
let symbolCount: u32 = 0;
/** Where the string is that was looked up last. */
let foundAt: usize = 0;
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

/** Starts on a request, which has strings if it is of the second version. */
export function openSymbols(hasAny: bool): void {
  symbolsTo = symbolsFrom;
  symbolCount = 0;
  slots = FIRST_SLOTS;
  request++;
  if (!hasAny) return;
  memory.fill(RECALLS, 0, MOST_RECALLED * 2 * RECALL_BYTES);
  // The first number stands for nothing.
  numberOf(0, 0);
}

/** Where the strings of the request start. */
export function symbolsStart(): usize {
  return symbolsFrom;
}

/** Whether there is room for so many more strings of so many bytes in all. */
export function hasSymbolRoom(count: u32, bytes: usize): bool {
  return symbolCount + count <= MOST_SLOTS / 2 && symbolsTo + bytes <= symbolsFrom + SYMBOL_BYTES;
}

/**
 * The number of the name of the label with that index in its line, or with `isValue` of its value. Neighbouring lines have nearly all
 * of their strings in common, so that of a line before is looked at first.
 */
export function recalled(label: usize, isValue: bool, at: usize, length: usize): u32 {
  const recall = RECALLS + (2 * min(label, MOST_RECALLED - 1) + <usize> isValue) * RECALL_BYTES;
  const known: usize = load<u32>(recall);
  if (known !== 0 && load<u32>(recall + 4) === <u32> length && equal(known, at, length)) return load<u32>(recall + 8);
  const number = numberOf(at, length);
  store<u32>(recall, <u32> foundAt);
  store<u32>(recall + 4, <u32> length);
  store<u32>(recall + 8, number);
  return number;
}

/** The number of a string in the request at hand. */
export function numberOf(at: usize, length: usize): u32 {
  const hash = scatter(hashBytes(seed, at, length));
  let slot = hash & slots - 1;
  while (true) {
    const entry = tableAt + slot * SLOT_BYTES;
    if (load<u32>(entry) !== request) {
      store<u8>(symbolsTo, 0x22);
      foundAt = writeVarint(symbolsTo + 1, length);
      fill(entry, hash, foundAt, symbolCount);
      symbolsTo = copy(at, length, foundAt);
      if (++symbolCount === slots / 2 && slots < MOST_SLOTS) grow();
      return symbolCount - 1;
    }
    if (load<u32>(entry + 4) === hash) {
      const known = load<u32>(entry + 8);
      if (lengthBefore(known) === length && equal(known, at, length)) {
        foundAt = known;
        return load<u32>(entry + 12);
      }
    }
    slot = slot + 1 & slots - 1;
  }
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
    const hash = scatter(hashBytes(seed, at, length));
    let slot = hash & slots - 1;
    while (load<u32>(tableAt + slot * SLOT_BYTES) === request) slot = slot + 1 & slots - 1;
    fill(tableAt + slot * SLOT_BYTES, hash, at, number);
    at += length;
  }
}

/** The length that stands before a string. */
function lengthBefore(at: usize): usize {
  let length: usize = load<u8>(at - 1);
  for (let i = at - 2; load<u8>(i) >= 0x80; i--) length = length << 7 | load<u8>(i) & 0x7f;
  return length;
}
