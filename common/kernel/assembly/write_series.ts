/**
 * Lines of the text format, as the kernel itself writes them, to series of remote write: of its first version, which spells out
 * each label, or of its second, which numbers them. Names in quotes are read as well.
 *
 * @module
 */

import { copy, equal, find, findEither, hashBytes, scatter } from "./bytes.ts";
import { double, readDouble } from "./double.ts";
import { DONE, FULL, NUMBER } from "./status.ts";

/** Strings of one request of the second version that have a number, at most half of the slots. */
const SLOTS: u32 = 1 << 16;
const SLOT_BYTES: usize = 16;
const SYMBOL_BYTES: usize = 3 << 20;
const SERIES_BYTES: usize = 4 << 20;
/** What a series has beside its strings and labels: tags, lengths, the value, the time, the type. */
const SERIES_ROOM: usize = 64;
/** What a line becomes at most, by its bytes: a label of six bytes takes eight more than they are. */
const GROWTH: usize = 4;

/** `__name__`. */
const NAME_LABEL: usize = memory.data<u8>([
  0x5f, 0x5f, 0x6e, 0x61, 0x6d, 0x65, 0x5f, 0x5f, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const NAME_LABEL_BYTES: usize = 8;
/** Of how many labels of a line the strings are remembered for the next one; the last place is for all further ones. */
const MOST_RECALLED: usize = 32;
/** Of each string: where it is among those of the request, how long, its number. */
const RECALL_BYTES: usize = 12;
const RECALLS: usize = memory.data(768, 16);
/** The bits of the value by which a series ends, and of the usual one that is no number. */
const STALE_BITS: u64 = 0x7ff0000000000002;
const NAN_BITS: u64 = 0x7ff8000000000001;

/** Where the series of the request end. */
export let seriesTo: usize = 0;
/** Where its strings end. */
export let symbolsTo: usize = 0;
/** How many series it has. */
export let seriesCount: u32 = 0;
/** Where the next line starts. */
export let writeAt: usize = 0;
/** Where the number starts that the caller is asked for. */
export let writeNumberAt: usize = 0;
/** Where it ends. */
export let writeNumberEnd: usize = 0;

let tableAt: usize = 0;
let symbolsFrom: usize = 0;
let seriesFrom: usize = 0;
let isSecond: bool = false;
let symbolCount: u32 = 0;
/** Where the string is that was looked up last. */
let foundAt: usize = 0;
/** Tells the slots of this request from those of the ones before. */
let request: u32 = 0;
let seed: u64 = 0;
let givenAt: usize = 0;
let given: f64 = 0;

/** Labels of the line at hand, sixteen bytes each: where a name is, how long, the same of its value. */
let labelsAt: usize = 0;
let labelsTo: usize = 0;
/** Where strings go that had escapes. */
let scratchTo: usize = 0;
/** Where reading stands behind a string, and what it is. */
let behind: usize = 0;
let stringAt: usize = 0;
let stringLength: usize = 0;

/** Lays out memory for requests, and returns where it ends. */
export function layOutRequests(at: usize, keyed: u32): usize {
  tableAt = at + 15 & ~15;
  symbolsFrom = tableAt + SLOTS * SLOT_BYTES;
  seriesFrom = symbolsFrom + SYMBOL_BYTES;
  seed = (<u64> keyed << 32) ^ 0x9e3779b97f4a7c15;
  request = 0;
  return seriesFrom + SERIES_BYTES;
}

/** Starts on a request of the first or the second version. */
export function openRequest(second: bool): void {
  isSecond = second;
  seriesTo = seriesFrom;
  symbolsTo = symbolsFrom;
  seriesCount = 0;
  symbolCount = 0;
  request++;
  if (!second) return;
  memory.fill(RECALLS, 0, MOST_RECALLED * 2 * RECALL_BYTES);
  // The first number stands for nothing.
  numberOf(0, 0);
}

/** Where the series of the request start. */
export function seriesStart(): usize {
  return seriesFrom;
}

/** Where its strings start. */
export function symbolsStart(): usize {
  return symbolsFrom;
}

/**
 * The number of a string whose place and length are at `at`. Neighbouring lines have nearly all of their strings in common, so
 * that of the line before is looked at first, which is remembered at `recall`.
 */
function recalled(at: usize, recall: usize): u32 {
  const string: usize = load<u32>(at), length: usize = load<u32>(at + 4), known: usize = load<u32>(recall);
  if (known !== 0 && load<u32>(recall + 4) === <u32> length && equal(known, string, length)) return load<u32>(recall + 8);
  const number = numberOf(string, length);
  store<u32>(recall, <u32> foundAt);
  store<u32>(recall + 4, <u32> length);
  store<u32>(recall + 8, number);
  return number;
}

/** The number of a string in the request at hand. */
export function numberOf(at: usize, length: usize): u32 {
  const hash = scatter(hashBytes(seed, at, length));
  let slot = hash & (SLOTS - 1);
  while (true) {
    const entry = tableAt + slot * SLOT_BYTES;
    if (load<u32>(entry) !== request) {
      store<u32>(entry, request);
      store<u32>(entry + 4, hash);
      store<u32>(entry + 12, symbolCount);
      store<u8>(symbolsTo, 0x22);
      const to = writeVarint(symbolsTo + 1, length);
      store<u32>(entry + 8, <u32> to);
      symbolsTo = copy(at, length, to);
      foundAt = to;
      return symbolCount++;
    }
    if (load<u32>(entry + 4) === hash) {
      const known = load<u32>(entry + 8);
      if (lengthBefore(known) === length && equal(known, at, length)) {
        foundAt = known;
        return load<u32>(entry + 12);
      }
    }
    slot = slot + 1 & (SLOTS - 1);
  }
}

/** Adds a series that the caller has written, where there is room for it. */
export function appendSeries(at: usize, length: usize): bool {
  if (!hasRoom(length)) return false;
  store<u8>(seriesTo, isSecond ? 0x2a : 0x0a);
  seriesTo = copy(at, length, writeVarint(seriesTo + 1, length));
  seriesCount++;
  return true;
}

/** Says what the number is that the kernel cannot read. */
export function setWriteNumber(value: f64): void {
  givenAt = writeNumberAt;
  given = value;
}

/**
 * Adds a series for each line from `at` to `end`, until there are `most` in the request or it has no more room: then
 * {@linkcode FULL}, and `writeAt` is where to go on in the next one. A line of half a megabyte, which fits none, is left out. The time of a line is `baseMs` and what is at `runsAt` of
 * the first run that ends behind it, whose end counts from `textAt`. With `ends`, the series end there instead of having their
 * values. `type` is what the second version says of them. At `workAt` there is room for five times the lines.
 */
export function writeSeries(
  at: usize,
  end: usize,
  textAt: usize,
  runsAt: usize,
  baseMs: f64,
  type: u32,
  ends: bool,
  most: u32,
  workAt: usize,
): i32 {
  writeAt = at;
  labelsAt = workAt + (end - at) + 15 & ~15;
  while (writeAt < end) {
    while (textAt + load<u32>(runsAt + 4) <= writeAt) runsAt += 8;
    if (seriesCount >= most) return FULL;
    const stop = find(writeAt, 0x0a);
    scratchTo = workAt;
    let from = readLabels(writeAt);
    if (!hasRoom(stop - writeAt) || isSecond && symbolCount + <u32> (labelsTo - labelsAt >>> 3) > SLOTS / 2) {
      // No later request has more room.
      if (seriesCount > 0) return FULL;
      writeAt = stop + 1;
      continue;
    }
    const valueStart = from;
    let bits: u64 = STALE_BITS;
    // All that a number has is above a line feed.
    while (load<u8>(from) > 0x20) from++;
    if (!ends) {
      if (givenAt === valueStart) {
        bits = isNaN(given) ? NAN_BITS : reinterpret<u64>(given);
        givenAt = 0;
      } else if (readDouble(valueStart, from)) bits = reinterpret<u64>(double);
      else {
        writeNumberAt = valueStart;
        writeNumberEnd = from;
        return NUMBER;
      }
    }
    const timeMs = <u64> (baseMs + <f64> load<u32>(runsAt));
    if (isSecond) writeSecond(bits, timeMs, type);
    else writeFirst(bits, timeMs);
    seriesCount++;
    writeAt = from + 1;
  }
  return DONE;
}

/** Whether a series of a line of so many bytes fits. */
function hasRoom(length: usize): bool {
  const room = GROWTH * length + SERIES_ROOM;
  return seriesTo + room <= seriesFrom + SERIES_BYTES &&
    (!isSecond || symbolsTo + room <= symbolsFrom + SYMBOL_BYTES);
}

/** Reads name and labels, and returns where the value starts. Labels are in order from then on; those that are empty are none. */
function readLabels(at: usize): usize {
  labelsTo = labelsAt;
  let nameAt = at, nameLength: usize = 0;
  let inQuotes = false;
  if (load<u8>(at) === 0x7b) {
    inQuotes = true;
    readString(at + 2);
    nameAt = stringAt;
    nameLength = stringLength;
    at = behind;
    if (load<u8>(at) === 0x2c) at++;
  } else {
    at = findEither(at, 0x7b, 0x20);
    nameLength = at - nameAt;
    if (load<u8>(at) === 0x7b) {
      inQuotes = true;
      at++;
    }
  }
  addLabel(NAME_LABEL, NAME_LABEL_BYTES, nameAt, nameLength);
  if (!inQuotes) return at + 1;
  while (load<u8>(at) !== 0x7d) {
    let labelAt = at, labelLength: usize = 0;
    if (load<u8>(at) === 0x22) {
      readString(at + 1);
      labelAt = stringAt;
      labelLength = stringLength;
      at = behind;
    } else {
      at = find(at, 0x3d);
      labelLength = at - labelAt;
    }
    // Behind the equals sign and the quote.
    readString(at + 2);
    if (stringLength > 0) addLabel(labelAt, labelLength, stringAt, stringLength);
    at = behind;
    if (load<u8>(at) === 0x2c) at++;
  }
  // Behind the brace and a blank.
  return at + 2;
}

/** Reads a string whose quote is before `at`: where it is without escapes, and what is behind its closing quote. */
function readString(at: usize): void {
  stringAt = at;
  at = findEither(at, 0x22, 0x5c);
  if (load<u8>(at) === 0x22) {
    stringLength = at - stringAt;
    behind = at + 1;
    return;
  }
  let to = scratchTo;
  for (let from = stringAt; from < at; from++) store<u8>(to++, load<u8>(from));
  while (load<u8>(at) !== 0x22) {
    let letter = load<u8>(at++);
    if (letter === 0x5c) {
      letter = load<u8>(at++);
      if (letter === 0x6e) letter = 0x0a;
    }
    store<u8>(to++, letter);
  }
  stringAt = scratchTo;
  stringLength = to - scratchTo;
  scratchTo = to;
  behind = at + 1;
}

/** Puts a label in its place by name. Nearly always that is the last one. */
function addLabel(nameAt: usize, nameLength: usize, valueAt: usize, valueLength: usize): void {
  let to = labelsTo;
  while (to > labelsAt && isBefore(nameAt, nameLength, load<u32>(to - 16), load<u32>(to - 12))) {
    v128.store(to, v128.load(to - 16));
    to -= 16;
  }
  store<u32>(to, <u32> nameAt);
  store<u32>(to + 4, <u32> nameLength);
  store<u32>(to + 8, <u32> valueAt);
  store<u32>(to + 12, <u32> valueLength);
  labelsTo += 16;
}

function isBefore(one: usize, oneLength: usize, other: usize, otherLength: usize): bool {
  const length = min(oneLength, otherLength);
  for (let i: usize = 0; i < length; i++) {
    const a = load<u8>(one + i), b = load<u8>(other + i);
    if (a !== b) return a < b;
  }
  return oneLength < otherLength;
}

function writeFirst(bits: u64, timeMs: u64): void {
  const sample = 10 + varintBytes(timeMs);
  let length = 2 + sample;
  for (let at = labelsAt; at < labelsTo; at += 16) {
    const label = labelBytes(load<u32>(at + 4), load<u32>(at + 12));
    length += 1 + varintBytes(label) + label;
  }
  store<u8>(seriesTo, 0x0a);
  let to = writeVarint(seriesTo + 1, length);
  for (let at = labelsAt; at < labelsTo; at += 16) {
    const nameLength: usize = load<u32>(at + 4), valueLength: usize = load<u32>(at + 12);
    store<u8>(to, 0x0a);
    to = writeVarint(to + 1, labelBytes(nameLength, valueLength));
    store<u8>(to, 0x0a);
    to = copy(load<u32>(at), nameLength, writeVarint(to + 1, nameLength));
    store<u8>(to, 0x12);
    to = copy(load<u32>(at + 8), valueLength, writeVarint(to + 1, valueLength));
  }
  seriesTo = writeSample(to, bits, timeMs);
}

function labelBytes(nameLength: usize, valueLength: usize): usize {
  return 2 + varintBytes(nameLength) + nameLength + varintBytes(valueLength) + valueLength;
}

function writeSecond(bits: u64, timeMs: u64, type: u32): void {
  let numbers: usize = 0, recall = RECALLS;
  const lastRecall = RECALLS + (MOST_RECALLED - 1) * 2 * RECALL_BYTES;
  for (let at = labelsAt; at < labelsTo; at += 16) {
    const name = recalled(at, recall), value = recalled(at + 8, recall + RECALL_BYTES);
    if (recall < lastRecall) recall += 2 * RECALL_BYTES;
    store<u32>(at, name);
    store<u32>(at + 8, value);
    numbers += varintBytes(name) + varintBytes(value);
  }
  const sample = 10 + varintBytes(timeMs);
  const length = 1 + varintBytes(numbers) + numbers + 2 + sample + (type === 0 ? 0 : 4);
  store<u8>(seriesTo, 0x2a);
  let to = writeVarint(seriesTo + 1, length);
  store<u8>(to, 0x0a);
  to = writeVarint(to + 1, numbers);
  for (let at = labelsAt; at < labelsTo; at += 16) to = writeVarint(writeVarint(to, load<u32>(at)), load<u32>(at + 8));
  to = writeSample(to, bits, timeMs);
  if (type !== 0) {
    store<u32>(to, 0x0008022a | type << 24);
    to += 4;
  }
  seriesTo = to;
}

function writeSample(to: usize, bits: u64, timeMs: u64): usize {
  store<u8>(to, 0x12);
  store<u8>(to + 1, <u8> (10 + varintBytes(timeMs)));
  store<u8>(to + 2, 0x09);
  store<u64>(to + 3, bits);
  store<u8>(to + 11, 0x10);
  return writeVarint(to + 12, timeMs);
}

/** The length that stands before a string. */
function lengthBefore(at: usize): usize {
  let length: usize = load<u8>(at - 1);
  for (let i = at - 2; load<u8>(i) >= 0x80; i--) length = length << 7 | load<u8>(i) & 0x7f;
  return length;
}

function varintBytes(value: u64): usize {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let bytes: usize = 3;
  for (value >>= 21; value > 0; value >>= 7) bytes++;
  return bytes;
}

function writeVarint(at: usize, value: u64): usize {
  for (; value >= 0x80; value >>= 7) store<u8>(at++, <u8> (value | 0x80));
  store<u8>(at++, <u8> value);
  return at;
}
