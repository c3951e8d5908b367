/** How two members find what they do not both hold. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { BUCKETS, Buckets, differingBuckets, divided } from "../../../ring/transfer/buckets.ts";
import { KeyedHash } from "../../../ring/transfer/keyed_hash.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const KEY = "000102030405060708090a0b0c0d0e0f";
const entry = (id: string, sequence = 1) => ({ id, version: { epoch: 1, ms: 1, ingress: "a", sequence } });
const many = Array.from({ length: 2_000 }, (_, i) => entry(`c${i}`));
const buckets = new Buckets(KEY);
const hashes = (entries: readonly ReturnType<typeof entry>[], prefix = "") => buckets.hashes(entries, prefix);

Deno.test("Buckets.hashes() is the same in any order, and 16 digits for each bucket", () => {
  const whole = hashes(many);
  assert.match(whole, new RegExp(`^[0-9a-f]{${16 * BUCKETS}}$`));
  assert.equal(hashes(many.toReversed()), whole);
  assert.equal(hashes([]), "0".repeat(16 * BUCKETS));
});

Deno.test("Buckets.hashes() is the exclusive or of the marks of a bucket", () => {
  const bucket = buckets.bucketOf(many[0], "");
  const inIt = many.filter((entry) => buckets.bucketOf(entry, "") === bucket);
  assert.ok(inIt.length > 1);
  const oracle = inIt.reduce((sum, { id }) => {
    const { hi, lo } = new KeyedHash(KEY).of(`${id}\n1\n1\na\n1`);
    return sum ^ (BigInt(hi) << 32n | BigInt(lo));
  }, 0n);
  assert.equal(hashes(many).slice(bucket * 16, bucket * 16 + 16), oracle.toString(16).padStart(16, "0"));
});

Deno.test("Buckets.bucketOf() spreads entries over all buckets, and otherwise by another key", () => {
  const sizes = new Uint32Array(BUCKETS), other = new Buckets([...KEY].toReversed().join(""));
  let same = 0;
  for (let i = 0; i < 100 * BUCKETS; i++) {
    const one = entry(`c${i}`), bucket = buckets.bucketOf(one, "");
    sizes[bucket]++;
    if (other.bucketOf(one, "") === bucket) same++;
  }
  // Five standard deviations of a fair share.
  assert.ok(sizes.every((size) => size > 50 && size < 150), String(sizes));
  assert.ok(same > 50 && same < 150, `${same} of 25,600 are in the same bucket by both`);
});

Deno.test("Buckets.within() has of each bucket what a prefix stands for, which its 256 parts hold again", () => {
  for (const bucket of [0, 7, 255]) {
    const prefix = divided("", bucket)!;
    const inIt = buckets.within(many, prefix);
    assert.deepEqual(inIt, many.filter((entry) => buckets.bucketOf(entry, "") === bucket));
    const parts = Array.from({ length: BUCKETS }, (_, part) => buckets.within(inIt, divided(prefix, part)!)).flat();
    assert.deepEqual(parts.map(({ id }) => id).toSorted(), inIt.map(({ id }) => id).toSorted());
    for (const one of inIt) {
      assert.ok(buckets.within(many, divided(prefix, buckets.bucketOf(one, prefix))!).includes(one));
    }
  }
  assert.deepEqual([divided("", 10), divided("0a".repeat(6), 255), divided("0a".repeat(7), 0)], [
    "0a",
    "0a".repeat(6) + "ff",
    undefined,
  ]);
});

Deno.test("differingBuckets() finds the buckets of what is missing, and of what has another version", () => {
  const whole = hashes(many);
  assert.deepEqual(differingBuckets(whole, whole), []);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(many.length - 1), { maxLength: 5 }), fc.boolean(), (indices, isMissing) => {
      const other = many.flatMap((one, i) => !indices.includes(i) ? [one] : isMissing ? [] : [entry(one.id, 2)]);
      const expected = [...new Set(indices.map((i) => buckets.bucketOf(many[i], "")))].toSorted((a, b) => a - b);
      assert.deepEqual(differingBuckets(whole, hashes(other)), expected);
    }),
  );
});
