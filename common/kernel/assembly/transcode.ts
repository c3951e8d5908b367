/**
 * Lines of the text format, as the kernel itself writes them, with or without a timestamp behind, to samples of a family in
 * protobuf: the same series, for who asks for protobuf.
 *
 * @module
 */

import { double, readDouble } from "./double.ts";
import { DONE, NUMBER } from "./status.ts";

/** Where the next line starts. */
export let lineAt: usize = 0;
/** Where the next sample goes. */
export let sampleTo: usize = 0;
/** Where the number starts that the caller is asked for. */
export let numberAt: usize = 0;
/** Where it ends. */
export let numberEnd: usize = 0;

let valueAt: usize = 0;
let sampleStart: usize = 0;

/** Says where lines start and where samples go. */
export function openLines(from: usize, to: usize): void {
  lineAt = from;
  sampleTo = to;
  numberAt = 0;
}

/** Answers {@linkcode NUMBER}. */
export function setNumber(value: f64): void {
  store<f64>(valueAt + 3, value);
  let at = numberEnd;
  if (load<u8>(at) === 0x20) {
    let time: u64 = 0;
    for (at++; load<u8>(at) !== 0x0a; at++) time = time * 10 + (load<u8>(at) - 0x30);
    store<u8>(sampleTo++, 0x30);
    for (; time >= 0x80; time >>= 7) store<u8>(sampleTo++, <u8> (time | 0x80));
    store<u8>(sampleTo++, <u8> time);
  }
  endSample();
  lineAt = at + 1;
}

/**
 * Writes a field `metric` of `MetricFamily` for each line before `end`, all of whose names have `nameLength` bytes and are
 * classic ones, with the value in the field of the given tag. There must be room for four times the bytes. Stops with
 * {@linkcode NUMBER} at a number that only the caller can read.
 */
export function transcode(end: usize, nameLength: usize, valueTag: u32): i32 {
  while (lineAt < end) {
    let at = lineAt + nameLength;
    sampleStart = sampleTo;
    store<u8>(sampleTo, 0x22);
    // Nearly every sample has from 128 to 16,383 bytes, whose length takes two.
    let to = sampleTo + 3;
    if (load<u8>(at) === 0x7b) {
      at++;
      while (load<u8>(at) !== 0x7d) {
        store<u8>(to, 0x0a);
        const nameTo = to + 4;
        let length: usize = 0;
        for (;; length += 16) {
          const block = v128.load(at + length);
          v128.store(nameTo + length, block);
          const found = i8x16.bitmask(i8x16.eq(block, i8x16.splat(0x3d)));
          if (found !== 0) {
            length += ctz(found);
            break;
          }
        }
        // Behind the equals sign and the quote.
        at += length + 2;
        let valueTo = nameTo + length + 2;
        const valueStart = valueTo;
        for (;;) {
          const block = v128.load(at);
          v128.store(valueTo, block);
          const found = i8x16.bitmask(
            v128.or(i8x16.eq(block, i8x16.splat(0x22)), i8x16.eq(block, i8x16.splat(0x5c))),
          );
          if (found === 0) {
            at += 16;
            valueTo += 16;
            continue;
          }
          const before = ctz(found);
          at += before;
          valueTo += before;
          if (load<u8>(at) === 0x22) break;
          const letter = load<u8>(at + 1);
          store<u8>(valueTo++, letter === 0x6e ? 0x0a : letter);
          at += 2;
        }
        to = endLabel(to, length, valueStart, valueTo - valueStart);
        // Behind the quote, and the comma if there is one.
        at++;
        if (load<u8>(at) === 0x2c) at++;
      }
      at++;
    }
    at++;
    valueAt = to;
    store<u32>(to, valueTag | 0x090900);
    sampleTo = to + 11;
    numberAt = at;
    // A line feed or a blank; all that a number has is above them.
    while (load<u8>(at) > 0x20) at++;
    numberEnd = at;
    if (!readDouble(numberAt, at)) return NUMBER;
    setNumber(double);
  }
  return DONE;
}

/** Puts the lengths of a label in place, for which one byte each was left, and returns where the label ends. */
function endLabel(at: usize, nameLength: usize, valueStart: usize, valueLength: usize): usize {
  const inner = 4 + nameLength + valueLength;
  if (inner < 128) {
    store<u8>(at + 1, <u8> inner);
    store<u8>(at + 2, 0x0a);
    store<u8>(at + 3, <u8> nameLength);
    store<u8>(valueStart - 2, 0x12);
    store<u8>(valueStart - 1, <u8> valueLength);
    return at + 2 + inner;
  }
  // From the end to the start, so that nothing is written over before it has been moved.
  const nameBytes = varintBytes(nameLength), valueBytes = varintBytes(valueLength);
  const whole = 2 + nameBytes + nameLength + valueBytes + valueLength;
  const nameTo = at + 2 + varintBytes(whole) + nameBytes;
  const valueTo = nameTo + nameLength + 1 + valueBytes;
  memory.copy(valueTo, valueStart, valueLength);
  memory.copy(nameTo, at + 4, nameLength);
  store<u8>(at, 0x0a);
  store<u8>(writeVarint(at + 1, whole), 0x0a);
  writeVarint(nameTo - nameBytes, nameLength);
  store<u8>(nameTo + nameLength, 0x12);
  writeVarint(valueTo - valueBytes, valueLength);
  return valueTo + valueLength;
}

function endSample(): void {
  const length = sampleTo - sampleStart - 3;
  const bytes = varintBytes(length);
  if (bytes !== 2) {
    memory.copy(sampleStart + 1 + bytes, sampleStart + 3, length);
    sampleTo = sampleStart + 1 + bytes + length;
  }
  writeVarint(sampleStart + 1, length);
}

function varintBytes(value: usize): usize {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4;
}

function writeVarint(at: usize, value: usize): usize {
  for (; value >= 0x80; value >>= 7) store<u8>(at++, <u8> (value | 0x80));
  store<u8>(at++, <u8> value);
  return at;
}
