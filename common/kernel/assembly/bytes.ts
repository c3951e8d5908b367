/**
 * Strings of bytes, by sixteen: copied, compared, hashed. Up to fifteen bytes behind their ends are read and written over.
 *
 * @module
 */

/** What may be touched behind an end. */
export const SPARE: usize = 16;

/** From sixteen bytes of ones to sixteen of zeros. */
const MASKS: usize = memory.data<u64>([~0, ~0, 0, 0], 16);

const K1: u64 = 0x9e3779b97f4a7c15;
const K2: u64 = 0xd6e8feb86659fd93;

/** The first `length` of sixteen bytes, 16 at most; zeros for the rest. */
export function head(at: usize, length: usize): v128 {
  return v128.and(v128.load(at), v128.load(MASKS + 16 - length));
}

/** Copies, and returns where the copy ends. */
export function copy(from: usize, length: usize, to: usize): usize {
  v128.store(to, v128.load(from));
  for (let i: usize = 16; i < length; i += 16) v128.store(to + i, v128.load(from + i));
  return to + length;
}

/** Whether bytes are the same, which are as long. */
export function equal(one: usize, other: usize, length: usize): bool {
  for (; length > 16; length -= 16, one += 16, other += 16) {
    if (v128.any_true(v128.xor(v128.load(one), v128.load(other)))) return false;
  }
  return !v128.any_true(v128.xor(head(one, length), head(other, length)));
}

/** Takes sixteen bytes into a hash. */
export function mix(hash: u64, block: v128): u64 {
  hash = (rotl<u64>(hash, 29) ^ v128.extract_lane<u64>(block, 0)) * K1;
  return (rotl<u64>(hash, 31) ^ v128.extract_lane<u64>(block, 1)) * K2;
}

/** Takes bytes into a hash. */
export function hashBytes(hash: u64, at: usize, length: usize): u64 {
  hash += length;
  for (; length > 16; length -= 16, at += 16) hash = mix(hash, v128.load(at));
  return mix(hash, head(at, length));
}

/** A hash of 32 bits, any of which are good. */
export function scatter(hash: u64): u32 {
  hash = (hash ^ hash >>> 32) * K1;
  return <u32> (hash >>> 32);
}

/** Where a byte stands, which must be there. */
export function find(at: usize, byte: u8): usize {
  while (true) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(byte)));
    if (found !== 0) return at + ctz(found);
    at += 16;
  }
}

/** Where the first of two bytes stands, of which one must be there. */
export function findEither(at: usize, one: u8, other: u8): usize {
  while (true) {
    const block = v128.load(at);
    const found = i8x16.bitmask(v128.or(i8x16.eq(block, i8x16.splat(one)), i8x16.eq(block, i8x16.splat(other))));
    if (found !== 0) return at + ctz(found);
    at += 16;
  }
}
