/**
 * What the kernel reads numbers with: powers of five, which are too large to be worked out in it.
 *
 * @module
 */

import type { Kernel } from "../kernel/kernel.ts";

const LEAST_POWER = -342, GREATEST_POWER = 308;

/** Puts the powers where the free memory of a kernel starts, and returns where they end. */
export function prepareNumbers(kernel: Kernel): number {
  const { freeFrom } = kernel;
  const end = freeFrom + 16 * (GREATEST_POWER - LEAST_POWER + 1);
  kernel.reserve(end);
  writePowers(kernel.view, freeFrom);
  kernel.exports.setPowers(freeFrom);
  return end;
}

/** Writes the first 128 bits of the powers of five, high half first; those of negative exponents are rounded up. */
function writePowers(view: DataView, at: number) {
  const size = (value: bigint) => value.toString(2).length;
  for (let exponent = LEAST_POWER; exponent <= GREATEST_POWER; exponent++, at += 16) {
    const power = 5n ** BigInt(Math.abs(exponent));
    let bits: bigint;
    if (exponent >= 0) {
      const excess = size(power) - 128;
      bits = excess > 0 ? power >> BigInt(excess) : power << BigInt(-excess);
    } else {
      // A quotient with bits to spare, rounded up before they are cut off.
      const quotient = (1n << BigInt(2 * size(power) + 128)) / power + 1n;
      bits = quotient >> BigInt(size(quotient) - 128);
      if (exponent >= -27) bits = (1n << BigInt(size(power) + 127)) / power + 1n;
    }
    view.setBigUint64(at, bits >> 64n, true);
    view.setBigUint64(at + 8, bits & 0xffff_ffff_ffff_ffffn, true);
  }
}
