/**
 * Lines with the times of their samples, which clusters keep beside them.
 *
 * @module
 */

import { copy, find } from "./bytes.ts";

/** What stands behind the lines of the run at hand: a blank, a number, a line feed. Up to fifteen bytes behind it are read. */
const TIME: usize = memory.data(48, 16), TIME_ROOM: usize = 32;

/**
 * Copies lines from `at` to `end`, each with its time at its end, and returns where the copy ends. The time of a line is `baseMs` and
 * what is at `runsAt` of the first run that ends behind it, whose end counts from `textAt`.
 */
export function timeLines(at: usize, end: usize, textAt: usize, runsAt: usize, baseMs: f64, to: usize): usize {
  const base = <i64> baseMs;
  for (; at < end; runsAt += 8) {
    const timeAt = writeTime(base + <i64> load<u32>(runsAt)), timeBytes = TIME + TIME_ROOM - timeAt;
    const runEnd = min(textAt + load<u32>(runsAt + 4), end);
    while (at < runEnd) {
      const lineEnd = find(at, 0x0a);
      to = copy(timeAt, timeBytes, copy(at, lineEnd - at, to));
      at = lineEnd + 1;
    }
  }
  return to;
}

/** Writes a time so that it ends where there is no more room, and returns where it starts. */
function writeTime(timeMs: i64): usize {
  let at = TIME + TIME_ROOM - 1, rest = <u64> (timeMs < 0 ? -timeMs : timeMs);
  store<u8>(at, 0x0a);
  do {
    store<u8>(--at, <u8> (0x30 + rest % 10));
    rest /= 10;
  } while (rest > 0);
  if (timeMs < 0) store<u8>(--at, 0x2d);
  store<u8>(--at, 0x20);
  return at;
}
