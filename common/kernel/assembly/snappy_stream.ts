/**
 * A snappy block whose writer knows what it repeats: it says so, in place of the bytes, and nothing has to be looked for.
 *
 * @module
 */

import { copy } from "./bytes.ts";
import { writeVarint } from "./varint.ts";

/** How far back a copy may reach. */
export const FARTHEST: usize = 0xffff;
/** The most bytes that one copy has, and the fewest and most of a short one. */
const MOST_COPY: usize = 64, LEAST_SHORT: usize = 4, MOST_SHORT: usize = 11;
/** How far back a short copy may reach. */
const FARTHEST_SHORT: usize = 0x7ff;
/** The most bytes that one literal has. */
const MOST_LITERAL: usize = 0x10000;

/** How many bytes there are, uncompressed. */
export let streamed: usize = 0;
/** Where the elements end that are written. */
export let elementsTo: usize = 0;

/** Where the literal starts that is being written, with the one byte before it that is left for its length; 0 if there is none. */
let literalAt: usize = 0;
/** The copy that may go on. */
let copyLength: usize = 0;
let copyDistance: usize = 0;

let marked: usize = 0, markedTo: usize = 0, markedLength: usize = 0, markedDistance: usize = 0;

/** Starts on a block without its length, whose elements go to `to`. */
export function openStream(to: usize): void {
  streamed = 0;
  elementsTo = to;
  literalAt = 0;
  copyLength = 0;
}

/** Remembers the stream as it is, for {@linkcode resetStream}. */
export function markStream(): void {
  // It may be moved when it ends.
  if (literalAt !== 0) endLiteral();
  marked = streamed;
  markedTo = elementsTo;
  markedLength = copyLength;
  markedDistance = copyDistance;
}

/** Takes back what was added since. */
export function resetStream(): void {
  streamed = marked;
  elementsTo = markedTo;
  literalAt = 0;
  copyLength = markedLength;
  copyDistance = markedDistance;
}

/** Adds what is in the stream already, `from` so many bytes behind its start, which is {@linkcode FARTHEST} back at most. */
export function repeat(from: usize, length: usize): void {
  if (length === 0) return;
  const distance = streamed - from;
  streamed += length;
  if (copyLength > 0) {
    if (distance === copyDistance) {
      copyLength += length;
      return;
    }
    endCopy();
  } else if (literalAt !== 0) endLiteral();
  copyLength = length;
  copyDistance = distance;
}

/**
 * Adds what is in the stream already, of which there is at least a byte, as {@linkcode repeat} does, then the lowest so many bytes of two
 * words, from 1 to 16: most of a series is that, so that it has few branches.
 */
export function repeatThenAdd(from: usize, length: usize, low: u64, high: u64, count: usize): void {
  const distance = streamed - from;
  if (literalAt !== 0) endLiteral();
  if (copyLength > 0 && copyDistance !== distance) endCopy();
  streamed += length + count;
  length += copyLength;
  copyLength = 0;
  let to = elementsTo;
  for (; length > MOST_COPY; length -= MOST_COPY) to = writeLong(distance, MOST_COPY, to);
  const isShort = <u32> (length - LEAST_SHORT <= MOST_SHORT - LEAST_SHORT) & <u32> (distance <= FARTHEST_SHORT);
  store<u32>(to, select<u32>(shortCopy(distance, length), longCopy(distance, length), isShort));
  to += 3 - isShort;
  store<u8>(to, <u8> (count - 1 << 2));
  store<u64>(to + 1, low);
  store<u64>(to + 9, high);
  elementsTo = to + 1 + count;
}

/** Adds bytes; up to fifteen more are read. */
export function add(from: usize, length: usize): void {
  while (length > 0) {
    openLiteral();
    const part = min(length, MOST_LITERAL - (elementsTo - literalAt));
    elementsTo = copy(from, part, elementsTo);
    streamed += part;
    from += part;
    length -= part;
  }
}

/** Adds a byte. */
export function addByte(byte: u32): void {
  openLiteral();
  store<u8>(elementsTo++, <u8> byte);
  streamed++;
}

/** Adds the lowest so many bytes of a word. */
export function addWord(word: u64, bytes: usize): void {
  openLiteral();
  store<u64>(elementsTo, word);
  elementsTo += bytes;
  streamed += bytes;
}

/** Adds so many bytes, 60 at most, in a literal of their own, and returns where they are to be written. */
export function addGap(bytes: usize): usize {
  endStream();
  store<u8>(elementsTo, <u8> (bytes - 1 << 2));
  const gap = elementsTo + 1;
  elementsTo = gap + bytes;
  streamed += bytes;
  return gap;
}

/** Adds a number. */
export function addVarint(value: u64): void {
  openLiteral();
  const before = elementsTo;
  elementsTo = writeVarint(before, value);
  streamed += elementsTo - before;
}

/** Ends the last element. */
export function endStream(): void {
  if (copyLength > 0) endCopy();
  else if (literalAt !== 0) endLiteral();
}

/** Makes sure that there is a literal with room for a number. */
function openLiteral(): void {
  if (copyLength > 0) endCopy();
  else if (literalAt !== 0) {
    if (elementsTo - literalAt + 16 <= MOST_LITERAL) return;
    endLiteral();
  }
  literalAt = ++elementsTo;
}

function endLiteral(): void {
  const length = elementsTo - literalAt, less = <u32> length - 1, tagAt = literalAt - 1;
  literalAt = 0;
  if (less < 60) {
    store<u8>(tagAt, less << 2);
    return;
  }
  const more: usize = less < 256 ? 1 : 2;
  memory.copy(tagAt + 1 + more, tagAt + 1, length);
  elementsTo += more;
  store<u8>(tagAt, (59 + <u32> more) << 2);
  if (more === 1) store<u8>(tagAt + 1, less);
  else store<u16>(tagAt + 1, less);
}

function endCopy(): void {
  let to = elementsTo, length = copyLength;
  const distance = copyDistance;
  copyLength = 0;
  for (; length > MOST_COPY; length -= MOST_COPY) to = writeLong(distance, MOST_COPY, to);
  if (length - LEAST_SHORT <= MOST_SHORT - LEAST_SHORT && distance <= FARTHEST_SHORT) {
    store<u16>(to, <u16> shortCopy(distance, length));
    elementsTo = to + 2;
  } else elementsTo = writeLong(distance, length, to);
}

function writeLong(distance: usize, length: usize, to: usize): usize {
  store<u32>(to, longCopy(distance, length));
  return to + 3;
}

// @ts-ignore: the compiler's.
@inline
function longCopy(distance: usize, length: usize): u32 {
  return <u32> (2 | length - 1 << 2 | distance << 8);
}

// @ts-ignore: the compiler's.
@inline
function shortCopy(distance: usize, length: usize): u32 {
  return <u32> (1 | length - LEAST_SHORT << 2 | distance >>> 8 << 5 | (distance & 255) << 8);
}
