/**
 * The samples of one push: where their lines stand, when they were taken, and which is a series that came before in the same
 * push.
 *
 * @module
 */

import { aligned } from "./arena.ts";
import { equal } from "./bytes.ts";

/** Slots tried for one series. The table is at most a quarter full, where a run of this length does not come by chance. */
const MAX_PROBES: u32 = 256;
const FIRST_SLOTS: u32 = 4_096;

/** How many samples there are. */
export let size: u32 = 0;
/** How many of them another sample of the same series, further on, replaces. */
export let replaced: u32 = 0;
/** Where the lines of each end, four bytes a sample; they start where those of the sample before end. */
export let ends: usize = 0;
/** Milliseconds after the base of the push. */
export let ages: usize = 0;
/** How many lines each has; 0 marks one that is replaced. */
export let lines: usize = 0;

/** What each has as a number, of a sample of one line: the key of its series, which is a hash, then its value, eight bytes each. */
export let numbers: usize = 0;

let keyStarts: usize = 0;
let keyEnds: usize = 0;
let hashes: usize = 0;
// An open-addressing hash table of rows and 1; 0 is an empty slot.
let slots: usize = 0;
let slotCount: u32 = 0;

/** Lays out an empty table for so many samples, and returns where it ends. Memory is written to only as they come. */
export function layOutTable(at: usize, most: u32): usize {
  const column = aligned(<usize> most * 4);
  ends = aligned(at);
  ages = ends + column;
  lines = ages + column;
  numbers = lines + column;
  keyStarts = numbers + 4 * column;
  keyEnds = keyStarts + column;
  hashes = keyEnds + column;
  slots = hashes + column;
  slotCount = FIRST_SLOTS;
  size = 0;
  replaced = 0;
  let needed = FIRST_SLOTS;
  while (needed < most * 4) needed *= 2;
  return slots + <usize> needed * 4;
}

/** Empties the slots in use. */
export function clearSlots(): void {
  memory.fill(slots, 0, <usize> slotCount * 4);
}

/**
 * Adds a sample whose lines end at `end`. `keyStart` to `keyEnd` is what names its series: the same bytes for the same
 * series, as is `hash`. A sample that came before for the same series is marked as replaced. False if the hashes of too
 * many series collide, which they do only by intent.
 */
export function addSample(keyStart: usize, keyEnd: usize, hash: u32, end: usize, lineCount: u32, age: u32): bool {
  if (size * 4 >= slotCount) grow();
  const row = size++;
  const column = <usize> row * 4;
  store<u32>(ends + column, <u32> end);
  store<u32>(ages + column, age);
  store<u32>(lines + column, lineCount);
  store<u32>(keyStarts + column, <u32> keyStart);
  store<u32>(keyEnds + column, <u32> keyEnd);
  store<u32>(hashes + column, hash);
  const mask = slotCount - 1;
  let slot = hash & mask;
  for (let probes: u32 = 0; probes <= MAX_PROBES; probes++, slot = (slot + 1) & mask) {
    const at = slots + <usize> slot * 4;
    const taken = load<u32>(at);
    if (taken === 0) {
      store<u32>(at, row + 1);
      return true;
    }
    const other = <usize> (taken - 1) * 4;
    if (load<u32>(hashes + other) !== hash) continue;
    const start = <usize> load<u32>(keyStarts + other), length = <usize> load<u32>(keyEnds + other) - start;
    if (length === keyEnd - keyStart && equal(start, keyStart, length)) {
      store<u32>(lines + other, 0);
      replaced++;
      store<u32>(at, row + 1);
      return true;
    }
  }
  return false;
}

/** Notes the numbers of the sample that was added last. */
export function noteNumbers(key: u64, value: f64): void {
  const at = numbers + <usize> (size - 1) * 16;
  store<u64>(at, key);
  store<f64>(at + 8, value);
}

function grow(): void {
  slotCount *= 2;
  clearSlots();
  const mask = slotCount - 1;
  for (let row: u32 = 0; row < size; row++) {
    if (load<u32>(lines + <usize> row * 4) === 0) continue;
    let slot = load<u32>(hashes + <usize> row * 4) & mask;
    while (load<u32>(slots + <usize> slot * 4) !== 0) slot = (slot + 1) & mask;
    store<u32>(slots + <usize> slot * 4, row + 1);
  }
}
