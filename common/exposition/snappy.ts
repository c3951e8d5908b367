/**
 * The snappy framing format (google/snappy `framing_format.txt`): a stream identifier, then chunks of at most 64 KiB, each
 * with the masked CRC-32C of its uncompressed bytes.
 *
 * @module
 */

import { Kernel, SPARE_BYTES } from "../kernel/kernel.ts";
import { UncompressedLimitError } from "./metric_family.ts";

const STREAM_IDENTIFIER = new Uint8Array([0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]);
const CHUNK_BYTES = 65_536;
/** The longest block that 64 KiB can compress to: `32 + n + n/6`, as the reference implementation bounds it. */
const MAX_BLOCK_BYTES = 76_490;
const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
const FIRST_SKIPPABLE = 0x80;
const STREAM = 0xff;

/** Makes checksums and blocks, in a memory of its own that it uses again. */
let framer: Kernel | undefined;

/**
 * The CRC-32C (Castagnoli, RFC 3720) of `bytes`, as an unsigned 32-bit integer.
 *
 * @throws {RangeError} if there are more than a chunk holds.
 */
export function crc32c(bytes: Uint8Array): number {
  if (bytes.length > CHUNK_BYTES) {
    throw new RangeError(`Cannot check ${bytes.length} bytes: a chunk has ${CHUNK_BYTES}`);
  }
  const kernel = framer ??= new Kernel();
  const at = kernel.freeFrom;
  kernel.reserve(at + bytes.length + SPARE_BYTES);
  kernel.bytes.set(bytes, at);
  return kernel.exports.crc32c(at, bytes.length) >>> 0;
}

/** A CRC rotated and offset, so that a CRC of data that holds CRCs stays a good check. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Compresses and frames `raw`. An empty input is the stream identifier alone. */
export function frameSnappy(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const kernel = framer ??= new Kernel();
  const rawAt = kernel.freeFrom, blockAt = rawAt + CHUNK_BYTES + SPARE_BYTES;
  kernel.reserve(blockAt + MAX_BLOCK_BYTES);
  const chunks = Math.ceil(raw.length / CHUNK_BYTES);
  const out = new Uint8Array(STREAM_IDENTIFIER.length + raw.length + 8 * chunks);
  out.set(STREAM_IDENTIFIER);
  let length = STREAM_IDENTIFIER.length;
  for (let at = 0; at < raw.length; at += CHUNK_BYTES) {
    const chunk = raw.subarray(at, at + CHUNK_BYTES);
    kernel.bytes.set(chunk, rawAt);
    const end = kernel.exports.compressBlock(rawAt, rawAt + chunk.length, blockAt);
    const block = kernel.bytes.subarray(blockAt, end);
    // As the reference does: a block that saves less than an eighth is not worth the work of reading it.
    const worthIt = block.length < chunk.length - (chunk.length >> 3);
    const data = worthIt ? block : chunk;
    const crc = masked(kernel.exports.crc32c(rawAt, chunk.length) >>> 0);
    out[length] = worthIt ? COMPRESSED : UNCOMPRESSED;
    writeUint24(out, length + 1, data.length + 4);
    writeUint24(out, length + 4, crc & 0xffffff);
    out[length + 7] = crc >>> 24;
    out.set(data, length + 8);
    length += 8 + data.length;
  }
  // What is left over goes at once rather than when garbage is collected.
  return new Uint8Array(out.buffer.transfer(length));
}

function writeUint24(out: Uint8Array, at: number, value: number) {
  out[at] = value & 0xff;
  out[at + 1] = value >>> 8 & 0xff;
  out[at + 2] = value >>> 16;
}

/**
 * Reads framed snappy in the memory of a kernel, which it uses again.
 *
 * Blocks are uncompressed there rather than by hysnappy, which hands out every block in a new buffer: at a thousand pushes
 * a second that is 200 MB of garbage a second.
 */
export class SnappyUnframer {
  readonly #kernel: Kernel;

  /** Reads in the free memory of a kernel. */
  constructor(kernel: Kernel = new Kernel()) {
    this.#kernel = kernel;
  }

  /**
   * Uncompresses a whole stream of frames. The result is a view that holds until the kernel is used again.
   *
   * What the input claims to hold is checked against the limit before any work is done or memory spent.
   *
   * @throws {SyntaxError} if the bytes are not framed snappy or a checksum does not match, with the offset.
   * @throws {UncompressedLimitError} if the stream holds more than `limitBytes`.
   */
  unframe(framed: Uint8Array, { limitBytes }: { limitBytes: number }): Uint8Array {
    if (framed.length < STREAM_IDENTIFIER.length || !startsWith(framed, STREAM_IDENTIFIER)) {
      throw malformed("no stream identifier", 0);
    }
    if (claimedSnappyBytes(framed) > limitBytes) throw new UncompressedLimitError(limitBytes);
    const kernel = this.#kernel;
    const framedAt = kernel.freeFrom;
    const rawAt = framedAt + framed.length + SPARE_BYTES;
    kernel.reserve(rawAt);
    kernel.bytes.set(framed, framedAt);
    let length = 0;
    for (let at = 0; at < framed.length;) {
      if (at + 4 > framed.length) throw malformed("a chunk header is cut short", at);
      const type = framed[at];
      const bodyLength = framed[at + 1] | framed[at + 2] << 8 | framed[at + 3] << 16;
      const body = at + 4;
      const end = body + bodyLength;
      if (end > framed.length) throw malformed("a chunk is cut short", at);
      if (type === COMPRESSED || type === UNCOMPRESSED) {
        if (bodyLength < 4) throw malformed("a chunk has no checksum", at);
        if (bodyLength > 4 + MAX_BLOCK_BYTES) throw malformed("a chunk is too long", at);
        const data = body + 4;
        const rawLength = type === COMPRESSED ? claimedBlockBytes(framed.subarray(data, end)) : end - data;
        if (rawLength === undefined) throw malformed("a block has no length", at);
        if (rawLength > CHUNK_BYTES) throw malformed("a chunk holds more than 64 KiB", at);
        const start = rawAt + length, stop = start + rawLength;
        kernel.reserve(stop);
        if (type === UNCOMPRESSED) kernel.bytes.copyWithin(start, framedAt + data, framedAt + end);
        else if (!kernel.exports.uncompress(framedAt + data, framedAt + end, start, stop)) {
          throw malformed("a block is malformed", at);
        }
        const crc = (framed[body] | framed[body + 1] << 8 | framed[body + 2] << 16 | framed[body + 3] << 24) >>> 0;
        if (masked(kernel.exports.crc32c(start, rawLength)) !== crc) throw malformed("a checksum does not match", at);
        length += rawLength;
      } else if (type === STREAM) {
        if (bodyLength !== 6 || !startsWith(framed.subarray(at), STREAM_IDENTIFIER)) {
          throw malformed("a stream identifier is wrong", at);
        }
      } else if (type < FIRST_SKIPPABLE) {
        throw malformed(`a chunk has the reserved type ${type}`, at);
      }
      at = end;
    }
    return kernel.bytes.subarray(rawAt, rawAt + length);
  }
}

/**
 * How many bytes a stream of frames claims to hold, as far as it can be read: {@linkcode SnappyUnframer.unframe} finds what is
 * wrong further on, and no block that comes to another length than it claims.
 */
export function claimedSnappyBytes(framed: Uint8Array): number {
  let length = 0;
  for (let at = 0; at + 4 <= framed.length;) {
    const end = at + 4 + (framed[at + 1] | framed[at + 2] << 8 | framed[at + 3] << 16), data = at + 8;
    if (end > framed.length) break;
    if (framed[at] === UNCOMPRESSED) length += Math.max(0, end - data);
    else if (framed[at] === COMPRESSED) {
      const claimed = claimedBlockBytes(framed.subarray(data, end));
      if (claimed === undefined || claimed > CHUNK_BYTES) break;
      length += claimed;
    }
    at = end;
  }
  return length;
}

/** The length that a snappy block claims in its head, a varint of at most 32 bits; undefined if there is none. */
export function claimedBlockBytes(block: Uint8Array): number | undefined {
  let value = 0;
  for (let i = 0; i < Math.min(5, block.length); i++) {
    value += (block[i] & 0x7f) * 2 ** (7 * i);
    if (block[i] < 0x80) return value;
  }
  return undefined;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

function malformed(what: string, at: number): SyntaxError {
  return new SyntaxError(`Cannot read the framed snappy: ${what}, at offset ${at}`);
}
