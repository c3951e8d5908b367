/**
 * The samples of a family, one after the other: read, checked, written as lines.
 *
 * What the kernel does not know it asks its caller for: it stops with a status, and goes on when it is called again.
 *
 * @module
 */

import { aligned, reserve } from "./arena.ts";
import { copy, equal, hashBytes, mix, scatter } from "./bytes.ts";
import { setValuesHash, valuesHash, writeValue } from "./label_value.ts";
import {
  SEGMENT_ALWAYS,
  SEGMENT_BYTES,
  SEGMENT_HEAD,
  SEGMENT_LENGTH,
  SEGMENT_SOURCE,
  SHAPE_ELIDED,
  SHAPE_ELIDED_AT,
  SHAPE_HASH,
  SHAPE_IDENTITY,
  SHAPE_IDENTITY_AT,
  SHAPE_QUOTED,
  SHAPE_ROOM,
  SHAPE_SEGMENTS,
  SHAPE_SEGMENTS_AT,
} from "./layout.ts";
import { writeSmallInteger } from "./number.ts";
import { cursor, fail, fault, forgive, readLength, readTag, seek, skipField } from "./protobuf.ts";
import { addSample, clearSlots, layOutTable, noteNumbers } from "./sample_table.ts";
import {
  hasUnknown,
  hasValue,
  labelCount,
  longest,
  readSample,
  setSpans,
  spans,
  timestampMs,
  value,
} from "./sample.ts";
import { findShape, layOutShapes } from "./shapes.ts";
import {
  BAD_TIME,
  CHOOSE,
  COLLISIONS,
  DONE,
  LEARN,
  LINES,
  LONG_LABEL_NAME,
  LONG_LABEL_VALUE,
  NO_VALUE,
  NUMBER,
  OTHER_IDENTITY,
  POINTS,
  TOO_MANY_SERIES,
  TOO_MUCH_TEXT,
  UNKNOWN_FIELD,
} from "./status.ts";

/** Room for what a line has besides its name and labels: braces, a number, the line feed, what copies write past it. */
const LINE_ROOM: usize = 128;

// What to do with the samples of a family.
const KEEP: u32 = 0, DROP: u32 = 1, ASK: u32 = 2;

// What comes next for the sample at hand.
const READ: u32 = 0, CHECK: u32 = 1, WRITE: u32 = 2, DECIDE: u32 = 3, END: u32 = 4;

let maxSeries: u32 = 0;
let maxLabelBytes: usize = 0;
let maxTextBytes: usize = 0;

// The push.
let identityAt: usize = 0;
let oldestMs: f64 = 0;
let newestMs: f64 = 0;
let nowMs: f64 = 0;
let honorsTimes: bool = true;
let seriesCount: u32 = 0;
/** Where the text starts. */
export let textAt: usize = 0;
/** Where the next line goes. */
export let out: usize = 0;
/** Samples that came. */
export let received: u32 = 0;
/** Samples that were dropped. */
export let dropped: u32 = 0;

/** What nobody can know, so that hashes of series tell series of this kernel apart and no others. */
let seriesSeed: u64 = 0;
/** Of the series whose samples were kept since it was taken. */
let seriesHash: u64 = 0;

// The family.
let familyEnd: usize = 0;
let nameAt: usize = 0;
let nameLength: usize = 0;
let nameHash: u64 = 0;
let valueTag: u32 = 0;
let compound: bool = false;
let verdict: u32 = KEEP;
let quotedName: bool = false;
/** Whether a name in the lines of the family stands in quotes. */
export let quoted: bool = false;

// The sample.
/** A hash of which labels are empty: in that of the values, names that start alike stand for no more. */
let gaps: u32 = 0;
let step: u32 = READ;
/** Where it ends. */
export let sampleEnd: usize = 0;
/** Where it starts. */
export let sampleAt: usize = 0;
/** Its shape. */
export let shape: usize = 0;
/** Where the name and labels of its line start. */
export let keyStart: usize = 0;
let keyEnd: usize = 0;

/** Sets limits, lays out memory for what outlives a push, and returns where it ends. */
export function configure(
  at: usize,
  labels: u32,
  series: u32,
  labelBytes: usize,
  textBytes: usize,
  shapeBytes: usize,
): usize {
  maxSeries = series;
  maxLabelBytes = labelBytes;
  maxTextBytes = textBytes;
  at = aligned(at);
  setSpans(at, labels);
  return layOutShapes(at + 16 * <usize> labels, shapeBytes);
}

/** Sets what hashes of series depend on beside the series. */
export function seedSeriesHash(keyed: u32): void {
  seriesSeed = <u64> keyed << 32 ^ 0x9e3779b97f4a7c15;
}

/**
 * Takes the hash of the series of single lines whose samples were kept since it was taken last, in any order: 52 bits as a double. What
 * a series is named by is its family, the names of its labels, and their values.
 */
export function takeSeriesHash(): f64 {
  const hash = seriesHash >>> 12;
  seriesHash = 0;
  return <f64> hash;
}

/**
 * Starts on a push of `length` bytes. Behind them, at `identity`, stand for each label of the token where its value is and
 * how long it is, four bytes each; all of that ends at `end`. What may be that old is `oldest`. Where timestamps are not
 * honored, all samples are of `now`.
 */
export function openPush(
  length: usize,
  identity: usize,
  end: usize,
  oldest: f64,
  newest: f64,
  now: f64,
  honors: bool,
): void {
  honorsTimes = honors;
  identityAt = identity;
  oldestMs = oldest;
  newestMs = newest;
  nowMs = now;
  received = 0;
  dropped = 0;
  seriesCount = 0;
  seriesHash = 0;
  step = READ;
  // No sample that is kept is shorter than that: two bytes about it, two of a value that may be empty, and a timestamp.
  const shortest: usize = honors ? 6 : 4;
  textAt = layOutTable(end, min<u32>(maxSeries, <u32> (length / shortest)) + 1);
  reserve(textAt + 0x10000);
  clearSlots();
  out = textAt;
}

/**
 * Starts on a family whose samples stand among the fields from `at` to `end`. Its name is at `name`, or if it has to stand in
 * quotes what its lines start with: brace, quotes, comma; its samples have their values under the tag `tag`; each of a
 * compound type is several lines. `what` is 0 to keep all samples, 1 to drop them, 2 to ask of each.
 */
export function openFamily(
  at: usize,
  end: usize,
  name: usize,
  bytes: usize,
  inQuotes: bool,
  tag: u32,
  lines: bool,
  what: u32,
): void {
  seek(at);
  familyEnd = end;
  nameAt = name;
  nameLength = bytes;
  nameHash = hashBytes(0, name, bytes);
  valueTag = tag;
  compound = lines;
  verdict = what;
  quotedName = inQuotes;
  quoted = inQuotes;
  step = READ;
}

/** Says where the next line goes. */
export function setOut(at: usize): void {
  out = at;
}

/** Answers {@linkcode CHOOSE}. */
export function choose(keep: bool): void {
  if (!keep) drop();
}

/** Drops the sample at hand. */
export function drop(): void {
  dropped++;
  out = keyStart;
  step = READ;
}

/** Passes over the sample at hand, of which something was wrong. */
export function skipSample(): void {
  out = keyStart;
  seek(sampleEnd);
  step = READ;
}

/** Goes on with the samples of the family, and tells why it stopped. */
export function readSamples(): i32 {
  forgive();
  while (true) {
    if (step === READ) {
      if (cursor >= familyEnd) return DONE;
      const tag = readTag(familyEnd);
      if (fault !== 0) return fault;
      if (tag !== 0x22) {
        skipField(tag, familyEnd, 0);
        if (fault !== 0) return fault;
        continue;
      }
      sampleEnd = readLength(familyEnd);
      if (fault !== 0) return fault;
      sampleAt = cursor;
      keyStart = out;
      if (++received > maxSeries) return TOO_MANY_SERIES;
      readSample(sampleEnd, valueTag, compound);
      if (fault !== 0) return fault;
      step = CHECK;
      if (compound && hasValue) return POINTS;
    }
    if (step === CHECK) {
      if (honorsTimes && !(timestampMs >= oldestMs && timestampMs <= newestMs)) return fail(BAD_TIME, sampleAt);
      if (!hasValue) return fail(NO_VALUE, sampleAt);
      if (hasUnknown) return fail(UNKNOWN_FIELD, sampleAt);
      if (longest > maxLabelBytes && tooLong()) return fault;
      step = WRITE;
    }
    if (step === WRITE) {
      shape = findShape();
      if (shape === 0) return LEARN;
      if (!hasIdentity()) return fail(OTHER_IDENTITY, sampleAt);
      quoted = quoted || load<u32>(shape + SHAPE_QUOTED) !== 0;
      reserve(out + nameLength + 2 * (sampleEnd - sampleAt) + load<u32>(shape + SHAPE_ROOM) + LINE_ROOM);
      step = DECIDE;
      if (!writeKey()) return fault;
      if (compound) return LINES;
      if (verdict === ASK) return CHOOSE;
    }
    if (step === DECIDE) {
      if (verdict === DROP) {
        drop();
        continue;
      }
      store<u8>(out++, 0x20);
      step = END;
      const end = writeSmallInteger(value, out);
      if (end === 0) return NUMBER;
      out = end;
    }
    store<u8>(out++, 0x0a);
    const status = keep(1);
    if (status !== 0) return status;
  }
}

/** Keeps the sample at hand, which has so many lines. Returns a status, or 0. */
export function keep(lineCount: u32): i32 {
  if (out - textAt > maxTextBytes) return TOO_MUCH_TEXT;
  seriesCount += lineCount;
  if (seriesCount > maxSeries) return TOO_MANY_SERIES;
  // What claims to be of the future ages from its arrival on: otherwise it would be shown for longer than the rest.
  const age = <u32> ((honorsTimes ? min<f64>(timestampMs, nowMs) : nowMs) - oldestMs);
  if (!addSample(keyStart, keyEnd, scatter(valuesHash), out, lineCount, age)) return COLLISIONS;
  const names = <u64> load<u32>(shape + SHAPE_HASH) | <u64> gaps << 32;
  const key = mix(seriesSeed, i64x2.replace_lane(i64x2.splat(valuesHash), 1, names));
  seriesHash += key;
  if (!compound) noteNumbers(key, value);
  step = READ;
  return 0;
}

/** Says where the name and labels stand that name the series of the sample at hand. */
export function setKey(start: usize, end: usize): void {
  keyStart = start;
  keyEnd = end;
}

function tooLong(): bool {
  for (let at = spans, end = spans + 16 * labelCount; at < end; at += 8) {
    const start = <usize> load<u32>(at);
    if (<usize> load<u32>(at + 4) - start > maxLabelBytes) {
      fail((at - spans & 8) === 0 ? LONG_LABEL_NAME : LONG_LABEL_VALUE, start);
      return true;
    }
  }
  return false;
}

function hasIdentity(): bool {
  const count = load<u32>(shape + SHAPE_IDENTITY);
  const indexes = load<u32>(shape + SHAPE_IDENTITY_AT);
  for (let i: u32 = 0; i < count; i++) {
    const span = spans + 16 * load<u32>(indexes + 4 * i);
    const start = load<u32>(span + 8), length = load<u32>(span + 12) - start;
    const wanted = identityAt + 8 * i;
    if (length !== load<u32>(wanted + 4) || !equal(start, load<u32>(wanted), length)) return false;
  }
  return true;
}

/** Writes name and labels, `a="b"` for each; an empty label is an absent one, and shown only where it must be. */
function writeKey(): bool {
  setValuesHash(nameHash);
  gaps = 0;
  let to = out;
  if (!compound) {
    to = copy(nameAt, nameLength, to);
    if (!quotedName) store<u8>(to++, 0x7b);
  }
  const first = to;
  let segment = <usize> load<u32>(shape + SHAPE_SEGMENTS_AT);
  for (const end = segment + SEGMENT_BYTES * load<u32>(shape + SHAPE_SEGMENTS); segment < end; segment += SEGMENT_BYTES) {
    const source = load<i32>(segment + SEGMENT_SOURCE);
    const headAt = load<u32>(segment + SEGMENT_HEAD), headLength = load<u32>(segment + SEGMENT_LENGTH);
    if (source < 0) {
      to = copy(headAt, headLength, to);
      continue;
    }
    const span = spans + 16 * source;
    const start = load<u32>(span + 8), length = load<u32>(span + 12) - start;
    if (length === 0) {
      gaps = (gaps + source + 1) * 0x9e3779b1;
      if (load<u32>(segment + SEGMENT_ALWAYS) === 0) continue;
    }
    to = copy(headAt, headLength, to);
    if (length > 0) {
      // Two labels that swap their values are another series.
      setValuesHash(valuesHash ^ load<u64>(headAt) ^ headLength);
      to = writeValue(start, length, to);
      if (to === 0) return false;
    }
    store<u16>(to, 0x2c22);
    to += 2;
  }
  // What is elided is not shown, but must be valid all the same.
  if (load<u32>(shape + SHAPE_ELIDED) !== 0 && !checkElided(to)) return false;
  if (!compound) {
    // The comma behind the last label becomes the closing brace; braces around nothing go.
    if (to === first && !quotedName) to--;
    else store<u8>(to - 1, 0x7d);
  }
  keyEnd = to;
  out = to;
  return true;
}

function checkElided(scratch: usize): bool {
  const hash = valuesHash;
  const indexes = load<u32>(shape + SHAPE_ELIDED_AT);
  for (let i: u32 = 0; i < load<u32>(shape + SHAPE_ELIDED); i++) {
    const span = spans + 16 * load<u32>(indexes + 4 * i);
    const start = load<u32>(span + 8);
    if (writeValue(start, load<u32>(span + 12) - start, scratch) === 0) return false;
  }
  setValuesHash(hash);
  return true;
}
