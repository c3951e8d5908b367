/** The hash by which members compare what they hold, against its authors' numbers and an independent computation. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { toHex } from "../../../ring/placement/rendezvous.ts";
import { KeyedHash } from "../../../ring/transfer/keyed_hash.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const KEY = "000102030405060708090a0b0c0d0e0f";
const ascending = (length: number) => String.fromCharCode(...Array.from({ length }, (_, i) => i));

/** SipHash-2-4 as it is defined, on 64-bit numbers. */
function sipHash(key: string, text: string): string {
  const word = (bytes: Uint8Array) => bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
  const mask = 2n ** 64n - 1n, left = (a: bigint, n: bigint) => (a << n | a >> 64n - n) & mask;
  const keyBytes = Uint8Array.fromHex(key), k0 = word(keyBytes.subarray(0, 8)), k1 = word(keyBytes.subarray(8));
  let [v0, v1, v2, v3] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const round = () => {
    v0 = v0 + v1 & mask, v1 = left(v1, 13n) ^ v0, v0 = left(v0, 32n);
    v2 = v2 + v3 & mask, v3 = left(v3, 16n) ^ v2;
    v0 = v0 + v3 & mask, v3 = left(v3, 21n) ^ v0;
    v2 = v2 + v1 & mask, v1 = left(v1, 17n) ^ v2, v2 = left(v2, 32n);
  };
  const bytes = new TextEncoder().encode(text), padded = new Uint8Array(bytes.length - bytes.length % 8 + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const m = word(padded.subarray(at, at + 8));
    v3 ^= m;
    round(), round();
    v0 ^= m;
  }
  v2 ^= 0xffn;
  round(), round(), round(), round();
  return (v0 ^ v1 ^ v2 ^ v3).toString(16).padStart(16, "0");
}

for (
  const [length, hash] of [
    [0, "726fdb47dd0e0e31"],
    [1, "74f839c593dc67fd"],
    [15, "a129ca6149be45e5"],
  ] as const
) {
  Deno.test(`KeyedHash of the bytes from 0 up to ${length} is what its authors give`, () => {
    assert.equal(toHex(new KeyedHash(KEY).of(ascending(length))), hash);
  });
}

Deno.test("KeyedHash is SipHash-2-4 of the UTF-8 of any text, by any key", () => {
  const key = fc.uint8Array({ minLength: 16, maxLength: 16, size: "max" }).map((bytes) => bytes.toHex());
  fc.assert(fc.property(key, fc.string({ unit: "binary", maxLength: 300, size: "max" }), (key, text) => {
    assert.equal(toHex(new KeyedHash(key).of(text)), sipHash(key, text));
  }));
});
