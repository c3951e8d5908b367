/**
 * Snappy blocks (google/snappy `format_description.txt`).
 *
 * @module
 */

/** Per tag of a copy: its length, then how many bytes of offset follow, then what the tag holds of the offset. */
const COPIES: usize = memory.data(1_024, 16);

/** Fills the table of tags; called once. */
export function fillCopyTable(): void {
  for (let tag: u32 = 0; tag < 256; tag++) {
    const kind = tag & 3;
    const entry: u32 = kind === 1
      ? 4 + (tag >>> 2 & 7) | 1 << 8 | (tag >>> 5) << 24
      : 1 + (tag >>> 2) | (kind === 2 ? 2 : 4) << 8;
    store<u32>(COPIES + 4 * tag, entry);
  }
}

/** The lowest so many bytes of a word, of which there is at least one. */
function lowest(word: u32, bytes: u32): u32 {
  const unwanted = 32 - 8 * bytes;
  return word << unwanted >>> unwanted;
}

/**
 * Uncompresses the block from `from` to `stop` to `start` to `end`. Sixteen bytes behind either are read or written over.
 * False if the block is malformed or does not come to exactly that length.
 */
export function uncompress(from: usize, stop: usize, start: usize, end: usize): bool {
  let to = start;
  // The length that it claims is known.
  while (from < stop && load<u8>(from) >= 0x80) from++;
  from++;
  while (from < stop) {
    const tag: u32 = load<u8>(from++);
    if ((tag & 3) === 0) {
      let length: usize = tag >>> 2;
      if (length >= 60) {
        const width = length - 59;
        if (from + width > stop) return false;
        length = lowest(load<u32>(from), <u32> width);
        from += width;
        if (length >= 0x10000) return false;
      }
      length++;
      if (from + length > stop || to + length > end) return false;
      v128.store(to, v128.load(from));
      for (let i: usize = 16; i < length; i += 16) v128.store(to + i, v128.load(from + i));
      from += length;
      to += length;
      continue;
    }
    const entry = load<u32>(COPIES + 4 * tag);
    const length: usize = entry & 255, width: usize = entry >>> 8 & 255;
    if (from + width > stop) return false;
    const offset: usize = (entry >>> 24 << 8) + lowest(load<u32>(from), <u32> width);
    from += width;
    if (offset - 1 >= to - start || to + length > end) return false;
    const source = to - offset;
    // A copy may reach into what it writes: from so many bytes back on, all that is read at a time is there.
    if (offset >= 16) {
      v128.store(to, v128.load(source));
      for (let i: usize = 16; i < length; i += 16) v128.store(to + i, v128.load(source + i));
    } else if (offset >= 8) {
      for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(source + i));
    } else {
      for (let i: usize = 0; i < length; i++) store<u8>(to + i, load<u8>(source + i));
    }
    to += length;
  }
  return to === end;
}
