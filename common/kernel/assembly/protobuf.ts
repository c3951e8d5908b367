/**
 * Fields of protobuf messages, read by a cursor. What is wrong with one is told in `fault`; where it is not 0, nothing that
 * was returned counts.
 *
 * @module
 */

import {
  BAD_FIELD_NUMBER,
  BAD_LENGTH,
  CUT_FIELD,
  CUT_VARINT,
  LONG_VARINT,
  NO_WIRE_TYPE,
  OTHER_WIRE_TYPE,
} from "./status.ts";

/** Where the cursor stands. */
export let cursor: usize = 0;
/** What is wrong, a status, or 0. */
export let fault: i32 = 0;
/** Where it is. */
export let faultAt: usize = 0;
/** More on it. */
export let faultDetail: u32 = 0;

/** Moves the cursor. */
export function seek(at: usize): void {
  cursor = at;
}

/** Forgets what was wrong. */
export function forgive(): void {
  fault = 0;
}

/** Tells what is wrong, and returns that. */
export function fail(status: i32, at: usize): i32 {
  fault = status;
  faultAt = at;
  return status;
}

/** Reads an int64. */
export function readVarint(end: usize): i64 {
  const start = cursor;
  let value: i64 = 0;
  let at = start;
  for (let shift: i64 = 0; at < end && shift < 70; at++, shift += 7) {
    const byte = <i64> load<u8>(at);
    // Of the tenth byte there is one bit.
    if (shift === 63 && (byte & 0x7e) !== 0) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor = at + 1;
      return value;
    }
  }
  fail(end - start < 10 ? CUT_VARINT : LONG_VARINT, start);
  return 0;
}

/** Reads a field's tag: its number times 8, plus the wire type. */
export function readTag(end: usize): u32 {
  const at = cursor;
  if (at < end) {
    const byte = <u32> load<u8>(at);
    if (byte >= 8 && byte < 0x80) {
      cursor = at + 1;
      return byte;
    }
  }
  const tag = readVarint(end);
  if (fault === 0 && (tag < 8 || tag > 0xffffffff)) fail(BAD_FIELD_NUMBER, at);
  return <u32> tag;
}

/** Reads a length and returns where what it measures ends; the cursor stays before that. */
export function readLength(end: usize): usize {
  const at = cursor;
  let length: i64 = at < end ? <i64> load<u8>(at) : 0x80;
  if (length < 0x80) cursor = at + 1;
  else length = readVarint(end);
  if (fault === 0 && (length < 0 || length > <i64> (end - cursor))) fail(BAD_LENGTH, at);
  return cursor + <usize> length;
}

/** Skips a field that is not ours, or refuses one that is but has another wire type. */
export function skipField(tag: u32, end: usize, known: u32): void {
  const wire = tag & 7;
  faultDetail = tag;
  if (tag >>> 3 <= known) fail(OTHER_WIRE_TYPE, cursor);
  else if (wire === 0) readVarint(end);
  else if (wire === 2) {
    const stop = readLength(end);
    if (fault === 0) cursor = stop;
  } else if (wire === 1 || wire === 5) {
    cursor += wire === 1 ? 8 : 4;
    if (cursor > end) fail(CUT_FIELD, end);
  } else fail(NO_WIRE_TYPE, cursor);
}
