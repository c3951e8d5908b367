/**
 * The labels of a request of remote write of the first version, which spells them out each time: as much of one as was there before is
 * repeated.
 *
 * @module
 */

import { MAX_SYMBOLS } from "./request_symbols.ts";
import { lengthOfString, numberInRequest, stringAt } from "./series_cache.ts";
import { add, addByte, addVarint, FARTHEST, repeat, streamed } from "./snappy_stream.ts";
import { varintBytes } from "./varint.ts";

const POSITION_BYTES: usize = 8;
/**
 * By name and length of the value: where a label like that was last, its name and its value, and which cluster's these are. Lengths
 * before it are the same, so that all of it is repeated but what differs in the value.
 */
const LIKES: usize = memory.data(16_384, 16);
const LIKE_BYTES: usize = 16;

/** By the number of a string: where the label was last whose value it is, and the number of its name; 0 if it was nowhere. */
let positions: usize = 0;
/** Tells clusters and requests apart. */
let turn: u32 = 0;

/** Lays out memory for labels, and returns where it ends. */
export function layOutLabels(at: usize): usize {
  positions = at;
  return at + POSITION_BYTES * MAX_SYMBOLS;
}

/** Starts on a request. */
export function openLabelsOfRequest(): void {
  memory.fill(positions, 0, POSITION_BYTES * MAX_SYMBOLS);
}

/** Strings have other numbers now. */
export function forgetLikeLabels(): void {
  turn++;
}

/** Where a label was last; 0 if it was nowhere, or is too far back to be repeated. */
export function positionOf(name: u32, value: u32): usize {
  const number = numberInRequest(value), position = positions + POSITION_BYTES * number;
  const isKnown = number !== 0 && load<u32>(position + 4) === numberInRequest(name) && isNear(load<u32>(position));
  return isKnown ? load<u32>(position) : 0;
}

/** Notes where a label is, if there is room for its strings. */
export function notePosition(name: u32, value: u32, at: usize): void {
  const number = numberInRequest(value), nameNumber = numberInRequest(name);
  if (number === 0 || nameNumber === 0) return;
  store<u32>(positions + POSITION_BYTES * number, <u32> at);
  store<u32>(positions + POSITION_BYTES * number + 4, nameNumber);
}

/** Adds a label, less what it has in common with one of the same name whose value is as long. */
export function addLabel(name: u32, value: u32): void {
  const nameAt = stringAt(name), nameLength: usize = load<u32>(nameAt - 4), at = streamed;
  const valueAt = stringAt(value), valueLength: usize = load<u32>(valueAt - 4);
  const like = LIKES + ((name * 0x9e3779b1 + <u32> valueLength * 0x85ebca6b) >>> 22) * LIKE_BYTES, other = load<u16>(like + 6);
  const known: usize = load<u32>(like), isLike = load<u32>(like + 8) === turn && load<u16>(like + 4) === name &&
    isNear(known) && lengthOfString(other) === valueLength;
  store<u32>(like, <u32> at);
  store<u16>(like + 4, <u16> name);
  store<u16>(like + 6, <u16> value);
  store<u32>(like + 8, turn);
  const length = labelBytes(nameLength, valueLength);
  if (isLike) {
    const head = fieldBytes(length) - valueLength;
    repeat(known, head);
    addValueLike(valueAt, valueLength, stringAt(other), known + head);
    return;
  }
  addByte(0x0a);
  addVarint(length);
  addByte(0x0a);
  addVarint(nameLength);
  add(nameAt, nameLength);
  addByte(0x12);
  addVarint(valueLength);
  add(valueAt, valueLength);
}

/** Adds a value by another one that is as long: what they have in common at their starts and ends is repeated. */
export function addValueLike(value: usize, length: usize, other: usize, otherAt: usize): void {
  let before: usize = 0, behind: usize = 0;
  while (before < length && load<u8>(value + before) === load<u8>(other + before)) before++;
  while (behind < length - before && load<u8>(value + length - behind - 1) === load<u8>(other + length - behind - 1)) behind++;
  repeat(otherAt, before);
  add(value + before, length - before - behind);
  repeat(otherAt + length - behind, behind);
}

/** Whether it can be repeated what starts there; nothing does at the start. */
function isNear(at: usize): bool {
  return at !== 0 && streamed - at <= FARTHEST;
}

/** How long a label is, less its own tag and length. */
export function labelBytes(nameLength: usize, valueLength: usize): usize {
  return fieldBytes(nameLength) + fieldBytes(valueLength);
}

/** How long a field is, of a tag of one byte, its length, and so many bytes. */
export function fieldBytes(length: usize): usize {
  return 1 + varintBytes(length) + length;
}
