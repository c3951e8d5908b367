/**
 * The kernel: what is done with every byte of a push, in WebAssembly, for its vectors of sixteen bytes. Its sources are in
 * `assembly/`, in AssemblyScript; `deno task kernel` compiles them to `kernel_wasm.ts`.
 *
 * @module
 */

import { KERNEL_WASM } from "./kernel_wasm.ts";

/** What copies and reads by sixteen bytes may touch behind an end. */
export const SPARE_BYTES = 16;

const PAGE_BYTES = 65_536;
/** Memory grows by this at least. */
const GROWTH_BYTES = 1_048_576;

/** What the kernel exports. Every place in its memory is a number of bytes. */
export interface KernelExports {
  /** The memory. */
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Where the memory starts that is the caller's to lay out. */
  freeFrom(): number;
  /** The CRC-32C of `length` bytes, 64 KiB at most, as a signed integer. */
  crc32c(at: number, length: number): number;
  /**
   * Uncompresses the snappy block from `from` to `stop` to `start` to `end`. 0 if the block is malformed or does not come to
   * exactly that length.
   */
  uncompress(from: number, stop: number, start: number, end: number): number;
}

const module = new WebAssembly.Module(Uint8Array.fromBase64(KERNEL_WASM));

/** An instance of the kernel, with a memory of its own. */
export class Kernel {
  /** What it exports. */
  readonly exports: KernelExports;
  /** Its memory; replaced when it grows. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The same memory. */
  view: DataView<ArrayBuffer>;
  /** Where the memory starts that is the caller's to lay out. */
  readonly freeFrom: number;

  /** Makes an instance, which costs little: what is compiled is shared. */
  constructor() {
    this.exports = new WebAssembly.Instance(module).exports as unknown as KernelExports;
    this.bytes = new Uint8Array(this.exports.memory.buffer);
    this.view = new DataView(this.exports.memory.buffer);
    this.freeFrom = this.exports.freeFrom();
  }

  /** Makes room for what ends at `end`, and to spare. Views of the memory from before it grew are empty. */
  reserve(end: number): void {
    const missing = end + SPARE_BYTES - this.bytes.length;
    if (missing <= 0) return;
    this.exports.memory.grow(Math.ceil(Math.max(missing, GROWTH_BYTES) / PAGE_BYTES));
    this.bytes = new Uint8Array(this.exports.memory.buffer);
    this.view = new DataView(this.exports.memory.buffer);
  }
}
