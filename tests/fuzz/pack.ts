/**
 * Compresses payloads as no compressor would: every kind of chunk, block element and header that the formats have, and some
 * that they have not.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { crc32c, frameSnappy } from "../../common/exposition/snappy.ts";
import type { Random } from "../support/random.ts";
import { join } from "./mutate_bytes.ts";
import { varintBytes } from "./wire_tree.ts";

const IDENTIFIER = Uint8Array.fromHex("ff060000734e61507059");

/** Framed snappy that holds the payload, as our own encoder writes it or in a strange way; now and then a wrong one. */
export function packSnappy(payload: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.4)) return frameSnappy(payload);
  const wrong = random.chance(0.15) ? random.below(9) : -1;
  const chunks: Uint8Array[] = [wrong === 0 ? IDENTIFIER.subarray(random.below(10)) : IDENTIFIER];
  for (let at = 0; at < payload.length;) {
    const raw = payload.subarray(at, at += Math.min(65_536, random.size(payload.length)));
    if (random.chance(0.1)) chunks.push(chunk(random.pick([0x80, 0xa0, 0xfd, 0xfe]), random.bytes(random.size(20))));
    if (random.chance(0.1)) chunks.push(IDENTIFIER);
    const checksum = new Uint8Array(4);
    const crc = crc32c(raw);
    new DataView(checksum.buffer).setUint32(0, (crc >>> 15 | crc << 17) + 0xa282ead8 >>> 0, true);
    if (wrong === 1) checksum[random.below(4)] ^= 1;
    const block = random.chance(0.7);
    const data = block ? snappyBlock(raw, random, wrong) : raw;
    chunks.push(
      chunk(
        wrong === 2 ? random.between(2, 0x7f) : block ? 0 : 1,
        join(checksum, data),
        wrong === 3 ? random : undefined,
      ),
    );
  }
  if (wrong === 4) chunks.push(random.bytes(random.between(1, 3)));
  return join(...chunks);
}

function chunk(type: number, body: Uint8Array, lengthening?: Random): Uint8Array {
  const length = body.length + (lengthening?.pick([-4, -1, 1, 65_536, 0xffffff]) ?? 0) & 0xffffff;
  return join(Uint8Array.of(type, length & 0xff, length >> 8 & 0xff, length >> 16), body);
}

/** A block of arbitrary literals and copies that yields `raw`; a wrong one if `wrong` is 5 to 8. */
function snappyBlock(raw: Uint8Array, random: Random, wrong: number): Uint8Array {
  const claimed = wrong === 5 ? random.pick([0, raw.length - 1, raw.length + 1, 65_537, 2 ** 32 - 1]) : raw.length;
  const parts: Uint8Array[] = [varintBytes(BigInt(Math.max(0, claimed)), random.chance(0.1) ? random.below(3) : 0)];
  const seen = new Map<number, number>();
  const word = (at: number) => raw[at] | raw[at + 1] << 8 | raw[at + 2] << 16 | raw[at + 3] << 24;
  let literal = 0;
  const flush = (end: number) => {
    if (end > literal) parts.push(literalElement(raw.subarray(literal, end), random));
    literal = end;
  };
  for (let at = 0; at + 4 <= raw.length;) {
    const before = seen.get(word(at));
    seen.set(word(at), at);
    if (before === undefined || random.chance(0.2)) {
      at++;
      continue;
    }
    flush(at);
    let length = 4;
    while (length < 64 && at + length < raw.length && raw[before + length] === raw[at + length]) length++;
    length = random.between(4, length);
    parts.push(copyElement(at - before, length, random));
    literal = at += length;
  }
  flush(raw.length);
  if (wrong === 6) {
    parts.push(copyElement(random.pick([0, raw.length + 1, 65_535, 2 ** 32 - 1]), random.between(1, 64), random));
  }
  if (wrong === 7) parts.push(Uint8Array.of(random.pick([60, 61, 62, 63]) << 2, ...random.bytes(random.below(5))));
  if (wrong === 8) parts.push(parts.splice(random.below(parts.length), 1)[0] ?? new Uint8Array());
  return join(...parts);
}

/** A literal whose length takes as many bytes as it needs, or more. */
function literalElement(bytes: Uint8Array, random: Random): Uint8Array {
  const length = bytes.length - 1;
  const least = length < 60 ? 0 : length < 256 ? 1 : 2;
  const width = random.chance(0.2) ? random.between(least, 4) : least;
  if (width === 0) return join(Uint8Array.of(length << 2), bytes);
  const head = Array.from({ length: width }, (_, i) => i < 3 ? length >> 8 * i & 0xff : 0);
  return join(Uint8Array.of(59 + width << 2, ...head), bytes);
}

function copyElement(offset: number, length: number, random: Random): Uint8Array {
  if (offset < 2_048 && length >= 4 && length < 12 && random.chance(0.5)) {
    return Uint8Array.of(offset >> 8 << 5 | length - 4 << 2 | 1, offset & 0xff);
  }
  if (offset < 65_536 && random.chance(0.8)) return Uint8Array.of(length - 1 << 2 | 2, offset & 0xff, offset >> 8);
  return Uint8Array.of(length - 1 << 2 | 3, offset & 0xff, offset >> 8 & 0xff, offset >> 16 & 0xff, offset >>> 24);
}

/** Gzip that holds the payload in one member or several, with or without the optional parts of the header. */
export function packGzip(payload: Uint8Array, random: Random): Uint8Array {
  const members: Uint8Array[] = [];
  for (let at = 0; at < payload.length || members.length === 0;) {
    const end = random.chance(0.7) ? payload.length : at + random.size(payload.length);
    const member = gzipSync(payload.subarray(at, end), { level: random.pick([0, 1, 6]) });
    members.push(random.chance(0.1) ? withName(member, random) : member);
    at = Math.max(end, 1);
  }
  if (random.chance(0.05)) members.push(random.bytes(random.size(20)));
  return join(...members);
}

/** Sets flags of the header (RFC 1952 section 2.3.1), with and without what they promise. */
function withName(member: Uint8Array, random: Random): Uint8Array {
  const flagged = member.slice();
  flagged[3] = random.pick([1, 2, 4, 8, 16, 31, 32, 255]);
  if (flagged[3] !== 8 && flagged[3] !== 16) return flagged;
  return join(
    flagged.subarray(0, 10),
    random.bytes(random.size(300)).map((byte) => byte | 1),
    Uint8Array.of(0),
    flagged.subarray(10),
  );
}
