/**
 * Compares what two members hold in common by 256 hashes: each the exclusive or of the marks of all entries in its bucket, so that
 * it can be computed in any order, and two members with the same entries have the same.
 *
 * @module
 */

import { type Hash64, toHex } from "../placement/rendezvous.ts";

/** How many buckets there are. An entry's is the lowest byte of the hash of its id. */
export const BUCKETS = 256;

/** The bucket of an entry. */
export function bucketOf({ key }: { readonly key: Hash64 }): number {
  return key.lo & 0xff;
}

/** The hashes of all buckets, 16 hexadecimal digits each. */
export function hashBuckets(entries: Iterable<{ readonly key: Hash64; readonly mark: Hash64 }>): string {
  const hi = new Uint32Array(BUCKETS), lo = new Uint32Array(BUCKETS);
  for (const entry of entries) {
    const bucket = bucketOf(entry);
    hi[bucket] ^= entry.mark.hi;
    lo[bucket] ^= entry.mark.lo;
  }
  return Array.from(hi, (half, bucket) => toHex({ hi: half, lo: lo[bucket] })).join("");
}

/** The buckets whose hashes differ. */
export function differingBuckets(a: string, b: string): number[] {
  const differing: number[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const at = bucket * 16;
    if (a.slice(at, at + 16) !== b.slice(at, at + 16)) differing.push(bucket);
  }
  return differing;
}
