/**
 * Requests of remote write as nearly all are, read into delimited metric families. Where something in one is unusual, such as a fault,
 * the whole of it is left to the caller; series of native histograms are left to it one by one.
 *
 * @module
 */

import { aligned, reserve } from "./arena.ts";
import { SPARE } from "./bytes.ts";
import { contentAt, endOf, endOfNumber, number } from "./varint.ts";
import { addWritten, isKnown, limitFamilies, openFamilies, writeFamilies } from "./written_families.ts";
import {
  addSymbol,
  identityBytes,
  labelsFrom,
  labelsTo,
  lackedBytes,
  layOutPairs,
  limitLabels,
  openLabelsOfSeries,
  openScratch,
  openWrittenSymbols,
  readIdentity,
  readLabels,
  readReferences,
  scratchTo,
} from "./written_labels.ts";

/** The highest number of a type that is looked at. */
const MAX_TYPE: u32 = 0x7f;
/** Of a series that is left: where it starts and ends. */
const LEFT_BYTES: usize = 8;
/** What it becomes at most beside its bytes and its labels: heads of a family and of a sample, a schema, a time. */
const LEFT_ROOM: usize = 96;
/** Times of more bytes are unusual: the numbers of those who read them otherwise are not exact beyond 2^53. */
const MAX_TIME_BYTES: usize = 7;

/** Samples that came, without those of series that are left. */
export let writtenSamples: u32 = 0;
/** Samples of which a newer one of the same series stands. */
export let writtenReplaced: u32 = 0;
/** Exemplars that came, likewise. */
export let writtenExemplars: u32 = 0;
/** Where it says of each series that is left where it starts and ends, four bytes each. */
export let leftFrom: usize = 0;
/** Where that ends. */
export let leftTo: usize = 0;

/** How many bytes series that are left may become. */
let leftMost: usize = 0;
let maxSeries: u32 = 0;
let isSecond: bool = false;

/** Sets how much a request may hold: one that holds more is unusual. `keyed` is a number that nobody can know. */
export function limitWrites(series: u32, families: u32, labels: u32, bytes: usize, keyed: u32): void {
  maxSeries = series;
  limitLabels(labels, bytes);
  limitFamilies(families, bytes, keyed);
}

/**
 * Reads a request of the first version (0) or the second (1), which is from `from` to `to`, into families; false if it is unusual. From
 * there to `fieldsTo` are the labels of the token, as 1.0 has labels. Memory is free behind that.
 */
export function readWrite(from: usize, to: usize, fieldsTo: usize, second: bool): bool {
  isSecond = second;
  if (!readIdentity(to, fieldsTo)) return false;
  writtenSamples = writtenReplaced = writtenExemplars = 0;
  leftMost = 0;
  openWrittenSymbols(aligned(fieldsTo + SPARE));
  const series = countSeries(from, to);
  if (series < 0 || <u32> series > maxSeries) return false;
  leftFrom = leftTo = layOutPairs();
  const scratch = openFamilies(leftFrom + LEFT_BYTES * series, series);
  openScratch(scratch);
  reserve(scratch + SPARE);
  for (let at = from; at < to;) {
    const tag = load<u8>(at), end = endOf(at + 1, to);
    if ((!isSecond || tag === 0x2a) && !readSeries(contentAt, end)) return false;
    at = end;
  }
  // What is left counts towards the same limits.
  return writeFamilies(scratchTo, <u32> ((leftTo - leftFrom) / LEFT_BYTES), leftMost);
}

/** How many series there are, and where symbols are; -1 if there is something else, or the request is cut off. */
function countSeries(from: usize, to: usize): i32 {
  let series: i32 = 0;
  for (let at = from; at < to;) {
    const tag = load<u8>(at), end = endOf(at + 1, to);
    if (end === 0) return -1;
    if (isSecond && tag === 0x22) {
      if (!addSymbol(contentAt, end - contentAt)) return -1;
    } else if (tag === <u8> (isSecond ? 0x2a : 0x0a)) series++;
    else return -1;
    at = end;
  }
  return series;
}

/** Reads a series, and keeps the newest of its samples. */
function readSeries(from: usize, end: usize): bool {
  openLabelsOfSeries();
  let at = isSecond ? readReferences(from, end) : readLabels(from, end);
  if (at === 0) return false;
  let samples: u32 = 0, exemplars: u32 = 0, histograms: u32 = 0, type: u32 = 0;
  let valueAt: usize = 0, timeAt: usize = 0, timeBytes: usize = 0, time: u64 = 0;
  while (at < end) {
    const tag = load<u8>(at), stop = endOf(at + 1, end);
    if (stop === 0) return false;
    if (tag === 0x12) {
      let part = contentAt, value: usize = 0, ownAt: usize = 0, own: u64 = 0;
      if (part < stop && load<u8>(part) === 0x09) {
        value = part + 1;
        part += 9;
      }
      if (part < stop && load<u8>(part) === 0x10) {
        ownAt = part + 1;
        part = endOfNumber(ownAt, stop);
        if (part === 0 || part - ownAt > MAX_TIME_BYTES) return false;
        own = number;
      }
      if (part !== stop) return false;
      if (samples++ === 0 || own >= time) {
        valueAt = value;
        timeAt = ownAt;
        timeBytes = ownAt === 0 ? 0 : stop - ownAt;
        time = own;
      }
    } else if (tag === <u8> (isSecond ? 0x1a : 0x22)) histograms++;
    else if (tag === <u8> (isSecond ? 0x22 : 0x1a)) exemplars++;
    else if (isSecond && tag === 0x2a) {
      type = typeOf(contentAt, stop);
      if (type > MAX_TYPE) return false;
    } else return false;
    at = stop;
  }
  if (histograms > 0) {
    // The newest may be the one or the other, and what is said of the type holds for the metric.
    if (samples > 0 || isKnown(type)) return false;
    store<u32>(leftTo, <u32> from);
    store<u32>(leftTo + 4, <u32> end);
    leftTo += LEFT_BYTES;
    leftMost += end - from + 2 * (labelsTo - labelsFrom) + identityBytes + LEFT_ROOM;
    return true;
  }
  writtenExemplars += exemplars;
  if (samples === 0) return true;
  writtenSamples += samples;
  writtenReplaced += samples - 1;
  const lacks = lackedBytes();
  return lacks >= 0 && addWritten(valueAt, timeAt, timeBytes, time, type, lacks);
}

/** The type that is said of a series in one byte; more than {@linkcode MAX_TYPE} if something is unusual. */
function typeOf(at: usize, end: usize): u32 {
  let type: u32 = 0;
  while (at < end) {
    const tag = load<u8>(at);
    at = endOfNumber(at + 1, end);
    if (at === 0 || tag !== 0x08 && tag !== 0x18 && tag !== 0x20 || number > MAX_TYPE && tag === 0x08) return MAX_TYPE + 1;
    if (tag === 0x08) type = <u32> number;
  }
  return type;
}
