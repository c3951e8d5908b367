/**
 * Snappy blocks (google/snappy `format_description.txt`).
 *
 * @module
 */

import { copy } from "./bytes.ts";
import { writeVarint } from "./varint.ts";

/** Per tag of a copy: its length, then how many bytes of offset follow, then what the tag holds of the offset. */
const COPIES: usize = memory.data(1_024, 16);

/** Fills the table of tags; called once. */
export function fillCopyTable(): void {
  for (let tag: u32 = 0; tag < 256; tag++) {
    const kind = tag & 3;
    const entry: u32 = kind === 1
      ? 4 + (tag >>> 2 & 7) | 1 << 8 | (tag >>> 5) << 24
      : 1 + (tag >>> 2) | (kind === 2 ? 2 : 4) << 8;
    store<u32>(COPIES + 4 * tag, entry);
  }
}

/** The lowest so many bytes of a word, of which there is at least one. */
function lowest(word: u32, bytes: u32): u32 {
  const unwanted = 32 - 8 * bytes;
  return word << unwanted >>> unwanted;
}

/**
 * Uncompresses the block from `from` to `stop` to `start` to `end`. Sixteen bytes behind either are read or written over.
 * False if the block is malformed or does not come to exactly that length.
 */
export function uncompress(from: usize, stop: usize, start: usize, end: usize): bool {
  let to = start;
  // The length that it claims is known.
  while (from < stop && load<u8>(from) >= 0x80) from++;
  from++;
  while (from < stop) {
    const tag: u32 = load<u8>(from++);
    if ((tag & 3) === 0) {
      let length: usize = tag >>> 2;
      if (length >= 60) {
        const width = length - 59;
        if (from + width > stop) return false;
        length = lowest(load<u32>(from), <u32> width);
        from += width;
        if (length >= 0x10000) return false;
      }
      length++;
      if (from + length > stop || to + length > end) return false;
      v128.store(to, v128.load(from));
      for (let i: usize = 16; i < length; i += 16) v128.store(to + i, v128.load(from + i));
      from += length;
      to += length;
      continue;
    }
    const entry = load<u32>(COPIES + 4 * tag);
    const length: usize = entry & 255, width: usize = entry >>> 8 & 255;
    if (from + width > stop) return false;
    const offset: usize = (entry >>> 24 << 8) + lowest(load<u32>(from), <u32> width);
    from += width;
    if (offset - 1 >= to - start || to + length > end) return false;
    const source = to - offset;
    // A copy may reach into what it writes: from so many bytes back on, all that is read at a time is there.
    if (offset >= 16) {
      v128.store(to, v128.load(source));
      for (let i: usize = 16; i < length; i += 16) v128.store(to + i, v128.load(source + i));
    } else if (offset >= 8) {
      for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(source + i));
    } else {
      for (let i: usize = 0; i < length; i++) store<u8>(to + i, load<u8>(source + i));
    }
    to += length;
  }
  return to === end;
}

/** By a hash of four bytes: the lowest sixteen bits of where they were met last, counted from the start of what is compressed. */
const PLACES: usize = memory.data(16_384, 16);
/** How many bits of the hash choose one of these. */
const PLACE_BITS: u32 = 13;
/** The fewest bytes that are copied, and the most that one copy has. */
const LEAST_COPY: usize = 4, MOST_COPY: usize = 64;
/** After so many bytes that are met for the first time fewer are looked at. */
const PATIENCE: usize = 32;

/** The most bytes that a block of so many bytes takes, as the reference implementation bounds it. */
export function compressedBound(length: usize): usize {
  return 32 + length + length / 6;
}

/** Compresses bytes to a block, and returns where that ends. */
export function compressBlock(from: usize, stop: usize, to: usize): usize {
  return compress(from, stop, writeVarint(to, stop - from));
}

/**
 * Compresses bytes to elements of a block, less the length that a block starts with, and returns where these end. Copies reach
 * back 64 KiB at most, and never before `from`. Sixteen bytes behind either are read or written over.
 */
export function compress(from: usize, stop: usize, to: usize): usize {
  memory.fill(PLACES, 0, 1 << PLACE_BITS + 1);
  let at = from + 1, literal = from, distance: usize = 1, patience = PATIENCE;
  while (at + LEAST_COPY <= stop) {
    const four = load<u32>(at);
    // What differs from its like in a few bytes goes on from the same distance.
    if (load<u32>(at - distance) !== four) {
      const place = at - from;
      const slot = PLACES + (<usize> (four * 0x1e35a7bd >>> 32 - PLACE_BITS) << 1);
      const back: usize = place - load<u16>(slot) & 0xffff;
      store<u16>(slot, <u16> place);
      if (back === 0 || load<u32>(at - back) !== four) {
        at += patience++ / PATIENCE;
        continue;
      }
      distance = back;
    }
    to = writeLiteral(literal, at, to);
    const end = sameUntil(at + LEAST_COPY, at + LEAST_COPY - distance, stop);
    to = writeCopy(distance, end - at, to);
    at = literal = end;
    patience = PATIENCE;
  }
  return writeLiteral(literal, stop, to);
}

/** Where bytes end, before `stop` or there, that are the same from two places on. */
function sameUntil(at: usize, other: usize, stop: usize): usize {
  while (at < stop) {
    const same = i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(other)));
    if (same !== 0xffff) return min(at + ctz(~same), stop);
    at += 16;
    other += 16;
  }
  return stop;
}

function writeLiteral(from: usize, end: usize, to: usize): usize {
  while (from < end) {
    const length = min(end - from, 0x10000), less = <u32> length - 1;
    if (less < 60) store<u8>(to++, less << 2);
    else if (less < 256) {
      store<u16>(to, 60 << 2 | less << 8);
      to += 2;
    } else {
      store<u32>(to, 61 << 2 | less << 8);
      to += 3;
    }
    to = copy(from, length, to);
    from += length;
  }
  return to;
}

function writeCopy(distance: usize, length: usize, to: usize): usize {
  while (length > MOST_COPY) {
    // What is left is enough for one more.
    const part = min(MOST_COPY, length - LEAST_COPY);
    to = writeLongCopy(distance, part, to);
    length -= part;
  }
  if (length >= 12 || distance >= 2_048) return writeLongCopy(distance, length, to);
  store<u16>(to, <u16> (1 | length - 4 << 2 | distance >>> 8 << 5 | (distance & 255) << 8));
  return to + 2;
}

function writeLongCopy(distance: usize, length: usize, to: usize): usize {
  store<u32>(to, <u32> (2 | length - 1 << 2 | distance << 8));
  return to + 3;
}
