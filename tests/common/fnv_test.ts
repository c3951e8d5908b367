import assert from "node:assert/strict";
import { accountIdOf, fnv1a64 } from "../../common/fnv.ts";

Deno.test.sanitizer({ ops: true, resources: true });

// From the test suite of the hash's authors (draft-eastlake-fnv, appendix C).
const VECTORS: readonly [text: string, hash: bigint][] = [
  ["", 0xcbf29ce484222325n],
  ["a", 0xaf63dc4c8601ec8cn],
  ["foo", 0xdcb27518fed9d577n],
  ["foobar", 0x85944171f73967e8n],
  ["chongo was here!\n", 0x46810940eff5f915n],
];

Deno.test("fnv1a64() matches the vectors of its authors", () => {
  for (const [text, hash] of VECTORS) assert.equal(fnv1a64(text), hash, JSON.stringify(text));
});

Deno.test("fnv1a64() hashes UTF-8", () => {
  let expected = 0xcbf29ce484222325n;
  for (const byte of [0xc3, 0xa9, 0xf0, 0x9f, 0xa6, 0x95]) {
    expected = ((expected ^ BigInt(byte)) * 1099511628211n) % (1n << 64n);
  }
  assert.equal(fnv1a64("é🦕"), expected);
});

Deno.test("accountIdOf() writes the hash in base 32 with the digits 0-9a-v", () => {
  // 0xaf63dc4c8601ec8c by an independent conversion (Python).
  assert.equal(accountIdOf("a"), "auous9i303r4c");
  assert.match(accountIdOf("any text"), /^[0-9a-v]{1,13}$/);
});
