/**
 * Sizes of buffers that are used again.
 *
 * @module
 */

/** The next size up, in steps of a sixteenth of the power of two below: few sizes, little waste. */
export function bufferSize(bytes: number): number {
  const step = 2 ** Math.max(6, Math.floor(Math.log2(Math.max(bytes, 1))) - 4);
  return Math.ceil(bytes / step) * step;
}
