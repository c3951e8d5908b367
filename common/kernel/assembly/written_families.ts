/**
 * Samples that are remote-written, by the names of their metrics, and from there to delimited families, apart for series that go on and
 * that end.
 *
 * @module
 */

import { aligned, reserve } from "./arena.ts";
import { copy, equal, hashBytes, scatter, SPARE } from "./bytes.ts";
import { STALE_BITS } from "./double.ts";
import { fieldBytes } from "./spelled_labels.ts";
import { varintBytes, writeTagged, writeVarint } from "./varint.ts";
import { cutFrom, cutTo, identityFields, labelsFrom, labelsTo, nameFrom, nameLength, writeText } from "./written_labels.ts";

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
/** What a number takes: tag and length of the message around it, its own tag, the double. */
const NUMBER_BYTES: usize = 11;

/** Where families of series that go on start and end. */
export let goingFrom: usize = 0, goingTo: usize = 0;
/** How many of those there are. */
export let goingFamilies: u32 = 0;
/** Where families of series that end start and end. */
export let endingFrom: usize = 0, endingTo: usize = 0;

let maxFamilies: u32 = 0;
let maxBytes: usize = 0;
let seed: u64 = 0;
let rowTo: usize = 0;
let groups: usize = 0, groupCount: u32 = 0;
let slots: usize = 0, slotMask: u32 = 0;
let groupBefore: usize = 0;

/** Sets how many families there may be, and how many bytes of either kind. `keyed` is a number that nobody can know. */
export function limitFamilies(families: u32, bytes: usize, keyed: u32): void {
  maxFamilies = families;
  maxBytes = bytes;
  seed = <u64> keyed << 32 ^ 0x9e3779b97f4a7c15;
}

/** Lays out memory for so many series, and returns where it ends. */
export function openFamilies(at: usize, series: u32): usize {
  const most = min(series, maxFamilies);
  slotMask = 1;
  while (slotMask < 2 * most) slotMask *= 2;
  rowTo = aligned(at);
  groups = rowTo + ROW_BYTES * series;
  slots = groups + GROUP_BYTES * most;
  const end = aligned(slots + 4 * slotMask);
  reserve(end);
  memory.fill(slots, 0, 4 * slotMask);
  slotMask--;
  groupCount = 0;
  groupBefore = 0;
  return end;
}

/** Adds a sample of the series whose labels are at hand, which lacks so many bytes of those of the token; false if there are too many names. */
export function addWritten(valueAt: usize, timeAt: usize, timeBytes: usize, time: u64, type: u32, lacks: usize): bool {
  const group = groupOf();
  if (group === 0) return false;
  if (isKnown(type)) store<u32>(group + GROUP_TYPE, type);
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

/** Whether it is the type of series of one line. */
export function isKnown(type: u32): bool {
  return type === COUNTER || type === GAUGE;
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

/**
 * Writes all families, from `at` on; false if they have too many bytes, or there are too many, with so many more of at most so many bytes
 * together.
 */
export function writeFamilies(at: usize, moreFamilies: u32, moreBytes: usize): bool {
  goingFrom = aligned(at + SPARE);
  goingTo = writeLists(GROUP_GOES_ON, goingFrom);
  if (goingTo === 0) return false;
  endingFrom = aligned(goingTo + SPARE);
  endingTo = writeLists(GROUP_ENDS, endingFrom);
  if (endingTo === 0) return false;
  goingFamilies = 0;
  for (let i: u32 = 0; i < groupCount; i++) {
    if (load<u32>(groups + GROUP_BYTES * i + GROUP_GOES_ON) !== 0) goingFamilies++;
  }
  if (moreFamilies === 0) return true;
  return groupCount + moreFamilies <= maxFamilies && max(goingTo - goingFrom, endingTo - endingFrom) + moreBytes <= maxBytes;
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
