/**
 * Numbers as protobuf writes them.
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
