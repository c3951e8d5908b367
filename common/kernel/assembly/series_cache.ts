/**
 * The series of one cluster, with numbers in place of strings: what its lines have come to before need not be read again.
 *
 * A *string* is a name or value of a label, a *shape* the names of the labels of a series in order, a *row* a series: its key, its
 * shape, and its values. What is here outlives the cluster's turn as bytes that the caller keeps.
 *
 * @module
 */

import { copy, equal, scatter } from "./bytes.ts";
import { hashOfString, numberOfKnown } from "./request_symbols.ts";
import { FORGOTTEN, MORE, SAME } from "./status.ts";
import { CHANGES, changesTo, LABEL_BYTES, labelsAt, labelsTo } from "./line_labels.ts";

/** The most labels of a series that is sent: one with more is left out. */
export const MAX_LABELS: usize = 16_384;
/** Room for strings, each with its hash and its length before it, of shapes, and of rows. */
const STRINGS_BYTES: usize = 3 << 20, SHAPES_BYTES: usize = 1 << 17, ROWS_BYTES: usize = 4 << 20;
/** The most strings of a cluster whose series are known; of one with more, lines are read each time. */
const MAX_STRINGS: u32 = 32_768;
/** The most series of such a cluster. */
const MAX_ROWS: u32 = 65_536;
/** Slots of the tables, of which at most half are taken. */
const MOST_STRING_SLOTS: u32 = 2 * MAX_STRINGS, MOST_ROW_SLOTS: u32 = 2 * MAX_ROWS, FIRST_SLOTS: u32 = 1 << 10;
/** Slots tried: more are taken in a row only by intent, and what is not found is taken for new then. */
const MAX_PROBES: u32 = 64;
/** Of a string, before its bytes. */
const STRING_HEAD: usize = 8;
/** Of each string by its number: where its hash is, and its number in the request at hand, 0 if it has none there. */
const PLACE_BYTES: usize = 8;
/** Of a row, before its values: its key, its shape as half of where that starts, the pass that met it last. */
const ROW_HEAD: usize = 12, ROW_SHAPE: usize = 8, ROW_PASS: usize = 10;
/** Values of a row are compared by so many. */
const LANES: usize = 8;
/** The number of no string. */
const NONE: u32 = 0xffffffff;

/** Where strings start and end. */
export let stringsFrom: usize = 0, stringsTo: usize = 0;
/** Where shapes start and end. */
export let shapesFrom: usize = 0, shapesTo: usize = 0;
/** Where rows start and end. */
export let rowsFrom: usize = 0, rowsTo: usize = 0;
/** How many rows there are. */
export let rowCount: u32 = 0;
/** Tells the rows that were met in this turn. */
export let pass: u32 = 0;

let stringCount: u32 = 0;
let placesFrom: usize = 0;
let stringSlotsFrom: usize = 0, stringSlots: u32 = 0;
let rowSlotsFrom: usize = 0, rowSlots: u32 = 0;

/** How many rows were met, and whether there are new ones. */
let met: u32 = 0, hasNew: bool = false;
/** Whether what is here cannot be kept: there was no room, or two series have one key. */
let isSpoilt: bool = false;
/** The row that comes next if series come as they did before. */
let nextRow: usize = 0;
/** The row that was added last, and that of the line that others are like. */
let lastRow: usize = 0, modelRow: usize = 0;
/** A shape that came before that of the row that was added last: two often come by turns. */
let otherShape: usize = 0;

/** Lays out memory, and returns where it ends. */
export function layOutSeries(at: usize): usize {
  stringsFrom = at + 15 & ~15;
  placesFrom = stringsFrom + STRINGS_BYTES;
  stringSlotsFrom = placesFrom + MAX_STRINGS * PLACE_BYTES;
  shapesFrom = stringSlotsFrom + MOST_STRING_SLOTS * 4;
  rowsFrom = shapesFrom + SHAPES_BYTES;
  rowSlotsFrom = rowsFrom + ROWS_BYTES;
  return rowSlotsFrom + MOST_ROW_SLOTS * 4;
}

/** Starts on a cluster of which nothing is known. */
export function openSeries(): void {
  forgetSeries();
  pass = 1;
  isSpoilt = false;
}

/** Makes room by forgetting all, which cannot be kept then. */
export function forgetSeries(): void {
  stringsTo = stringsFrom;
  shapesTo = shapesFrom;
  rowsTo = nextRow = rowsFrom;
  stringCount = rowCount = met = 0;
  stringSlots = rowSlots = 0;
  lastRow = modelRow = otherShape = 0;
  hasNew = false;
  isSpoilt = true;
}

/**
 * Takes what is known of the cluster at hand, as it was at the end of an earlier turn: so many bytes of strings, shapes and rows, which the
 * caller has put where each of them starts, how many rows there are, and the pass.
 */
export function knowSeries(strings: usize, shapes: usize, rows: usize, count: u32, passBefore: u32): void {
  stringsTo = stringsFrom + strings;
  shapesTo = shapesFrom + shapes;
  rowsTo = rowsFrom + rows;
  rowCount = count;
  pass = passBefore + 1;
  for (let string = stringsFrom; string < stringsTo; string += STRING_HEAD + load<u32>(string + 4)) {
    store<u64>(placeOf(stringCount++), <u64> string);
  }
}

/** How what is known of the series of the cluster has changed in its turn: a status. */
export function changeOfSeries(): i32 {
  // It cannot be told apart any more what was met, or too many series have gone: also if all have other keys by now.
  if (isSpoilt || pass === 0xffff || rowCount - met > rowCount / (hasNew ? 3 : 2)) return FORGOTTEN;
  return hasNew ? MORE : SAME;
}

/** Strings have no number in the request that starts now. */
export function forgetNumbers(): void {
  for (let place = placesFrom, end = placesFrom + stringCount * PLACE_BYTES; place < end; place += PLACE_BYTES) {
    store<u32>(place + 4, 0);
  }
}

/** Where a string is noted: where its hash is, and its number in the request. */
function placeOf(string: u32): usize {
  return placesFrom + string * PLACE_BYTES;
}

/** Where the bytes of a string are, whose length stands in the four before. */
export function stringAt(string: u32): usize {
  return load<u32>(placeOf(string)) + STRING_HEAD;
}

/** How long a string is. */
export function lengthOfString(string: u32): usize {
  return load<u32>(stringAt(string) - 4);
}

/** The number of a string in the request; 0 if there is no room for it. */
export function numberInRequest(string: u32): u32 {
  const place = placeOf(string), known = load<u32>(place + 4);
  if (known !== 0) return known;
  const number = numberOfKnown(load<u32>(place));
  store<u32>(place + 4, number);
  return number;
}

/** The shape of a row: how many labels it has, and the numbers of their names, of two bytes each. */
export function shapeOf(row: usize): usize {
  return shapesFrom + (<usize> load<u16>(row + ROW_SHAPE) << 1);
}

/** Where the numbers of the values of a row start, of two bytes each. */
export function valuesOf(row: usize): usize {
  return row + ROW_HEAD;
}

/** The row of a series by its key; 0 if there is none, or it was met before in this turn: then two have one key. */
export function findSeries(key: u64): usize {
  let row = nextRow;
  if (row === rowsTo || load<u64>(row) !== key) row = lookUp(key);
  if (row === 0) return 0;
  if (load<u16>(row + ROW_PASS) === <u16> pass) {
    isSpoilt = true;
    return 0;
  }
  return row;
}

/** Notes that a row was met. */
export function meetSeries(row: usize): void {
  store<u16>(row + ROW_PASS, <u16> pass);
  met++;
  nextRow = row + rowBytes(load<u16>(shapeOf(row)));
}

/** Adds the series of the line that was read last, and returns its row; 0 if there is no room for it. */
export function addSeries(key: u64, isLike: bool): usize {
  const count = isLike ? <usize> load<u16>(shapeOf(modelRow)) : labelsTo - labelsAt >>> 4;
  const row = rowsTo, end = row + rowBytes(count);
  if (count > MAX_LABELS || rowCount === MAX_ROWS || end > rowsFrom + ROWS_BYTES) return 0;
  const values = row + ROW_HEAD;
  if (isLike) {
    memory.copy(row, modelRow, end - row);
    for (let change = CHANGES; change < changesTo; change += LABEL_BYTES) {
      const label: usize = load<u32>(change);
      const value = numbered(nearValue(label), load<u32>(change + 8), load<u32>(change + 12));
      if (value === NONE) return 0;
      store<u16>(values + 2 * label, <u16> value);
    }
  } else {
    const shape = addShape();
    if (shape === 0) return 0;
    store<u16>(row + ROW_SHAPE, <u16> (shape - shapesFrom >>> 1));
    for (let label: usize = 0; label < count; label++) {
      const at = labelsAt + LABEL_BYTES * label;
      const value = numbered(nearValue(label), load<u32>(at + 8), load<u32>(at + 12));
      if (value === NONE) return 0;
      store<u16>(values + 2 * label, <u16> value);
    }
    for (let at = values + 2 * count; at < end; at += 2) store<u16>(at, 0);
    modelRow = row;
  }
  store<u64>(row, key);
  store<u16>(row + ROW_PASS, 0);
  lastRow = row;
  rowsTo = end;
  rowCount++;
  hasNew = true;
  if (rowSlots !== 0) {
    if (rowCount > rowSlots / 2) rowSlots = 0;
    else fillRow(row);
  }
  return row;
}

/** How long a row of so many labels is. */
function rowBytes(labels: usize): usize {
  return ROW_HEAD + 2 * (labels + LANES - 1 & ~(LANES - 1));
}

/** The number of the value that the series before has for the label of this index. */
function nearValue(label: usize): u32 {
  return lastRow !== 0 && label < <usize> load<u16>(shapeOf(lastRow)) ? <u32> load<u16>(valuesOf(lastRow) + 2 * label) : NONE;
}

/** The shape of the line that was read last: one of the last two if it is the same. 0 if there is no room for it. */
function addShape(): usize {
  const count = labelsTo - labelsAt >>> 4, before: usize = lastRow === 0 ? 0 : shapeOf(lastRow);
  const countBefore: usize = before === 0 ? 0 : load<u16>(before);
  const shape = shapesTo, end = shape + 2 + 2 * count;
  if (end > shapesFrom + SHAPES_BYTES) return 0;
  let isSame = countBefore === count;
  store<u16>(shape, <u16> count);
  for (let label: usize = 0; label < count; label++) {
    const at = labelsAt + LABEL_BYTES * label;
    const near: u32 = label < countBefore ? <u32> load<u16>(before + 2 + 2 * label) : NONE;
    const name = numbered(near, load<u32>(at), load<u32>(at + 4));
    if (name === NONE) return 0;
    if (name !== near) isSame = false;
    store<u16>(shape + 2 + 2 * label, <u16> name);
  }
  if (isSame) return before;
  const other = otherShape;
  otherShape = before;
  if (other !== 0 && memory.compare(other, shape, 2 + 2 * count) === 0) return other;
  shapesTo = end;
  return shape;
}

/** The number of a string, which may be the one that is near; {@linkcode NONE} if there is no room for it. */
function numbered(near: u32, at: usize, length: usize): u32 {
  if (near !== NONE) {
    const known = load<u32>(placeOf(near));
    if (load<u32>(known + 4) === <u32> length && equal(known + STRING_HEAD, at, length)) return near;
  }
  if (stringCount >= stringSlots / 2 && stringSlots < MOST_STRING_SLOTS) fillStrings();
  const hash = hashOfString(at, length);
  let slot = hash & stringSlots - 1, entry: usize = 0;
  for (let probes: u32 = 0; probes < MAX_PROBES; probes++, slot = slot + 1 & stringSlots - 1) {
    entry = stringSlotsFrom + slot * 4;
    const taken = load<u32>(entry);
    if (taken === 0) break;
    const known = load<u32>(placeOf(taken - 1));
    if (load<u32>(known) === hash && load<u32>(known + 4) === <u32> length && equal(known + STRING_HEAD, at, length)) {
      return taken - 1;
    }
  }
  if (stringCount === MAX_STRINGS || stringsTo + STRING_HEAD + length + 16 > stringsFrom + STRINGS_BYTES) return NONE;
  store<u32>(stringsTo, hash);
  store<u32>(stringsTo + 4, <u32> length);
  store<u64>(placeOf(stringCount), <u64> stringsTo);
  stringsTo = copy(at, length, stringsTo + STRING_HEAD);
  stringCount++;
  if (load<u32>(entry) === 0) store<u32>(entry, stringCount);
  return stringCount - 1;
}

/** Puts all strings into a table of which they take a quarter at most. */
function fillStrings(): void {
  stringSlots = FIRST_SLOTS;
  while (stringSlots < 4 * stringCount && stringSlots < MOST_STRING_SLOTS) stringSlots *= 2;
  memory.fill(stringSlotsFrom, 0, stringSlots * 4);
  for (let string: u32 = 0; string < stringCount; string++) {
    const hash = load<u32>(load<u32>(placeOf(string)));
    takeSlot(stringSlotsFrom, stringSlots, hash, string + 1);
  }
}

function lookUp(key: u64): usize {
  if (rowSlots === 0) fillRows();
  let slot = scatter(key) & rowSlots - 1;
  for (let probes: u32 = 0; probes < MAX_PROBES; probes++, slot = slot + 1 & rowSlots - 1) {
    const row = <usize> load<u32>(rowSlotsFrom + slot * 4);
    if (row === 0 || load<u64>(row) === key) return row;
  }
  return 0;
}

/** Puts all rows into a table of which they take a quarter at most. */
function fillRows(): void {
  rowSlots = FIRST_SLOTS;
  while (rowSlots < 4 * rowCount && rowSlots < MOST_ROW_SLOTS) rowSlots *= 2;
  memory.fill(rowSlotsFrom, 0, rowSlots * 4);
  for (let row = rowsFrom; row < rowsTo; row += rowBytes(load<u16>(shapeOf(row)))) fillRow(row);
}

function fillRow(row: usize): void {
  takeSlot(rowSlotsFrom, rowSlots, scatter(load<u64>(row)), <u32> row);
}

/** Puts what is not 0 into the first free slot. */
function takeSlot(from: usize, slots: u32, hash: u32, what: u32): void {
  let slot = hash & slots - 1;
  for (let probes: u32 = 0; probes < MAX_PROBES; probes++, slot = slot + 1 & slots - 1) {
    if (load<u32>(from + slot * 4) !== 0) continue;
    store<u32>(from + slot * 4, what);
    return;
  }
}
