/**
 * The labels of a series that is remote-written: those of 1.0 where they stand, those of 2.0, which are numbers of symbols, written as
 * 1.0 has them. They are held against those of the token.
 *
 * @module
 */

import { reserve } from "./arena.ts";
import { copy, equal, SPARE } from "./bytes.ts";
import { fieldBytes } from "./spelled_labels.ts";
import { contentAt, endOf, endOfNumber, number, writeTagged } from "./varint.ts";

/** The label that names the metric. */
const NAME: u64 = 0x5f5f656d616e5f5f, NAME_BYTES: usize = 8;
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

/** Where the labels of the series at hand start and end. */
export let labelsFrom: usize = 0, labelsTo: usize = 0;
/** Where the label starts and ends that names the metric; 0 if none does. */
export let cutFrom: usize = 0, cutTo: usize = 0;
/** Where that name is, and how long. */
export let nameFrom: usize = 0, nameLength: usize = 0;
/** Where the labels of the token are, as they are written, and how long. */
export let identityFields: usize = 0, identityBytes: usize = 0;
/** Where labels end that were written. */
export let scratchTo: usize = 0;

let maxBytes: usize = 0;
let maxLabels: u32 = 0;
let identityCount: u32 = 0;
/** Which labels of the token the series has. */
let seen: u32 = 0;
let symbols: usize = 0, symbolCount: u32 = 0;
let pairs: usize = 0, pairCount: u32 = 0;
let scratchFrom: usize = 0;

// The label at hand.
let labelNameAt: usize = 0, labelNameBytes: usize = 0, labelValueAt: usize = 0;

/** Sets how many labels a series may have, and how many bytes of labels are written. */
export function limitLabels(labels: u32, bytes: usize): void {
  maxLabels = labels;
  maxBytes = bytes;
}

/** Takes the labels of the token, as 1.0 has labels; false if they are unusual. */
export function readIdentity(from: usize, to: usize): bool {
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

/** Starts on symbols, which go to `at`. */
export function openWrittenSymbols(at: usize): void {
  symbols = at;
  symbolCount = pairCount = 0;
}

/** Takes the next symbol; false if there are too many. */
export function addSymbol(at: usize, length: usize): bool {
  if (symbolCount === MAX_SYMBOLS) return false;
  const symbol = symbols + SYMBOL_BYTES * symbolCount++;
  reserve(symbol + SYMBOL_BYTES);
  store<u32>(symbol, <u32> at);
  store<u32>(symbol + SYMBOL_LENGTH, <u32> length);
  store<u32>(symbol + SYMBOL_KIND, kindOf(at, length));
  return true;
}

/** Lays out memory behind the symbols for the labels of the series before, and returns where it ends. */
export function layOutPairs(): usize {
  pairs = symbols + SYMBOL_BYTES * symbolCount + 15 & ~15;
  return pairs + PAIR_BYTES * (<usize> maxLabels + 1);
}

/** Says where labels are to be written. */
export function openScratch(at: usize): void {
  scratchFrom = scratchTo = at;
}

/** Starts on the labels of a series. */
export function openLabelsOfSeries(): void {
  cutFrom = 0;
  seen = 0;
}

/** How many bytes of labels of the token the series lacks: all or none; -1 if it has some, or names no metric. */
export function lackedBytes(): i32 {
  if (cutFrom === 0) return -1;
  if (seen === 0) return <i32> identityBytes;
  return seen === <u32> (1 << identityCount) - 1 ? 0 : -1;
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

/** Takes the labels of a series of 1.0 where they stand, and returns where they end; 0 if they are unusual. */
export function readLabels(at: usize, end: usize): usize {
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
export function readReferences(at: usize, end: usize): usize {
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

/** Writes a text behind its tag and length, and returns where it ends. */
export function writeText(tag: u32, at: usize, length: usize, to: usize): usize {
  return copy(at, length, writeTagged(tag, length, to));
}
