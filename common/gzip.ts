/**
 * Gzip (RFC 1952) of a sequence of chunks, fast rather than small.
 *
 * `CompressionStream` has no level and takes five times as long as zlib's fastest for metrics, whose repetition even that
 * level shrinks to a fifteenth (measured on a page of one cluster: 910 MB/s against 178 MB/s).
 *
 * @module
 */

import { constants, crc32, deflateRawSync } from "node:zlib";

const HEADER = new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 0xff]);
/** A last block without content, behind which the checksum and the length follow. */
const END = [0x03, 0x00];

/** Compresses chunks into one gzip member, a piece for each as it comes. Pieces should have 64 KiB and more. */
export function* gzip(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  let crc = 0, length = 0;
  yield HEADER;
  for (const chunk of chunks) {
    crc = crc32(chunk, crc);
    length += chunk.length;
    // Flushed to a byte boundary, so that what comes next can simply follow.
    yield deflateRawSync(chunk, { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_SYNC_FLUSH });
  }
  const trailer = new Uint8Array(END.length + 8);
  trailer.set(END);
  const view = new DataView(trailer.buffer);
  view.setUint32(END.length, crc, true);
  view.setUint32(END.length + 4, length % 2 ** 32, true);
  yield trailer;
}
