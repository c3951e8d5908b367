/**
 * Numbers as the text format has them.
 *
 * @module
 */

/** Writes an integer from 0 to 999,999,999, as most values are, and returns where it ends; 0 if it is another number. */
export function writeSmallInteger(value: f64, to: usize): usize {
  const whole = <u32> value;
  if (!(value >= 0 && value <= 999_999_999) || <f64> whole !== value || reinterpret<i64>(value) < 0) return 0;
  let digits: usize = 1;
  for (let power: u32 = 10; power <= whole; power *= 10) digits++;
  let rest = whole;
  for (let at = to + digits; at > to;) {
    const tenth = rest / 10;
    store<u8>(--at, <u8> (0x30 + rest - 10 * tenth));
    rest = tenth;
  }
  return to + digits;
}
