/**
 * Which series of some lines are among those of others: a series is all of its line that stands before the value.
 *
 * @module
 */

import { equal, find, hashBytes, scatter } from "./bytes.ts";

const SLOT_BYTES: usize = 12;

let tableAt: usize = 0;
let mask: u32 = 0;
let seed: u64 = 0;

/** Where the value of the line starts that was looked at last, and where the next line does. */
let keyEnd: usize = 0;
let next: usize = 0;
/** The hash of the series that was looked up last. */
let keyHash: u32 = 0;

/** Lays out an empty table of so many slots, a power of two, and returns where it ends. */
export function clearSeriesKeys(at: usize, slots: u32, keyed: u32): usize {
  tableAt = at + 15 & ~15;
  mask = slots - 1;
  seed = (<u64> keyed << 32) ^ 0x9e3779b97f4a7c15;
  memory.fill(tableAt, 0, slots * SLOT_BYTES);
  return tableAt + slots * SLOT_BYTES;
}

/** Adds the series of lines. */
export function addSeriesKeys(from: usize, end: usize): void {
  for (; from < end; from = next) {
    readLine(from);
    const entry = slotOf(from);
    store<u32>(entry, <u32> from);
    store<u32>(entry + 4, keyHash);
    store<u32>(entry + 8, <u32> (keyEnd - from));
  }
}

/** The first of some lines whose series is not in the table, or their end. */
export function missingSeries(from: usize, end: usize): usize {
  for (; from < end; from = next) {
    readLine(from);
    if (load<u32>(slotOf(from)) === 0) break;
  }
  return from;
}

/** Whether two stretches of lines have the same series, in the same order. */
export function sameSeries(one: usize, oneEnd: usize, other: usize, otherEnd: usize): bool {
  while (one < oneEnd && other < otherEnd) {
    readLine(one);
    const length = keyEnd - one, oneNext = next;
    readLine(other);
    if (keyEnd - other !== length || !equal(one, other, length)) return false;
    one = oneNext;
    other = next;
  }
  return one === oneEnd && other === otherEnd;
}

/** The slot of the series that was read last, or the one where it belongs, whose first number is 0 then. */
function slotOf(at: usize): usize {
  const length = keyEnd - at, hash = scatter(hashBytes(seed, at, length));
  keyHash = hash;
  let slot = hash & mask;
  while (true) {
    const entry = tableAt + slot * SLOT_BYTES, known: usize = load<u32>(entry);
    if (known === 0) return entry;
    if (load<u32>(entry + 4) === hash && load<u32>(entry + 8) === length && equal(known, at, length)) return entry;
    slot = slot + 1 & mask;
  }
}

/** Finds where the value of a line starts: behind its last blank, since values have none. */
function readLine(at: usize): void {
  at = find(at, 0x0a);
  next = at + 1;
  while (load<u8>(at) !== 0x20) at--;
  keyEnd = at;
}
