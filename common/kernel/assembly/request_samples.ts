/**
 * The samples of a request of remote write, each of which has much in common with the one before: the time, or nearly all of it, and the
 * end of the value if both are small integers. Other values are nearly always among those of some series before.
 *
 * @module
 */

import { addByte, addVarint, addWord, FARTHEST, repeat, repeatThenAdd, streamed } from "./snappy_stream.ts";
import { varintBytes } from "./varint.ts";

/** By a hash of the value: the value of a series, and where it is. */
const VALUES: usize = memory.data(16_384, 16);
const VALUE_BYTES: usize = 16;
const VALUE_SLOTS: u32 = 1_024;
/** What stands before a value: tag of the sample, its length, tag of the value. */
const SAMPLE_HEAD: usize = 3;
/** The most bytes that a time has which is compared with the one before: it reaches into the year 19,800. */
export const COMPARED_TIME: usize = 7;
/** A value that starts with so many bytes of the one before is taken from there, and not looked for elsewhere. */
const NEARLY: usize = 5;

/** The value of the sample before, its time, and that as it is written with the tag before it. */
let bitsBefore: u64 = 0, timeBefore: u64 = 0, timeWordBefore: u64 = 0;

/** Starts on a request. */
export function openSamples(): void {
  memory.fill(VALUES, 0, VALUE_SLOTS * VALUE_BYTES);
}

/** Adds a sample. */
export function addSample(bits: u64, timeMs: u64, timeBytes: usize): void {
  addByte(0x12);
  addByte(10 + <u32> timeBytes);
  addByte(0x09);
  noteValue(slotOf(bits), bits, streamed);
  addWord(bits, 8);
  addByte(0x10);
  addVarint(timeMs);
  timeBefore = timeMs;
  timeWordBefore = timeWordOf(timeMs);
}

/**
 * Adds a sample whose time has as many bytes as that of the one before, which is at `sampleBefore`. What they have in common is repeated, as is all that stands
 * before that one from `from` on, and so many bytes behind it; or the value is that of another one.
 */
export function addSampleLike(from: usize, sampleBefore: usize, bits: u64, timeMs: u64, timeBytes: usize, behind: usize): void {
  const timeWord = timeMs === timeBefore ? timeWordBefore : timeWordOf(timeMs);
  const valueDiffers = bits ^ bitsBefore, timeDiffers = timeWord ^ timeWordBefore;
  timeBefore = timeMs;
  timeWordBefore = timeWord;
  const valueBefore = sampleBefore + SAMPLE_HEAD, valueAt = streamed + (valueBefore - from), length = 9 + timeBytes;
  const slot = slotOf(bits), known: usize = load<u32>(slot + 8);
  if ((valueDiffers | timeDiffers) === 0) repeat(from, valueBefore + length + behind - from);
  else {
    const same: usize = valueDiffers !== 0 ? <usize> (ctz(valueDiffers) >>> 3) : 8 + <usize> (ctz(timeDiffers) >>> 3);
    const end: usize = timeDiffers !== 0 ? 16 - <usize> (clz(timeDiffers) >>> 3) : 8 - <usize> (clz(valueDiffers) >>> 3);
    if (same < NEARLY && known !== 0 && load<u64>(slot) === bits && valueAt - known <= FARTHEST) {
      repeat(from, valueBefore - from);
      if (timeDiffers === 0) repeat(known, 8);
      else repeatThenAdd(known, 8, timeWord, 0, end - 8);
      from = valueBefore + max<usize>(end, 8);
    } else {
      const shift = <u64> (same & 7) << 3, isOfTime = same >= 8;
      const low = isOfTime ? timeWord >>> shift : bits >>> shift | timeWord << 1 << 63 - shift;
      repeatThenAdd(from, valueBefore + same - from, low, isOfTime ? 0 : timeWord >>> shift, end - same);
      from = valueBefore + end;
    }
    repeat(from, valueBefore + length + behind - from);
  }
  noteValue(slot, bits, valueAt);
}

function slotOf(bits: u64): usize {
  return VALUES + (<usize> (bits * 0x9e3779b97f4a7c15 >>> 54) * VALUE_BYTES);
}

function noteValue(slot: usize, bits: u64, at: usize): void {
  bitsBefore = bits;
  store<u64>(slot, bits);
  store<u32>(slot + 8, <u32> at);
}

/** How many bytes a time takes: six from 2004 to 2109. */
export function timeBytesOf(timeMs: u64): usize {
  const high = timeMs >>> 35;
  return high !== 0 && high < 128 ? 6 : varintBytes(timeMs);
}

/** A time of {@linkcode COMPARED_TIME} as it is written, behind its tag. */
function timeWordOf(time: u64): u64 {
  if (timeBytesOf(time) === 6) {
    return 0x0000808080808010 | (time & 0x7f) << 8 | (time & 0x3f80) << 9 | (time & 0x1fc000) << 10 |
      (time & 0xfe00000) << 11 | (time & 0x7f0000000) << 12 | (time & 0x3f800000000) << 13;
  }
  let word: u64 = 0x10, shift: u64 = 8;
  for (; time >= 0x80 && shift < 64; time >>>= 7, shift += 8) word |= (time & 0x7f | 0x80) << shift;
  return shift < 64 ? word | time << shift : word;
}
