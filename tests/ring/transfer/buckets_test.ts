/** How two members find what they do not both hold. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { bucketOf, BUCKETS, differingBuckets, hashBuckets } from "../../../ring/transfer/buckets.ts";
import { hash64, keyHash } from "../../../ring/placement/rendezvous.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const entry = (id: string, version = 1) => ({ id, key: keyHash(id), mark: hash64(`${id}\n${version}`) });
const many = Array.from({ length: 2_000 }, (_, i) => entry(`c${i}`));

Deno.test("hashBuckets() is the same in any order, and 16 digits for each bucket", () => {
  const hashes = hashBuckets(many);
  assert.match(hashes, new RegExp(`^[0-9a-f]{${16 * BUCKETS}}$`));
  assert.equal(hashBuckets(many.toReversed()), hashes);
  assert.equal(hashBuckets([]), "0".repeat(16 * BUCKETS));
});

Deno.test("hashBuckets() is the exclusive or of the marks of a bucket", () => {
  const bucket = bucketOf(many[0]);
  const marks = many.filter((entry) => bucketOf(entry) === bucket).map(({ mark }) => mark);
  assert.ok(marks.length > 1);
  const oracle = marks.reduce((sum, { hi, lo }) => sum ^ (BigInt(hi) << 32n | BigInt(lo)), 0n);
  assert.equal(hashBuckets(many).slice(bucket * 16, bucket * 16 + 16), oracle.toString(16).padStart(16, "0"));
});

Deno.test("bucketOf() spreads entries over all buckets", () => {
  const sizes = new Uint32Array(BUCKETS);
  for (let i = 0; i < 100 * BUCKETS; i++) sizes[bucketOf(entry(`c${i}`))]++;
  // Five standard deviations of a fair share.
  assert.ok(sizes.every((size) => size > 50 && size < 150), String(sizes));
});

Deno.test("differingBuckets() finds the buckets of what is missing, and of what has another version", () => {
  const hashes = hashBuckets(many);
  assert.deepEqual(differingBuckets(hashes, hashes), []);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(many.length - 1), { maxLength: 5 }), fc.boolean(), (indices, isMissing) => {
      const other = many.flatMap((one, i) => !indices.includes(i) ? [one] : isMissing ? [] : [entry(one.id, 2)]);
      const expected = [...new Set(indices.map((i) => bucketOf(many[i])))].toSorted((a, b) => a - b);
      assert.deepEqual(differingBuckets(hashes, hashBuckets(other)), expected);
    }),
  );
});
