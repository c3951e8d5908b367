/**
 * Reads a decimal number as the nearest double: Lemire, "Number parsing at a gigabyte per second" (2021), with the powers
 * of five that the caller has put into memory.
 *
 * @module
 */

/** The least and the greatest power of ten for which there is a power of five; beyond them all is nothing or infinite. */
const LEAST: i32 = -342, GREATEST: i32 = 308;
/** The powers of ten that a double holds exactly. */
const EXACT: usize = memory.data<f64>([
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]);

/** The bits of the value by which a series ends, which is one of those that are no number. */
export const STALE_BITS: u64 = 0x7ff0000000000002;

/** The number that was read last. */
export let double: f64 = 0;

let powersAt: usize = 0;

/**
 * Says where the powers of five stand: for each exponent from -342 to 308 the first 128 bits of it, the high half first,
 * each half a little-endian integer; those of a negative exponent are rounded up.
 */
export function setPowers(at: usize): void {
  powersAt = at;
}

/** Reads the number from `at` to `end`, and tells whether it could: what it cannot is left to the caller. */
export function readDouble(at: usize, end: usize): bool {
  const negative = load<u8>(at) === 0x2d;
  if (negative) at++;
  let digits: u64 = 0;
  let count: u32 = 0;
  let exponent: i32 = 0;
  let fraction = false;
  while (at < end) {
    const symbol = load<u8>(at);
    const digit = <u32> symbol - 0x30;
    if (digit < 10) {
      digits = 10 * digits + digit;
      // Zeros in front carry no information; after nineteen digits there is no room for another.
      if (digits !== 0 && ++count > 19) return false;
      if (fraction) exponent--;
    } else if (symbol === 0x2e && !fraction) fraction = true;
    else break;
    at++;
  }
  if (at < end) {
    if (load<u8>(at++) !== 0x65) return false;
    const below = load<u8>(at) === 0x2d;
    if (below || load<u8>(at) === 0x2b) at++;
    let power: i32 = 0;
    if (at === end || end - at > 4) return false;
    for (; at < end; at++) {
      const digit = <u32> load<u8>(at) - 0x30;
      if (digit > 9) return false;
      power = 10 * power + digit;
    }
    exponent += below ? -power : power;
  } else if (count === 0 && !fraction && digits === 0 && load<u8>(at - 1) !== 0x30) return false;
  if (digits <= 1 << 53 && exponent >= -22 && exponent <= 22) {
    const whole = <f64> digits;
    const power = load<f64>(EXACT + (<usize> abs(exponent) << 3));
    double = exponent < 0 ? whole / power : whole * power;
  } else if (digits === 0) double = 0;
  else if (exponent < LEAST) double = 0;
  else if (exponent > GREATEST) double = Infinity;
  else double = nearest(digits, exponent);
  if (negative) double = -double;
  return true;
}

/** The high half of a product of 128 bits. */
function highOf(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff, aHigh = a >>> 32, bLow = b & 0xffffffff, bHigh = b >>> 32;
  const middle = aHigh * bLow + (aLow * bLow >>> 32);
  const other = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >>> 32) + (other >>> 32);
}

/** The double that is nearest to `digits` times ten to the power of `exponent`; `digits` is not 0. */
function nearest(digits: u64, exponent: i32): f64 {
  const zeros = <i32> clz(digits);
  digits <<= zeros;
  const power = powersAt + (<usize> (exponent - LEAST) << 4);
  const first = load<u64>(power);
  let low = digits * first, high = highOf(digits, first);
  // Where the bits behind the mantissa are all ones, the rest of the power decides.
  if ((high & 0x1ff) === 0x1ff) {
    const more = highOf(digits, load<u64>(power + 8));
    low += more;
    if (low < more) high++;
  }
  const upper = <i32> (high >>> 63);
  const shift = upper + 9;
  let mantissa = high >>> shift;
  // The binary logarithm of the power of ten, by a fraction that is right for all of them.
  let binary = (217_706 * exponent >> 16) + 63 + upper - zeros + 1_023;
  if (binary <= 0) {
    if (binary <= -63) return 0;
    mantissa >>= 1 - binary;
    mantissa = mantissa + (mantissa & 1) >>> 1;
    return reinterpret<f64>(mantissa);
  }
  // Halfway between two doubles, the even one is meant. That can only be with a power that fits.
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) === 1 && mantissa << shift === high) mantissa &= ~1;
  mantissa = mantissa + (mantissa & 1) >>> 1;
  if (mantissa >= <u64> 1 << 53) {
    mantissa = <u64> 1 << 52;
    binary++;
  }
  if (binary >= 0x7ff) return Infinity;
  return reinterpret<f64>(mantissa & ~(<u64> 1 << 52) | <u64> binary << 52);
}
