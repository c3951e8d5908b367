/**
 * The labels of lines of the text format, as the kernel itself writes them, one line after the other; names in quotes are read as
 * well. Neighbouring lines differ in values of few labels: such a line is read by what it has in common with another one.
 *
 * @module
 */

import { find, findEither } from "./bytes.ts";

/** `__name__`. */
const NAME_LABEL: usize = memory.data<u8>([
  0x5f, 0x5f, 0x6e, 0x61, 0x6d, 0x65, 0x5f, 0x5f, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const NAME_LABEL_BYTES: usize = 8;

/** How long a label is: where its name is, how long, the same of its value. */
export const LABEL_BYTES: usize = 16;

/** Lines with more labels in their text than this are like no other. */
const MOST_SPANS: usize = 64;
/** Of each value in the text: where it starts and ends, from the start of the line; which label it is. */
const SPAN_BYTES: usize = 12;
const SPANS: usize = memory.data(768, 16);
const NO_LABEL: u32 = 0xffffffff;

/** Labels of the line that was read by {@linkcode readLabels}, in order by name; those that are empty are none. */
export let labelsAt: usize = 0;
/** Where they end. */
export let labelsTo: usize = 0;
/** Which of these labels have other values in the line that was read by {@linkcode readLike}: as labels are, with the number of the label in place of the name. */
export const CHANGES: usize = memory.data(1_024, 16);
/** Where they end. */
export let changesTo: usize = 0;

/** Where the line is that others are like; 0 if there is none. */
let modelAt: usize = 0;
/** Where its value starts. */
let modelEnd: usize = 0;
let spansTo: usize = 0;
/** Where strings go that had escapes. */
let scratchAt: usize = 0;
let scratchTo: usize = 0;
/** Where reading stands behind a string, and what it is. */
let behind: usize = 0;
let stringAt: usize = 0;
let stringLength: usize = 0;

/** Says where strings go that had escapes, and where labels go. No line is like one from before. */
export function openLabels(scratch: usize, labels: usize): void {
  scratchAt = scratch;
  labelsAt = labels;
  modelAt = 0;
}

/** Reads name and labels, and returns where the value starts. */
export function readLabels(at: usize): usize {
  modelAt = at;
  spansTo = SPANS;
  scratchTo = scratchAt;
  labelsTo = labelsAt;
  let nameAt = at, nameLength: usize = 0;
  let hasLabels = false;
  if (load<u8>(at) === 0x7b) {
    hasLabels = true;
    readString(at + 2);
    nameAt = stringAt;
    nameLength = stringLength;
    at = behind;
    if (load<u8>(at) === 0x2c) at++;
  } else {
    at = findEither(at, 0x7b, 0x20);
    nameLength = at - nameAt;
    if (load<u8>(at) === 0x7b) {
      hasLabels = true;
      at++;
    }
  }
  addLabel(NAME_LABEL, NAME_LABEL_BYTES, nameAt, nameLength);
  if (hasLabels) {
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
      const valueAt = at + 2;
      readString(valueAt);
      let label = NO_LABEL;
      if (stringLength > 0) label = addLabel(labelAt, labelLength, stringAt, stringLength);
      at = behind;
      addSpan(valueAt, at - 1, label);
      if (load<u8>(at) === 0x2c) at++;
    }
    // Behind the brace.
    at++;
  }
  modelEnd = at + 1;
  return modelEnd;
}

/**
 * Reads a line that differs in values of labels alone from the one that was read by {@linkcode readLabels}, and returns where its
 * value starts; 0 if it differs in more, or cannot be read so.
 */
export function readLike(at: usize): usize {
  if (modelAt === 0) return 0;
  changesTo = CHANGES;
  let other = modelAt, span = SPANS;
  while (true) {
    let differs = v128.xor(v128.load(at), v128.load(other));
    while (!v128.any_true(differs) && other < modelEnd) {
      at += 16;
      other += 16;
      differs = v128.xor(v128.load(at), v128.load(other));
    }
    const length: usize = ctz(~i8x16.bitmask(i8x16.eq(differs, i8x16.splat(0))));
    at += length;
    other += length;
    if (other >= modelEnd) break;
    const place = <u32> (other - modelAt);
    while (span < spansTo && load<u32>(span + 4) < place) span += SPAN_BYTES;
    if (span === spansTo) return 0;
    const start = load<u32>(span), label = load<u32>(span + 8);
    if (place < start || label === NO_LABEL) return 0;
    const valueAt = at - (place - start);
    at = findEither(valueAt, 0x22, 0x5c);
    if (load<u8>(at) !== 0x22 || at === valueAt) return 0;
    store<u32>(changesTo, label);
    store<u32>(changesTo + 8, <u32> valueAt);
    store<u32>(changesTo + 12, <u32> (at - valueAt));
    changesTo += LABEL_BYTES;
    other = modelAt + load<u32>(span + 4);
    span += SPAN_BYTES;
  }
  return at - (other - modelEnd);
}

/** Remembers where a value is; without a model if labels are not in order in the text, or too many. */
function addSpan(start: usize, end: usize, label: u32): void {
  const isLast = label === NO_LABEL || label === <u32> (labelsTo - labelsAt >>> 4) - 1;
  if (!isLast || spansTo === SPANS + MOST_SPANS * SPAN_BYTES) modelAt = 0;
  if (modelAt === 0) return;
  store<u32>(spansTo, <u32> (start - modelAt));
  store<u32>(spansTo + 4, <u32> (end - modelAt));
  store<u32>(spansTo + 8, label);
  spansTo += SPAN_BYTES;
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

/** Puts a label in its place by name, nearly always the last one, and returns its number. */
function addLabel(nameAt: usize, nameLength: usize, valueAt: usize, valueLength: usize): u32 {
  let to = labelsTo;
  while (to > labelsAt && isBefore(nameAt, nameLength, load<u32>(to - LABEL_BYTES), load<u32>(to - LABEL_BYTES + 4))) {
    v128.store(to, v128.load(to - LABEL_BYTES));
    to -= LABEL_BYTES;
  }
  store<u32>(to, <u32> nameAt);
  store<u32>(to + 4, <u32> nameLength);
  store<u32>(to + 8, <u32> valueAt);
  store<u32>(to + 12, <u32> valueLength);
  labelsTo += LABEL_BYTES;
  return <u32> (to - labelsAt >>> 4);
}

function isBefore(one: usize, oneLength: usize, other: usize, otherLength: usize): bool {
  const length = min(oneLength, otherLength);
  for (let i: usize = 0; i < length; i++) {
    const a = load<u8>(one + i), b = load<u8>(other + i);
    if (a !== b) return a < b;
  }
  return oneLength < otherLength;
}
