/**
 * Numbers and lengths as protobuf writes them.
 *
 * @module
 */

/** How many bytes a number takes. */
export function varintBytes(value: u64): usize {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let bytes: usize = 3;
  for (value >>= 21; value > 0; value >>= 7) bytes++;
  return bytes;
}

/** Writes a number, and returns where it ends. */
export function writeVarint(at: usize, value: u64): usize {
  for (; value >= 0x80; value >>= 7) store<u8>(at++, <u8> (value | 0x80));
  store<u8>(at++, <u8> value);
  return at;
}

/** Where the content starts of what {@linkcode endOf} told the end of. */
export let contentAt: usize = 0;
/** The number that {@linkcode endOfNumber} told the end of. */
export let number: u64 = 0;

/** Where that ends whose length stands at `at`, and whose content {@linkcode contentAt} tells; 0 if that is not by `end`. */
export function endOf(at: usize, end: usize): usize {
  let length: usize = 0;
  for (let shift: usize = 0; shift < 28 && at < end; shift += 7) {
    const byte = <usize> load<u8>(at++);
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      contentAt = at;
      return length <= end - at ? at + length : 0;
    }
  }
  return 0;
}

/** Reads a number of eight bytes at most, and returns where it ends; 0 if that is not by `end`. */
export function endOfNumber(at: usize, end: usize): usize {
  number = 0;
  for (let shift: u64 = 0; shift < 56 && at < end; shift += 7) {
    const byte = <u64> load<u8>(at++);
    number |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at;
  }
  return 0;
}

/** Writes a tag of one byte and a number behind it, and returns where that ends. */
export function writeTagged(tag: u32, value: usize, to: usize): usize {
  store<u8>(to, <u8> tag);
  return writeVarint(to + 1, value);
}
