/**
 * The memory behind the kernel's own.
 *
 * @module
 */

/** Memory grows by so many pages of 64 KiB at least. */
const GROWTH_PAGES: usize = 16;
/** What reads and copies by sixteen bytes may touch behind an end. */
const SPARE: usize = 64;

/** The next multiple of sixteen. */
export function aligned(at: usize): usize {
  return at + 15 & ~15;
}

/** Makes room for what ends at `end`, and to spare. */
export function reserve(end: usize): void {
  const has = <usize> memory.size() << 16;
  // Places are told to the caller as signed integers.
  if (end > 0x7fff0000) unreachable();
  if (end + SPARE <= has) return;
  const missing = (end + SPARE - has + 0xffff) >>> 16;
  if (memory.grow(<i32> max(missing, GROWTH_PAGES)) < 0) unreachable();
}
