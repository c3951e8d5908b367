/**
 * What the kernel's caller sees: see `../kernel.ts`, which also says how this is compiled.
 *
 * @module
 */

import { crc32c, fillCrcTable } from "./crc32c.ts";
import { fillCopyTable, uncompress } from "./snappy.ts";

// Not by `export from`, with which this compiler takes the same file for another one.
export { crc32c, uncompress };

fillCrcTable();
fillCopyTable();

/** Where the memory starts that is the caller's to lay out. */
export function freeFrom(): usize {
  return __heap_base + 15 & ~15;
}
