/**
 * Framed snappy, written down once more from google/snappy's `framing_format.txt`: CRC-32C bit by bit, blocks by snappyjs.
 * Slow, and for input that may be trusted.
 *
 * @module
 */

import snappyjs from "snappyjs";

const STREAM_IDENTIFIER = [0xff, 6, 0, 0, ...new TextEncoder().encode("sNaPpY")];

/** The CRC-32C of RFC 3720, one bit at a time. */
export function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** One chunk: its type, its length, and what follows. */
export function chunk(type: number, body: Iterable<number>): number[] {
  const bytes = [...body];
  return [type, bytes.length & 0xff, bytes.length >> 8 & 0xff, bytes.length >> 16, ...bytes];
}

/** The masked checksum of what a chunk holds uncompressed. */
export function checksum(raw: Uint8Array): number[] {
  const crc = BigInt(bitwiseCrc32c(raw));
  const masked = Number(BigInt.asUintN(32, (crc >> 15n | crc << 17n & 0xffff_ffffn) + 0xa282_ead8n));
  return [masked & 0xff, masked >>> 8 & 0xff, masked >>> 16 & 0xff, masked >>> 24];
}

/** A chunk of data, compressed or not. */
export function dataChunk(raw: Uint8Array, how: "compressed" | "uncompressed"): number[] {
  const data = how === "compressed" ? snappyjs.compress(raw) : raw;
  return chunk(how === "compressed" ? 0x00 : 0x01, [...checksum(raw), ...data]);
}

/** A stream: its identifier, and chunks. */
export function stream(...chunks: readonly number[][]): Uint8Array {
  return new Uint8Array([...STREAM_IDENTIFIER, ...chunks.flat()]);
}

/** What a stream holds; throws an `Error` on what the format rules out. */
export function oracleUnframe(framed: Uint8Array): Uint8Array {
  const raw: number[] = [];
  for (let at = 0; at < framed.length;) {
    const [type, low, middle, high] = framed.subarray(at, at + 4);
    const body = framed.subarray(at + 4, at + 4 + (low | middle << 8 | high << 16));
    at += 4 + body.length;
    if (at === 4 + body.length || type === 0xff) {
      if (type !== 0xff || body.length !== 6) throw new Error("There is no stream identifier");
      continue;
    }
    if (type >= 0x80) continue;
    if (type !== 0x00 && type !== 0x01) throw new Error(`A chunk has the type ${type}`);
    const data = body.subarray(4);
    const piece = type === 0x00 ? snappyjs.uncompress(data, 65_536) : data;
    if (piece.length > 65_536) throw new Error("A chunk holds more than 64 KiB");
    if (checksum(piece).some((byte, i) => byte !== body[i])) throw new Error("A checksum does not match");
    for (const byte of piece) raw.push(byte);
  }
  return new Uint8Array(raw);
}
