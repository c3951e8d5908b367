/**
 * Lines of the text format to series of remote write: of its first version, which spells out each label, or of its second, which
 * numbers them. A line that is like one before becomes what that became, but for the labels in which it differs.
 *
 * @module
 */

import { reserve } from "./arena.ts";
import { copy, find } from "./bytes.ts";
import { double, readDouble } from "./double.ts";
import { changesTo, CHANGES, LABEL_BYTES, labelsAt, labelsTo, openLabels, readLabels, readLike } from "./line_labels.ts";
import { hasSymbolRoom, layOutSymbols, openSymbols, recalled, symbolsStart, symbolsTo } from "./request_symbols.ts";
import { compress, compressedBound } from "./snappy.ts";
import { DONE, FULL, NUMBER } from "./status.ts";
import { varintBytes, writeVarint } from "./varint.ts";

const SERIES_BYTES: usize = 4 << 20;
/** What a series has beside its strings and labels: tags, lengths, the value, the time, the type. */
const SERIES_ROOM: usize = 64;
/** What a line becomes at most, by its bytes: a label of six bytes takes eight more than they are. */
const GROWTH: usize = 4;
/** The bits of the value by which a series ends, and of the usual one that is no number. */
const STALE_BITS: u64 = 0x7ff0000000000002;
const NAN_BITS: u64 = 0x7ff8000000000001;

/** Labels of the model of which it is remembered where they are; lines with more are like no other. */
const MOST_PLACES: usize = 72;
/** Where each label of the model, or the number of its value, starts and ends. */
const PLACES: usize = memory.data(576, 16);

/** Where the series of the request end. */
let seriesTo: usize = 0;
/** How many series it has. */
export let seriesCount: u32 = 0;
/** Where the next line starts. */
export let writeAt: usize = 0;
/** Where the number starts that the caller is asked for. */
export let writeNumberAt: usize = 0;
/** Where it ends. */
export let writeNumberEnd: usize = 0;

let seriesFrom: usize = 0;
let isSecond: bool = false;
let givenAt: usize = 0;
let given: f64 = 0;

/** Of the series of the line that others are like: where its labels, or the numbers of these, start and end. */
let modelFrom: usize = 0;
let modelEnd: usize = 0;

/** Lays out memory for requests, and returns where it ends. */
export function layOutRequests(at: usize, keyed: u32): usize {
  seriesFrom = layOutSymbols(at, keyed);
  return seriesFrom + SERIES_BYTES;
}

/** Starts on a request of the first or the second version. */
export function openRequest(second: bool): void {
  isSecond = second;
  seriesTo = seriesFrom;
  seriesCount = 0;
  openSymbols(second);
}

/** Adds a series that the caller has written, where there is room for it. */
export function appendSeries(at: usize, length: usize): bool {
  if (!hasRoom(length)) return false;
  seriesTo = copy(at, length, writeHead(length));
  seriesCount++;
  return true;
}

/** Writes the request as a block of snappy, behind all else in memory, and returns where that ends. */
export function finishRequest(to: usize): usize {
  const symbolsFrom = symbolsStart(), symbolsEnd = isSecond ? symbolsTo : symbolsFrom;
  const length = symbolsEnd - symbolsFrom + seriesTo - seriesFrom;
  reserve(to + compressedBound(length));
  to = writeVarint(to, length);
  return compress(seriesFrom, seriesTo, compress(symbolsFrom, symbolsEnd, to));
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
  openLabels(workAt, workAt + (end - at) + 15 & ~15);
  while (writeAt < end) {
    while (textAt + load<u32>(runsAt + 4) <= writeAt) runsAt += 8;
    if (seriesCount >= most) return FULL;
    let valueAt = readLike(writeAt);
    const isLike = valueAt !== 0;
    if (!isLike) valueAt = readLabels(writeAt);
    const stop = find(valueAt, 0x0a);
    const labels = <u32> (isLike ? changesTo - CHANGES : labelsTo - labelsAt) >>> 4;
    if (!hasRoom(stop - writeAt) || isSecond && !hasSymbolRoom(2 * labels, GROWTH * (stop - writeAt) + SERIES_ROOM)) {
      // No later request has more room.
      if (seriesCount > 0) return FULL;
      writeAt = stop + 1;
      openLabels(workAt, labelsAt);
      continue;
    }
    let bits: u64 = STALE_BITS;
    if (!ends) {
      if (givenAt === valueAt) {
        bits = isNaN(given) ? NAN_BITS : reinterpret<u64>(given);
        givenAt = 0;
      } else if (readDouble(valueAt, stop)) bits = reinterpret<u64>(double);
      else {
        writeNumberAt = valueAt;
        writeNumberEnd = stop;
        return NUMBER;
      }
    }
    const timeMs = <u64> (baseMs + <f64> load<u32>(runsAt));
    if (isLike) writeLike(bits, timeMs, type);
    else if (isSecond) writeSecond(bits, timeMs, type);
    else writeFirst(bits, timeMs);
    seriesCount++;
    writeAt = stop + 1;
  }
  return DONE;
}

/** Whether a series of a line of so many bytes fits. */
function hasRoom(length: usize): bool {
  return seriesTo + GROWTH * length + SERIES_ROOM <= seriesFrom + SERIES_BYTES;
}

function writeHead(length: usize): usize {
  store<u8>(seriesTo, isSecond ? 0x2a : 0x0a);
  return writeVarint(seriesTo + 1, length);
}

function writeFirst(bits: u64, timeMs: u64): void {
  let length = sampleBytes(timeMs);
  for (let at = labelsAt; at < labelsTo; at += LABEL_BYTES) {
    length += fieldBytes(labelBytes(load<u32>(at + 4), load<u32>(at + 12)));
  }
  let to = writeHead(length), place = PLACES;
  modelFrom = to;
  for (let at = labelsAt; at < labelsTo; at += LABEL_BYTES) {
    const start = to;
    to = writeLabel(to, at, load<u32>(at + 8), load<u32>(at + 12));
    if (place < PLACES + MOST_PLACES * 8) {
      store<u32>(place, <u32> start);
      store<u32>(place + 4, <u32> to);
      place += 8;
    }
  }
  modelEnd = to;
  seriesTo = writeSample(to, bits, timeMs);
}

/** Writes the label whose name is at hand, with a value. */
function writeLabel(to: usize, label: usize, valueAt: usize, valueLength: usize): usize {
  const nameLength: usize = load<u32>(label + 4);
  store<u8>(to, 0x0a);
  to = writeVarint(to + 1, labelBytes(nameLength, valueLength));
  store<u8>(to, 0x0a);
  to = copy(load<u32>(label), nameLength, writeVarint(to + 1, nameLength));
  store<u8>(to, 0x12);
  return copy(valueAt, valueLength, writeVarint(to + 1, valueLength));
}

function labelBytes(nameLength: usize, valueLength: usize): usize {
  return fieldBytes(nameLength) + fieldBytes(valueLength);
}

/** How long a field is, of a tag of one byte, its length, and so many bytes. */
function fieldBytes(length: usize): usize {
  return 1 + varintBytes(length) + length;
}

function writeSecond(bits: u64, timeMs: u64, type: u32): void {
  let numbers: usize = 0;
  // The numbers take the places of the strings' lengths, which nothing needs any more.
  for (let at = labelsAt; at < labelsTo; at += LABEL_BYTES) {
    const label = at - labelsAt >>> 4;
    const name = recalled(label, false, load<u32>(at), load<u32>(at + 4));
    const value = recalled(label, true, load<u32>(at + 8), load<u32>(at + 12));
    store<u32>(at + 4, name);
    store<u32>(at + 12, value);
    numbers += varintBytes(name) + varintBytes(value);
  }
  let to = writeNumbersHead(numbers, timeMs, type), place = PLACES;
  modelFrom = to;
  for (let at = labelsAt; at < labelsTo; at += LABEL_BYTES) {
    const start = writeVarint(to, load<u32>(at + 4));
    to = writeVarint(start, load<u32>(at + 12));
    if (place < PLACES + MOST_PLACES * 8) {
      store<u32>(place, <u32> start);
      store<u32>(place + 4, <u32> to);
      place += 8;
    }
  }
  modelEnd = to;
  seriesTo = writeType(writeSample(to, bits, timeMs), type);
}

function writeNumbersHead(numbers: usize, timeMs: u64, type: u32): usize {
  const to = writeHead(fieldBytes(numbers) + sampleBytes(timeMs) + (type === 0 ? 0 : 4));
  store<u8>(to, 0x0a);
  return writeVarint(to + 1, numbers);
}

/** Writes what the model became, but for the labels that have changed. */
function writeLike(bits: u64, timeMs: u64, type: u32): void {
  let length = modelEnd - modelFrom;
  for (let change = CHANGES; change < changesTo; change += LABEL_BYTES) {
    const label: usize = load<u32>(change), place = PLACES + 8 * label;
    const valueAt: usize = load<u32>(change + 8), valueLength: usize = load<u32>(change + 12);
    length -= load<u32>(place + 4) - load<u32>(place);
    if (isSecond) {
      const number = recalled(label, true, valueAt, valueLength);
      store<u32>(change + 12, number);
      length += varintBytes(number);
    } else length += fieldBytes(labelBytes(load<u32>(labelsAt + LABEL_BYTES * label + 4), valueLength));
  }
  let to = isSecond ? writeNumbersHead(length, timeMs, type) : writeHead(length + sampleBytes(timeMs));
  let from = modelFrom;
  for (let change = CHANGES; change < changesTo; change += LABEL_BYTES) {
    const label: usize = load<u32>(change), place = PLACES + 8 * label;
    to = copy(from, load<u32>(place) - from, to);
    from = load<u32>(place + 4);
    if (isSecond) to = writeVarint(to, load<u32>(change + 12));
    else to = writeLabel(to, labelsAt + LABEL_BYTES * label, load<u32>(change + 8), load<u32>(change + 12));
  }
  to = writeSample(copy(from, modelEnd - from, to), bits, timeMs);
  seriesTo = isSecond ? writeType(to, type) : to;
}

function sampleBytes(timeMs: u64): usize {
  return 12 + varintBytes(timeMs);
}

function writeSample(to: usize, bits: u64, timeMs: u64): usize {
  store<u8>(to, 0x12);
  store<u8>(to + 1, <u8> (10 + varintBytes(timeMs)));
  store<u8>(to + 2, 0x09);
  store<u64>(to + 3, bits);
  store<u8>(to + 11, 0x10);
  return writeVarint(to + 12, timeMs);
}

/** Writes what the second version says of a series' metric; nothing of one whose type is not known. */
function writeType(to: usize, type: u32): usize {
  if (type === 0) return to;
  store<u32>(to, 0x0008022a | type << 24);
  return to + 4;
}
