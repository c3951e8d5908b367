/**
 * The series of a request of remote write: of its first version, which spells out each label, or of its second, which numbers their
 * strings. A series is said by what it has in common with the one before.
 *
 * @module
 */

import { addSample, addSampleLike, COMPARED_TIME, openSamples, timeBytesOf } from "./request_samples.ts";
import { lengthOfString, MAX_LABELS, numberInRequest, shapeOf, stringAt, valuesOf } from "./series_cache.ts";
import {
  add,
  addByte,
  addGap,
  addVarint,
  addWord,
  elementsTo,
  markStream,
  openStream,
  repeat,
  repeatThenAdd,
  resetStream,
  streamed,
} from "./snappy_stream.ts";
import {
  addLabel,
  addValueLike,
  fieldBytes,
  forgetLikeLabels,
  labelBytes,
  layOutLabels,
  notePosition,
  openLabelsOfRequest,
  positionOf,
} from "./spelled_labels.ts";
import { varintBytes } from "./varint.ts";

/** The most bytes of series, and room for their elements, which are more of them in the worst case. */
const SERIES_BYTES: usize = 4 << 20, ELEMENTS_BYTES: usize = 2 * SERIES_BYTES;
/** What a series has beside its labels: tags, lengths, the value, the time, the type. */
const SERIES_ROOM: usize = 64;
/** What a label becomes in elements beside its bytes: a literal and a copy about each of its parts. */
const LABEL_ROOM: usize = 32;
/** Of each label, from where the labels of its series start: where its value, or the number of that, starts and ends. */
const PLACE_BYTES: usize = 8;
const CHANGE_BYTES: usize = 8;
/** A series that is longer is not repeated by the next one. */
const MAX_REPEATED: usize = 16_384;

/** Labels of the series before that are looked at for each one. */
const MOST_LOOKED_AT: usize = 8;

/** How many series the request has. */
export let seriesCount: u32 = 0;

/** Where their elements start. */
export let elementsFrom: usize = 0;

let isSecond: bool = false;
/** Labels of the series that differ from those before: the index of each, and the number of its value, four bytes each. */
let changed: usize = 0, changedTo: usize = 0;
let places: usize = 0, placesBefore: usize = 0;

/** The row of the series before; 0 if it cannot be repeated. */
let rowBefore: usize = 0;
/** Where in the stream it starts, its labels start, its sample starts; the lengths of its content and of its labels, and its type. */
let startBefore: usize = 0, labelsBefore: usize = 0, sampleBefore: usize = 0;
let contentBefore: usize = 0, lengthBefore: usize = 0, timeBytesBefore: usize = 0;
let typeBefore: u32 = 0;

/** Lays out memory for series, and returns where it ends. */
export function layOutSeriesOfRequest(at: usize): usize {
  changed = at + 15 & ~15;
  places = changed + CHANGE_BYTES * MAX_LABELS;
  placesBefore = places + PLACE_BYTES * MAX_LABELS;
  elementsFrom = layOutLabels(placesBefore + PLACE_BYTES * MAX_LABELS);
  return elementsFrom + ELEMENTS_BYTES;
}

/** Starts on the series of a request of the first or the second version. */
export function openSeriesOfRequest(second: bool): void {
  isSecond = second;
  seriesCount = 0;
  forgetRowBefore();
  openStream(elementsFrom);
  openSamples();
  if (!second) openLabelsOfRequest();
}

/** The rows of series before are others now. */
export function forgetRowBefore(): void {
  rowBefore = 0;
  forgetLikeLabels();
}

/** Adds a series whose message is at hand, where there is room for it. */
export function addMessage(at: usize, length: usize): bool {
  if (!hasRoom(length, 0)) return false;
  addByte(tag());
  addVarint(length);
  add(at, length);
  rowBefore = 0;
  seriesCount++;
  return true;
}

/** Adds a series of a row, where there is room for it. `type` is what the second version says of it, if that is not 0. */
export function addRow(row: usize, bits: u64, timeMs: u64, type: u32): bool {
  const shape = shapeOf(row), count: usize = load<u16>(shape), timeBytes = timeBytesOf(timeMs);
  const isLike = rowBefore !== 0 && shapeOf(rowBefore) === shape;
  if (isSecond) {
    const isAlike = isLike && type === typeBefore && timeBytes === timeBytesBefore && timeBytes <= COMPARED_TIME;
    if (isAlike && addQuickly(row, shape, count, bits, timeMs)) return true;
    if (!isLike && addUnlikeQuickly(row, shape, count, bits, timeMs, type)) return true;
  }
  if (isLike) compareRows(row, count);
  const length = isLike ? lengthLike(row, shape) : lengthOf(row, shape, count);
  if (length === 0) return false;
  const typeBytes: usize = isSecond && type !== 0 ? 4 : 0;
  const content = (isSecond ? fieldBytes(length) : length) + 12 + timeBytes + typeBytes;
  if (!hasRoom(content, count)) return false;
  // Of a long one some would be too far from what they repeat.
  if (content > MAX_REPEATED) rowBefore = 0;
  const start = streamed, repeats = isLike && rowBefore !== 0;
  if (repeats && content === contentBefore && length === lengthBefore) repeat(startBefore, labelsBefore - startBefore);
  else {
    addByte(tag());
    addVarint(content);
    if (isSecond) {
      addByte(0x0a);
      addVarint(length);
    }
  }
  const labels = streamed;
  if (repeats) addLabelsLike(row, shape, count);
  else addLabels(row, shape, count);
  addEnd(bits, timeMs, timeBytes, type, typeBytes);
  note(row, start, labels, content, length, timeBytes, type);
  return true;
}

/**
 * Adds a series of the second version that is as long as the one before in all of its parts, as nearly all are, by one pass over its
 * labels. False if it is another one, or there is no room for it.
 */
function addQuickly(row: usize, shape: usize, count: usize, bits: u64, timeMs: u64): bool {
  if (!hasRoom(contentBefore, count)) return false;
  const values = valuesOf(row), before = valuesOf(rowBefore), start = streamed, head = labelsBefore - startBefore;
  // What is the same up to the next numbers that differ is repeated at once, and those of neighbours are written at once.
  let from = startBefore, to = from, word: u64 = 0, bytes: usize = 0, next: usize = 0;
  markStream();
  for (let label: usize = 0; label < count; label += 8) {
    const same = i16x8.eq(v128.load(values + 2 * label), v128.load(before + 2 * label));
    for (let differs = i16x8.bitmask(same) ^ 0xff; differs !== 0; differs &= differs - 1) {
      const at = label + ctz(differs), place = places + PLACE_BYTES * at;
      const number = numberInRequest(load<u16>(values + 2 * at)), own = numberBytes(number);
      const valueFrom = labelsBefore + load<u32>(place), valueTo = labelsBefore + load<u32>(place + 4);
      if (number === 0 || own !== valueTo - valueFrom) {
        resetStream();
        return false;
      }
      // The number of the name stands between two values.
      const between = valueFrom - to;
      if (at === next && bytes !== 0 && bytes + between + own <= 8) {
        word |= <u64> numberWord(numberInRequest(load<u16>(shape + 2 + 2 * at))) << (<u64> bytes << 3);
        bytes += between;
      } else {
        if (bytes !== 0) repeatThenAdd(from, to - bytes - from, word, 0, bytes);
        from = to;
        word = 0;
        bytes = 0;
      }
      word |= <u64> numberWord(number) << (<u64> bytes << 3);
      bytes += own;
      to = valueTo;
      next = at + 1;
    }
  }
  if (bytes !== 0) {
    repeatThenAdd(from, to - bytes - from, word, 0, bytes);
    from = to;
  }
  addSampleLike(from, sampleBefore, bits, timeMs, timeBytesBefore, typeBefore === 0 ? 0 : 4);
  sampleBefore += start - startBefore;
  labelsBefore = start + head;
  startBefore = start;
  rowBefore = row;
  seriesCount++;
  return true;
}

/**
 * Adds a series of the second version that is not like the one before, by one pass over its labels: the lengths before them are put in
 * their place when they are known. False if these take more than a byte each, or there is no room for it.
 */
function addUnlikeQuickly(row: usize, shape: usize, count: usize, bits: u64, timeMs: u64, type: u32): bool {
  const timeBytes = timeBytesOf(timeMs), typeBytes: usize = type === 0 ? 0 : 4;
  // Each number of a string has three bytes at most.
  if (!hasRoom(SERIES_ROOM + 6 * count, count)) return false;
  const start = streamed;
  markStream();
  const head = addGap(4);
  const labels = streamed;
  const haveRoom = addLabels(row, shape, count);
  const length = streamed - labels, content = fieldBytes(length) + 12 + timeBytes + typeBytes;
  if (!haveRoom || content >= 0x80) {
    resetStream();
    swapPlaces();
    return false;
  }
  store<u32>(head, 0x000a002a | <u32> content << 8 | <u32> length << 24);
  addEnd(bits, timeMs, timeBytes, type, typeBytes);
  note(row, start, labels, content, length, timeBytes, type);
  return true;
}

function swapPlaces(): void {
  const before = placesBefore;
  placesBefore = places;
  places = before;
}

/** Adds what stands behind the labels. */
function addEnd(bits: u64, timeMs: u64, timeBytes: usize, type: u32, typeBytes: usize): void {
  const sample = streamed;
  if (rowBefore !== 0 && timeBytes === timeBytesBefore && timeBytes <= COMPARED_TIME) {
    const isSame = typeBytes === 0 || typeBefore === type;
    addSampleLike(sampleBefore, sampleBefore, bits, timeMs, timeBytes, isSame ? typeBytes : 0);
    if (!isSame) addWord(typeWord(type), 4);
  } else {
    addSample(bits, timeMs, timeBytes);
    if (typeBytes > 0) addWord(typeWord(type), 4);
  }
  sampleBefore = sample;
}

/** Notes the series that was added. */
function note(row: usize, start: usize, labels: usize, content: usize, length: usize, timeBytes: usize, type: u32): void {
  rowBefore = content > MAX_REPEATED ? 0 : row;
  startBefore = start;
  labelsBefore = labels;
  contentBefore = content;
  lengthBefore = length;
  timeBytesBefore = timeBytes;
  typeBefore = isSecond ? type : 0;
  seriesCount++;
}

/** What a series starts with. */
function tag(): u32 {
  return isSecond ? 0x2a : 0x0a;
}

function hasRoom(content: usize, labels: usize): bool {
  return streamed + content + SERIES_ROOM <= SERIES_BYTES &&
    elementsTo + content + LABEL_ROOM * labels + 2 * SERIES_ROOM <= elementsFrom + ELEMENTS_BYTES;
}

/** Notes which labels have other values than those of the series before. */
function compareRows(row: usize, count: usize): void {
  const values = valuesOf(row), before = valuesOf(rowBefore);
  changedTo = changed;
  for (let label: usize = 0; label < count; label += 8) {
    const same = i16x8.eq(v128.load(values + 2 * label), v128.load(before + 2 * label));
    for (let differs = i16x8.bitmask(same) ^ 0xff; differs !== 0; differs &= differs - 1) {
      store<u32>(changedTo, <u32> label + ctz(differs));
      changedTo += CHANGE_BYTES;
    }
  }
}

/** How many bytes the labels take; 0 if there is no room for their strings. */
function lengthOf(row: usize, shape: usize, count: usize): usize {
  const values = valuesOf(row);
  let length: usize = 0;
  for (let label: usize = 0; label < count; label++) {
    const name = load<u16>(shape + 2 + 2 * label), value = load<u16>(values + 2 * label);
    if (isSecond) {
      const nameNumber = numberInRequest(name), valueNumber = numberInRequest(value);
      if (nameNumber === 0 || valueNumber === 0) return 0;
      length += numberBytes(nameNumber) + numberBytes(valueNumber);
    } else length += fieldBytes(labelBytes(lengthOfString(name), lengthOfString(value)));
  }
  return length;
}

/** How many bytes the number of a string takes, of which there are fewer than 2^16. */
function numberBytes(number: u32): usize {
  return 1 + <usize> (number >= 0x80) + <usize> (number >= 0x4000);
}

/** That number as it is written. */
function numberWord(number: u32): u32 {
  const second = number >>> 7 & 0x7f, third = number >>> 14;
  return number & 0x7f | <u32> (number >= 0x80) << 7 | second << 8 | <u32> (third !== 0) << 15 | third << 16;
}

/** The same of a series that is like the one before. */
function lengthLike(row: usize, shape: usize): usize {
  const values = valuesOf(row);
  let length = lengthBefore;
  for (let at = changed; at < changedTo; at += CHANGE_BYTES) {
    const label: usize = load<u32>(at), place = places + PLACE_BYTES * label, value = load<u16>(values + 2 * label);
    const before: usize = load<u32>(place + 4) - load<u32>(place);
    if (isSecond) {
      const number = numberInRequest(value);
      if (number === 0) return 0;
      store<u32>(at + 4, number);
      length += numberBytes(number) - before;
    } else {
      const name = lengthOfString(load<u16>(shape + 2 + 2 * label));
      length += fieldBytes(labelBytes(name, lengthOfString(value))) - fieldBytes(labelBytes(name, before));
    }
  }
  return length;
}

/** Adds the labels of a series that is like the one before, and notes where they are. */
function addLabelsLike(row: usize, shape: usize, count: usize): void {
  const values = valuesOf(row), valuesBefore = valuesOf(rowBefore);
  let from: usize = 0, haveMoved = false;
  for (let at = changed; at < changedTo; at += CHANGE_BYTES) {
    const label: usize = load<u32>(at), place = places + PLACE_BYTES * label;
    const valueFrom: usize = load<u32>(place), valueTo: usize = load<u32>(place + 4);
    if (isSecond) {
      const number = load<u32>(at + 4), bytes = numberBytes(number);
      repeatThenAdd(labelsBefore + from, valueFrom - from, numberWord(number), 0, bytes);
      if (bytes !== valueTo - valueFrom) haveMoved = true;
    } else {
      const value = load<u16>(values + 2 * label);
      const name = load<u16>(shape + 2 + 2 * label), nameLength = lengthOfString(name), other = load<u16>(valuesBefore + 2 * label);
      const string = stringAt(value), length: usize = load<u32>(string - 4), before = valueTo - valueFrom;
      const labelFrom: usize = label === 0 ? 0 : load<u32>(place - 4);
      if (length !== before) haveMoved = true;
      repeat(labelsBefore + from, labelFrom - from);
      // How far back it is counts from here.
      const known = positionOf(name, value);
      notePosition(name, value, streamed);
      if (known !== 0) repeat(known, fieldBytes(labelBytes(nameLength, length)));
      else {
        if (length === before) {
          repeat(labelsBefore + labelFrom, valueFrom - labelFrom);
          addValueLike(string, length, stringAt(other), labelsBefore + valueFrom);
        } else addLabel(name, value);
      }
      // Where it was first it may be too far back when it is needed again.
      notePosition(name, other, labelsBefore + labelFrom);
    }
    from = valueTo;
  }
  repeat(labelsBefore + from, lengthBefore - from);
  if (haveMoved) moveLabels(values, shape, count);
}

/** Notes where labels are, of which some are longer or shorter than before. */
function moveLabels(values: usize, shape: usize, count: usize): void {
  let shift: usize = 0, at = changed;
  for (let label: usize = load<u32>(changed); label < count; label++) {
    const place = places + PLACE_BYTES * label, to: usize = load<u32>(place + 4);
    let from: usize = load<u32>(place), length = to - from;
    from += shift;
    if (at < changedTo && <usize> load<u32>(at) === label) {
      const before = length;
      if (isSecond) length = numberBytes(load<u32>(at + 4));
      else {
        const value = load<u16>(values + 2 * label);
        const name = lengthOfString(load<u16>(shape + 2 + 2 * label));
        length = lengthOfString(value);
        from += varintBytes(length) + varintBytes(labelBytes(name, length));
        from -= varintBytes(before) + varintBytes(labelBytes(name, before));
      }
      shift = from + length - to;
      at += CHANGE_BYTES;
    }
    store<u32>(place, <u32> from);
    store<u32>(place + 4, <u32> (from + length));
  }
}

/**
 * Adds the labels of a series that is not like the one before, and notes where they are. Those that it has in common are repeated. False
 * if there is no room for the strings of the others.
 */
function addLabels(row: usize, shape: usize, count: usize): bool {
  swapPlaces();
  const values = valuesOf(row), start = streamed;
  const shapeBefore: usize = rowBefore === 0 ? 0 : shapeOf(rowBefore);
  const countBefore: usize = shapeBefore === 0 ? 0 : load<u16>(shapeBefore);
  let next: usize = 0;
  for (let label: usize = 0; label < count; label++) {
    const name = load<u16>(shape + 2 + 2 * label), value = load<u16>(values + 2 * label), place = places + PLACE_BYTES * label;
    const most = min(countBefore, next + MOST_LOOKED_AT);
    let like = next;
    while (like < most && load<u16>(shapeBefore + 2 + 2 * like) !== name) like++;
    const isThere = like < most;
    if (isThere) next = like + 1;
    if (isThere && load<u16>(valuesOf(rowBefore) + 2 * like) === value) {
      const likePlace = placesBefore + PLACE_BYTES * like, likeFrom: usize = like === 0 ? 0 : load<u32>(likePlace - 4);
      const likeTo: usize = load<u32>(likePlace + 4);
      repeat(labelsBefore + likeFrom, likeTo - likeFrom);
      store<u32>(place, <u32> (streamed - start - (likeTo - load<u32>(likePlace))));
    } else if (isSecond) {
      const nameNumber = numberInRequest(name), number = numberInRequest(value);
      if (nameNumber === 0 || number === 0) return false;
      const nameBytes = numberBytes(nameNumber), bytes = numberBytes(number);
      addWord(<u64> numberWord(nameNumber) | <u64> numberWord(number) << (<u64> nameBytes << 3), nameBytes + bytes);
      store<u32>(place, <u32> (streamed - start - bytes));
    } else {
      const nameLength = lengthOfString(name), valueLength = lengthOfString(value), known = positionOf(name, value);
      const length = labelBytes(nameLength, valueLength), labelAt = streamed;
      if (known !== 0) repeat(known, fieldBytes(length));
      else addLabel(name, value);
      notePosition(name, value, labelAt);
      store<u32>(place, <u32> (streamed - start - valueLength));
    }
    store<u32>(place + 4, <u32> (streamed - start));
  }
  return true;
}

/** What the second version says of a series' metric. */
function typeWord(type: u32): u32 {
  return 0x0008022a | type << 24;
}
