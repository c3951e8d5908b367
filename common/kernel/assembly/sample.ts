/**
 * One sample: its labels, timestamp and value.
 *
 * @module
 */

import { cursor, fail, fault, readLength, readTag, readVarint, seek, skipField } from "./protobuf.ts";
import { CUT_DOUBLE, TOO_MANY_LABELS } from "./status.ts";

/** Labels of the sample at hand, sixteen bytes each: where the name starts and ends, where the value starts and ends. */
export let spans: usize = 0;
/** How many labels it has. */
export let labelCount: u32 = 0;
/** A length that no name or value passes, or one of them. */
export let longest: usize = 0;
/** Its timestamp in milliseconds, NaN without one. */
export let timestampMs: f64 = NaN;
/** Whether it has a value of its family's type. */
export let hasValue: bool = false;
/** That, unless it is of a summary or histogram. */
export let value: f64 = 0;

/** Whether it has a field that is not known, and that may change what it says. */
export let hasUnknown: bool = false;

let maxLabels: u32 = 0;

/** Where labels are to be told, and how many at most. */
export function setSpans(at: usize, most: u32): void {
  spans = at;
  maxLabels = most;
}

/**
 * Reads the sample from the cursor to `end`. Its value is in the field of the given tag; that of a summary or histogram is
 * passed over.
 */
export function readSample(end: usize, valueTag: u32, compound: bool): void {
  labelCount = 0;
  longest = 0;
  timestampMs = NaN;
  hasValue = false;
  hasUnknown = false;
  value = 0;
  const plainValue: u32 = compound ? 0xffffffff : valueTag | 0x090900;
  let at = cursor;
  let count: u32 = 0;
  let span = spans;
  while (at < end) {
    // Nearly every label is a short name, then a short value, and nearly every value a double: each is read in one go.
    const word = load<u32>(at);
    if ((word & 0x80ff80ff) === 0x000a000a) {
      const stop = at + 2 + (word >>> 8 & 0x7f);
      const valueAt = at + 6 + (word >>> 24);
      if (
        stop <= end && valueAt <= stop && count < maxLabels &&
        <u32> load<u16>(valueAt - 2) === (0x12 | <u32> (stop - valueAt) << 8)
      ) {
        store<u32>(span, <u32> at + 4);
        store<u32>(span + 4, <u32> valueAt - 2);
        store<u32>(span + 8, <u32> valueAt);
        store<u32>(span + 12, <u32> stop);
        span += 16;
        count++;
        at = stop;
        continue;
      }
    } else if ((word & 0xffffff) === plainValue && at + 11 <= end) {
      hasValue = true;
      value = load<f64>(at + 3);
      at += 11;
      continue;
    }
    seek(at);
    labelCount = count;
    readField(end, valueTag, compound);
    if (fault !== 0) return;
    count = labelCount;
    span = spans + 16 * count;
    at = cursor;
  }
  labelCount = count;
  // What was read in one go is shorter than this.
  longest = max<usize>(longest, 127);
  seek(at);
}

function readField(end: usize, valueTag: u32, compound: bool): void {
  const tag = readTag(end);
  if (fault !== 0) return;
  if (tag === 0x30) {
    timestampMs = <f64> readVarint(end);
  } else if (tag === 0x0a) {
    const stop = readLength(end);
    if (fault === 0) readLabel(stop);
  } else if (tag === valueTag) {
    hasValue = true;
    const stop = readLength(end);
    if (fault !== 0) return;
    if (compound) seek(stop);
    else readScalar(stop, valueTag);
  } else if (tag === 0x12 || tag === 0x1a || tag === 0x22 || tag === 0x2a || tag === 0x3a) {
    const stop = readLength(end);
    if (fault === 0) seek(stop);
  } else {
    hasUnknown = true;
    skipField(tag, end, 7);
  }
}

function readLabel(end: usize): void {
  if (labelCount === maxLabels) {
    fail(TOO_MANY_LABELS, cursor);
    return;
  }
  let nameAt = end, nameEnd = end, valueAt = end, valueEnd = end;
  while (cursor < end) {
    const tag = readTag(end);
    if (fault !== 0) return;
    if (tag === 0x0a) {
      nameEnd = readLength(end);
      if (fault !== 0) return;
      nameAt = cursor;
      seek(nameEnd);
    } else if (tag === 0x12) {
      valueEnd = readLength(end);
      if (fault !== 0) return;
      valueAt = cursor;
      seek(valueEnd);
    } else {
      skipField(tag, end, 2);
      if (fault !== 0) return;
    }
  }
  const span = spans + 16 * labelCount++;
  store<u32>(span, <u32> nameAt);
  store<u32>(span + 4, <u32> nameEnd);
  store<u32>(span + 8, <u32> valueAt);
  store<u32>(span + 12, <u32> valueEnd);
  longest = max<usize>(longest, max<usize>(nameEnd - nameAt, valueEnd - valueAt));
}

function readScalar(end: usize, valueTag: u32): void {
  while (cursor < end) {
    const tag = readTag(end);
    if (fault !== 0) return;
    if (tag !== 0x09) {
      // A counter has an exemplar and the time of its creation, which change no number.
      if (valueTag !== 0x1a || (tag !== 0x12 && tag !== 0x1a)) hasUnknown = true;
      skipField(tag, end, 1);
    }
    else if (cursor + 8 > end) fail(CUT_DOUBLE, cursor);
    else {
      value = load<f64>(cursor);
      seek(cursor + 8);
    }
    if (fault !== 0) return;
  }
}
