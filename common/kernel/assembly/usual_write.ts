/**
 * Requests of remote write as nearly all are, read into delimited metric families. Where something in one is unusual, such as a fault,
 * the whole of it is left to the caller; series of native histograms are left to it one by one.
 *
 * @module
 */

import { aligned, reserve } from "./arena.ts";
import { copy, equal, hashBytes, scatter } from "./bytes.ts";
import { fieldBytes } from "./spelled_labels.ts";
import { varintBytes, writeVarint } from "./varint.ts";

/** The label that names the metric. */
const NAME: u64 = 0x5f5f656d616e5f5f, NAME_BYTES: usize = 8;
/** The bits of the value by which a series ends. */
const STALE_BITS: u64 = 0x7ff0000000000002;
/** The most labels of a token: more of them are unusual. */
const MAX_IDENTITY: u32 = 31;
/** Of each of them: where its name is and how long that is, and the same of its value, four bytes each. */
const IDENTITIES: usize = memory.data(496, 16), IDENTITY_BYTES: usize = 16;

/** The most symbols of a usual request. */
const MAX_SYMBOLS: u32 = 131_072;
/** Of each symbol of 2.0: where it is, how long it is, and what it says as the name of a label. */
const SYMBOL_BYTES: usize = 12, SYMBOL_LENGTH: usize = 4, SYMBOL_KIND: usize = 8;
/** It names no label that matters, the metric, or one of the token, of which the first has that number. */
const PLAIN: u32 = 0, METRIC: u32 = 1, IDENTITY: u32 = 2;
/** Of each label of the series before: the symbols of its name and value, where it was written, and how long it is. */
const PAIR_BYTES: usize = 16, PAIR_AT: usize = 8, PAIR_LENGTH: usize = 12;

/** Of each series: the next one of its family, its labels less the one that is cut out, its value, its time. */
const ROW_BYTES: usize = 48;
const ROW_LABELS: usize = 4, ROW_LABELS_END: usize = 8, ROW_CUT: usize = 12, ROW_CUT_END: usize = 16;
const ROW_VALUE: usize = 20, ROW_TIME_AT: usize = 24, ROW_TIME_BYTES: usize = 28, ROW_LACKS: usize = 32, ROW_TIME: usize = 40;

/** Of each metric: the hash of its name, where that is, how long it is, its type, then what it has of series that go on and that end. */
const GROUP_BYTES: usize = 48;
const GROUP_NAME: usize = 4, GROUP_LENGTH: usize = 8, GROUP_TYPE: usize = 12;
const GROUP_GOES_ON: usize = 16, GROUP_ENDS: usize = 32;
/** Of these: the first row, the last one, how many bytes they become, and whether a later one is older. */
const LIST_LAST: usize = 4, LIST_BYTES: usize = 8, LIST_MIXED: usize = 12;
/** Slots tried for one name: more are taken in a row only by intent. */
const MAX_PROBES: u32 = 64;

/** Types as 2.0 has them; all others say nothing of a series of one line. */
const COUNTER: u32 = 1, GAUGE: u32 = 2;
/** The highest number of a type that is looked at. */
const MAX_TYPE: u32 = 0x7f;
/** What a number takes: tag and length of the message around it, its own tag, the double. */
const NUMBER_BYTES: usize = 11;
/** What reads and copies by sixteen bytes may touch behind an end. */
const SPARE: usize = 16;

/** Where families of series that go on start and end, and how many there are. */
export let goingFrom: usize = 0, goingTo: usize = 0;
/** How many of those families there are. */
export let goingFamilies: u32 = 0;
/** Where families of series that end start and end. */
export let endingFrom: usize = 0, endingTo: usize = 0;
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

let maxSeries: u32 = 0, maxFamilies: u32 = 0, maxLabels: u32 = 0;
let maxBytes: usize = 0;
let seed: u64 = 0;

// The request.
let isSecond: bool = false;
/** The labels of the token: how many there are, and where they are as they are written. */
let identityCount: u32 = 0, identityFields: usize = 0, identityBytes: usize = 0;
let symbols: usize = 0, symbolCount: u32 = 0;
let pairs: usize = 0, pairCount: u32 = 0;
let rowTo: usize = 0;
let groups: usize = 0, groupCount: u32 = 0;
let slots: usize = 0, slotMask: u32 = 0;
let scratchFrom: usize = 0, scratchTo: usize = 0;
let groupBefore: usize = 0;

// The series.
let labelsFrom: usize = 0, labelsTo: usize = 0;
/** The label with the name of the metric, and that name; 0 if none was met. */
let cutFrom: usize = 0, cutTo: usize = 0, nameFrom: usize = 0, nameLength: usize = 0;
/** Which labels of the token it has. */
let seen: u32 = 0;

// The label.
let labelNameAt: usize = 0, labelNameBytes: usize = 0, labelValueAt: usize = 0;

/** Where the content starts of what {@linkcode endOf} told the end of. */
let contentAt: usize = 0;
/** The number that was read last. */
let number: u64 = 0;

/** Sets how much a request may hold: one that holds more is unusual. `keyed` is a number that nobody can know. */
export function limitWrites(series: u32, families: u32, labels: u32, bytes: usize, keyed: u32): void {
  maxSeries = series;
  maxFamilies = families;
  maxLabels = labels;
  maxBytes = bytes;
  seed = <u64> keyed << 32 ^ 0x9e3779b97f4a7c15;
}

/**
 * Reads a request of the first version (0) or the second (1), which is from `from` to `to`, into families; false if it is unusual. From
 * there to `fieldsTo` are the labels of the token, as 1.0 has labels. Memory is free behind that.
 */
export function readWrite(from: usize, to: usize, fieldsTo: usize, second: bool): bool {
  isSecond = second;
  if (!readIdentity(to, fieldsTo)) return false;
  writtenSamples = writtenReplaced = writtenExemplars = 0;
  symbols = aligned(fieldsTo + SPARE);
  symbolCount = pairCount = groupCount = 0;
  groupBefore = 0;
  const series = countSeries(from, to);
  if (series < 0 || <u32> series > maxSeries) return false;
  layOut(series);
  for (let at = from; at < to;) {
    const tag = load<u8>(at), end = endOf(at + 1, to);
    if ((!isSecond || tag === 0x2a) && !readSeries(contentAt, end)) return false;
    at = end;
  }
  return writeFamilies();
}

function readIdentity(from: usize, to: usize): bool {
  identityCount = 0;
  identityFields = from;
  identityBytes = to - from;
  for (let at = from; at < to; identityCount++) {
    const end = endOfLabel(at, to);
    if (end === 0 || identityCount === MAX_IDENTITY) return false;
    const own = IDENTITIES + IDENTITY_BYTES * identityCount;
    store<u32>(own, <u32> labelNameAt);
    store<u32>(own + 4, <u32> labelNameBytes);
    store<u32>(own + 8, <u32> labelValueAt);
    store<u32>(own + 12, <u32> (end - labelValueAt));
    at = end;
  }
  return true;
}

/** How many series there are, and where symbols are; -1 if there is something else, or the request is cut off. */
function countSeries(from: usize, to: usize): i32 {
  let series: i32 = 0;
  for (let at = from; at < to;) {
    const tag = load<u8>(at), end = endOf(at + 1, to);
    if (end === 0) return -1;
    if (isSecond && tag === 0x22 && symbolCount < MAX_SYMBOLS) addSymbol(contentAt, end - contentAt);
    else if (tag === <u8> (isSecond ? 0x2a : 0x0a)) series++;
    else return -1;
    at = end;
  }
  return series;
}

function addSymbol(at: usize, length: usize): void {
  const symbol = symbols + SYMBOL_BYTES * symbolCount++;
  reserve(symbol + SYMBOL_BYTES);
  store<u32>(symbol, <u32> at);
  store<u32>(symbol + SYMBOL_LENGTH, <u32> length);
  store<u32>(symbol + SYMBOL_KIND, kindOf(at, length));
}

/** What a label of this name is. */
function kindOf(at: usize, length: usize): u32 {
  if (length === NAME_BYTES && load<u64>(at) === NAME) return METRIC;
  for (let i: u32 = 0; i < identityCount; i++) {
    const own = IDENTITIES + IDENTITY_BYTES * i;
    if (load<u32>(own + 4) === <u32> length && equal(load<u32>(own), at, length)) return IDENTITY + i;
  }
  return PLAIN;
}

function layOut(series: u32): void {
  const most = min(series, maxFamilies);
  slotMask = 1;
  while (slotMask < 2 * most) slotMask *= 2;
  pairs = aligned(symbols + SYMBOL_BYTES * symbolCount);
  leftFrom = leftTo = pairs + (isSecond ? PAIR_BYTES * (<usize> maxLabels + 1) : 0);
  rowTo = aligned(leftFrom + 8 * series);
  groups = rowTo + ROW_BYTES * series;
  slots = groups + GROUP_BYTES * most;
  scratchFrom = scratchTo = aligned(slots + 4 * slotMask);
  reserve(scratchFrom + SPARE);
  memory.fill(slots, 0, 4 * slotMask);
  slotMask--;
}

/** Reads a series, and keeps the newest of its samples. */
function readSeries(from: usize, end: usize): bool {
  cutFrom = 0;
  seen = 0;
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
        if (part === 0) return false;
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
    leftTo += 8;
    return true;
  }
  writtenExemplars += exemplars;
  if (samples === 0) return true;
  writtenSamples += samples;
  writtenReplaced += samples - 1;
  if (cutFrom === 0 || seen !== 0 && seen !== <u32> (1 << identityCount) - 1) return false;
  const group = groupOf();
  if (group === 0) return false;
  if (isKnown(type)) store<u32>(group + GROUP_TYPE, type);
  const lacks: usize = seen === 0 ? identityBytes : 0;
  const row = rowTo;
  rowTo = row + ROW_BYTES;
  store<u32>(row, 0);
  store<u32>(row + ROW_LABELS, <u32> labelsFrom);
  store<u32>(row + ROW_LABELS_END, <u32> labelsTo);
  store<u32>(row + ROW_CUT, <u32> cutFrom);
  store<u32>(row + ROW_CUT_END, <u32> cutTo);
  store<u32>(row + ROW_VALUE, <u32> valueAt);
  store<u32>(row + ROW_TIME_AT, <u32> timeAt);
  store<u32>(row + ROW_TIME_BYTES, <u32> timeBytes);
  store<u32>(row + ROW_LACKS, <u32> lacks);
  store<u64>(row + ROW_TIME, time);
  const ends = valueAt !== 0 && load<u64>(valueAt) === STALE_BITS;
  addToList(group + (ends ? GROUP_ENDS : GROUP_GOES_ON), row, time);
  return true;
}

function addToList(list: usize, row: usize, time: u64): void {
  const last: usize = load<u32>(list + LIST_LAST), size = sizeOf(row);
  if (last === 0) store<u32>(list, <u32> row);
  else {
    store<u32>(last, <u32> row);
    if (time < load<u64>(last + ROW_TIME)) store<u32>(list + LIST_MIXED, 1);
  }
  store<u32>(list + LIST_LAST, <u32> row);
  store<u32>(list + LIST_BYTES, load<u32>(list + LIST_BYTES) + <u32> fieldBytes(size));
}

/** How many bytes a sample becomes. */
function sizeOf(row: usize): usize {
  const labels: usize = load<u32>(row + ROW_LABELS_END) - load<u32>(row + ROW_LABELS);
  const cut: usize = load<u32>(row + ROW_CUT_END) - load<u32>(row + ROW_CUT), time: usize = load<u32>(row + ROW_TIME_BYTES);
  return labels - cut + load<u32>(row + ROW_LACKS) + NUMBER_BYTES + 1 + max<usize>(1, time);
}

/** Takes the labels of a series of 1.0 where they stand, and returns where they end; 0 if they are unusual. */
function readLabels(at: usize, end: usize): usize {
  labelsFrom = at;
  while (at < end && load<u8>(at) === 0x0a) {
    const stop = endOfLabel(at, end);
    if (stop === 0) return 0;
    const kind = kindOf(labelNameAt, labelNameBytes);
    if (kind !== PLAIN && !noteLabel(kind, at, stop, labelValueAt, stop - labelValueAt)) return 0;
    at = stop;
  }
  labelsTo = at;
  return at;
}

/** Where a label ends, of which is noted where its name and value are; 0 if it is unusual. */
function endOfLabel(at: usize, end: usize): usize {
  const stop = endOf(at + 1, end), tagAt = contentAt;
  if (stop === 0 || tagAt === stop || load<u8>(tagAt) !== 0x0a) return 0;
  const nameTo = endOf(tagAt + 1, stop);
  labelNameAt = contentAt;
  labelNameBytes = nameTo - labelNameAt;
  if (nameTo === 0) return 0;
  labelValueAt = nameTo;
  // An empty value need not be there.
  if (nameTo === stop) return stop;
  if (load<u8>(nameTo) !== 0x12 || endOf(nameTo + 1, stop) !== stop) return 0;
  labelValueAt = contentAt;
  return stop;
}

/**
 * Writes the labels of a series of 2.0 as 1.0 has them, and returns where it goes on behind their numbers; 0 if they are unusual. Those
 * that the series before has at the same place are copied from there.
 */
function readReferences(at: usize, end: usize): usize {
  labelsFrom = scratchTo;
  if (at === end || load<u8>(at) !== 0x0a) return 0;
  const stop = endOf(at + 1, end);
  if (stop === 0) return 0;
  at = contentAt;
  let count: u32 = 0, copyFrom: usize = 0, copyBytes: usize = 0;
  while (at < stop) {
    at = endOfNumber(at, stop);
    const name = number;
    if (at === 0 || at === stop) return 0;
    at = endOfNumber(at, stop);
    if (at === 0 || name >= symbolCount || number >= symbolCount || count > maxLabels) return 0;
    const pair = pairs + PAIR_BYTES * count, both = name | number << 32;
    const nameSymbol = symbols + SYMBOL_BYTES * <usize> name, valueSymbol = symbols + SYMBOL_BYTES * <usize> number;
    const valueAt: usize = load<u32>(valueSymbol), valueLength: usize = load<u32>(valueSymbol + SYMBOL_LENGTH);
    const labelAt = scratchTo + copyBytes;
    let bytes: usize = 0;
    if (count < pairCount && load<u64>(pair) === both) {
      const before: usize = load<u32>(pair + PAIR_AT);
      bytes = load<u32>(pair + PAIR_LENGTH);
      if (copyBytes === 0) copyFrom = before;
      copyBytes += bytes;
    } else {
      const nameBytes: usize = load<u32>(nameSymbol + SYMBOL_LENGTH), content = fieldBytes(nameBytes) + fieldBytes(valueLength);
      bytes = fieldBytes(content);
      // A few numbers can stand for many bytes.
      if (labelAt + bytes - scratchFrom > maxBytes) return 0;
      reserve(labelAt + bytes + SPARE);
      if (copyBytes > 0) scratchTo = copy(copyFrom, copyBytes, scratchTo);
      copyBytes = 0;
      scratchTo = writeText(0x0a, load<u32>(nameSymbol), nameBytes, writeTagged(0x0a, content, scratchTo));
      scratchTo = writeText(0x12, valueAt, valueLength, scratchTo);
      store<u64>(pair, both);
      store<u32>(pair + PAIR_LENGTH, <u32> bytes);
    }
    store<u32>(pair + PAIR_AT, <u32> labelAt);
    const kind = load<u32>(nameSymbol + SYMBOL_KIND);
    if (kind !== PLAIN && !noteLabel(kind, labelAt, labelAt + bytes, valueAt, valueLength)) return 0;
    count++;
  }
  if (copyBytes > 0) {
    if (scratchTo + copyBytes - scratchFrom > maxBytes) return 0;
    reserve(scratchTo + copyBytes + SPARE);
    scratchTo = copy(copyFrom, copyBytes, scratchTo);
  }
  pairCount = count;
  labelsTo = scratchTo;
  return stop;
}

/** Notes a label that names the metric, or is of the token's names; false if it may not be there. */
function noteLabel(kind: u32, at: usize, end: usize, valueAt: usize, valueLength: usize): bool {
  if (kind === METRIC) {
    if (cutFrom !== 0) return false;
    cutFrom = at;
    cutTo = end;
    nameFrom = valueAt;
    nameLength = valueLength;
    return true;
  }
  const bit: u32 = 1 << kind - IDENTITY, own = IDENTITIES + IDENTITY_BYTES * (kind - IDENTITY);
  if ((seen & bit) !== 0) return false;
  seen |= bit;
  return load<u32>(own + 12) === <u32> valueLength && equal(load<u32>(own + 8), valueAt, valueLength);
}

/** Whether it is the type of series of one line. */
function isKnown(type: u32): bool {
  return type === COUNTER || type === GAUGE;
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

/** The metric of the series at hand; 0 if there are too many. */
function groupOf(): usize {
  const before = groupBefore;
  if (before !== 0 && hasName(before)) return before;
  const hash = scatter(hashBytes(seed, nameFrom, nameLength));
  let slot = hash & slotMask;
  for (let probes: u32 = 0; probes < MAX_PROBES; probes++, slot = slot + 1 & slotMask) {
    const known: usize = load<u32>(slots + 4 * slot);
    if (known === 0) {
      if (groupCount === maxFamilies) return 0;
      const group = groups + GROUP_BYTES * groupCount++;
      memory.fill(group, 0, GROUP_BYTES);
      store<u32>(group, hash);
      store<u32>(group + GROUP_NAME, <u32> nameFrom);
      store<u32>(group + GROUP_LENGTH, <u32> nameLength);
      store<u32>(slots + 4 * slot, <u32> group);
      return groupBefore = group;
    }
    if (load<u32>(known) === hash && hasName(known)) return groupBefore = known;
  }
  return 0;
}

function hasName(group: usize): bool {
  return load<u32>(group + GROUP_LENGTH) === <u32> nameLength && equal(load<u32>(group + GROUP_NAME), nameFrom, nameLength);
}

/** Writes all families; false if they have too many bytes. */
function writeFamilies(): bool {
  goingFrom = aligned(scratchTo + SPARE);
  goingTo = writeLists(GROUP_GOES_ON, goingFrom);
  if (goingTo === 0) return false;
  endingFrom = aligned(goingTo + SPARE);
  endingTo = writeLists(GROUP_ENDS, endingFrom);
  goingFamilies = 0;
  for (let i: u32 = 0; i < groupCount; i++) {
    if (load<u32>(groups + GROUP_BYTES * i + GROUP_GOES_ON) !== 0) goingFamilies++;
  }
  return endingTo !== 0;
}

function writeLists(kind: usize, to: usize): usize {
  const from = to;
  for (let group = groups, end = groups + GROUP_BYTES * groupCount; group < end; group += GROUP_BYTES) {
    const list = group + kind, rows: usize = load<u32>(list + LIST_BYTES);
    if (rows === 0) continue;
    const nameBytes: usize = load<u32>(group + GROUP_LENGTH), bytes = 2 + fieldBytes(nameBytes) + rows;
    if (to - from + varintBytes(bytes) + bytes > maxBytes) return 0;
    reserve(to + varintBytes(bytes) + bytes + SPARE);
    const type = load<u32>(group + GROUP_TYPE);
    to = writeVarint(to, bytes);
    to = writeText(0x0a, load<u32>(group + GROUP_NAME), nameBytes, to);
    store<u8>(to, 0x18);
    store<u8>(to + 1, type === COUNTER ? 0 : type === GAUGE ? 1 : 3);
    to += 2;
    const valueTag: u32 = type === COUNTER ? 0x1a : type === GAUGE ? 0x12 : 0x2a;
    const first: usize = load<u32>(list);
    let row = load<u32>(list + LIST_MIXED) !== 0 ? sorted(first) : first;
    for (; row !== 0; row = load<u32>(row)) to = writeRow(row, valueTag, kind === GROUP_ENDS, to);
  }
  return to;
}

function writeRow(row: usize, valueTag: u32, ends: bool, to: usize): usize {
  const labels: usize = load<u32>(row + ROW_LABELS), cut: usize = load<u32>(row + ROW_CUT), behind: usize = load<u32>(row + ROW_CUT_END);
  const valueAt: usize = load<u32>(row + ROW_VALUE), timeBytes: usize = load<u32>(row + ROW_TIME_BYTES);
  to = writeTagged(0x22, sizeOf(row), to);
  to = copy(labels, cut - labels, to);
  to = copy(behind, load<u32>(row + ROW_LABELS_END) - behind, to);
  to = copy(identityFields, load<u32>(row + ROW_LACKS), to);
  store<u32>(to, 0x090900 | valueTag);
  store<u64>(to + 3, valueAt === 0 || ends ? 0 : load<u64>(valueAt));
  store<u8>(to + 11, 0x30);
  to += 12;
  if (timeBytes > 0) return copy(load<u32>(row + ROW_TIME_AT), timeBytes, to);
  store<u8>(to, 0);
  return to + 1;
}

/** Rows by ascending time; among equally old ones as they were. */
function sorted(list: usize): usize {
  let merges: u32 = 2;
  for (let size: u32 = 1; merges > 1; size *= 2) {
    let one = list, tail: usize = 0;
    merges = 0;
    while (one !== 0) {
      merges++;
      let other = one, ones: u32 = 0, others = size;
      for (; ones < size && other !== 0; ones++) other = load<u32>(other);
      while (ones > 0 || others > 0 && other !== 0) {
        let row: usize;
        if (ones === 0 || others > 0 && other !== 0 && load<u64>(other + ROW_TIME) < load<u64>(one + ROW_TIME)) {
          row = other;
          other = load<u32>(other);
          others--;
        } else {
          row = one;
          one = load<u32>(one);
          ones--;
        }
        if (tail === 0) list = row;
        else store<u32>(tail, <u32> row);
        tail = row;
      }
      one = other;
    }
    store<u32>(tail, 0);
  }
  return list;
}

function writeTagged(tag: u32, value: usize, to: usize): usize {
  store<u8>(to, <u8> tag);
  return writeVarint(to + 1, value);
}

function writeText(tag: u32, at: usize, length: usize, to: usize): usize {
  return copy(at, length, writeTagged(tag, length, to));
}

/** Where that ends whose length stands at `at`, and whose content {@linkcode contentAt} tells; 0 if that is not by `end`. */
function endOf(at: usize, end: usize): usize {
  let length: usize = 0;
  for (let shift: usize = 0; shift < 28 && at < end; shift += 7) {
    const byte = <usize> load<u8>(at++);
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      contentAt = at;
      return length <= end - at ? at + length : 0;
    }
  }
  return 0;
}

/** Reads a number of eight bytes at most, and returns where it ends; 0 if that is not by `end`. */
function endOfNumber(at: usize, end: usize): usize {
  number = 0;
  for (let shift: u64 = 0; shift < 56 && at < end; shift += 7) {
    const byte = <u64> load<u8>(at++);
    number |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at;
  }
  return 0;
}
