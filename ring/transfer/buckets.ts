/**
 * Compares what two members hold in common by 256 hashes: each the exclusive or of the marks of all entries in its bucket, so that
 * it can be computed in any order, and two members with the same entries have the same.
 *
 * Buckets and marks follow from a key that the owner draws, or a client could choose ids that fall into one bucket. Where a bucket
 * holds more than one message can list, it is divided into 256 in turn: which part of the whole is compared is told by a prefix,
 * two hexadecimal digits for each division.
 *
 * @module
 */

import { type Hash64, toHex } from "../placement/rendezvous.ts";
import type { PushVersion } from "../protocol/push_version.ts";
import { KeyedHash } from "./keyed_hash.ts";

/** How many buckets there are. */
export const BUCKETS = 256;

/** How often a bucket may be divided: until the hash of an id has no byte left. */
const MAX_DIVISIONS = 7;

/** An entry, as far as it matters here. */
export interface Marked {
  /** The cluster id. */
  readonly id: string;
  /** The version that is held. */
  readonly version: PushVersion;
}

interface Mark {
  /** By which the id is put into a bucket. */
  readonly place: string;
  /** Of id and version. */
  readonly mark: Hash64;
}

/** Puts entries into buckets by one key. What was computed of an entry is kept for as long as the entry is. */
export class Buckets {
  /** The key: 32 hexadecimal digits. */
  readonly key: string;
  readonly #hash: KeyedHash;
  readonly #marks = new WeakMap<Marked, Mark>();

  /** Takes the key. */
  constructor(key: string) {
    this.key = key;
    this.#hash = new KeyedHash(key);
  }

  /** Of some entries those that a prefix stands for; all of them if it is empty. */
  within<T extends Marked>(entries: readonly T[], prefix: string): readonly T[] {
    return prefix === "" ? entries : entries.filter((entry) => this.#markOf(entry).place.startsWith(prefix));
  }

  /** The bucket of an entry among those that divide a prefix. */
  bucketOf(entry: Marked, prefix: string): number {
    return parseInt(this.#markOf(entry).place.slice(prefix.length, prefix.length + 2), 16);
  }

  /** The hashes of the buckets that divide a prefix, 16 hexadecimal digits each, of entries that it stands for. */
  hashes(entries: Iterable<Marked>, prefix: string): string {
    const hi = new Uint32Array(BUCKETS), lo = new Uint32Array(BUCKETS);
    for (const entry of entries) {
      const bucket = this.bucketOf(entry, prefix), { mark } = this.#markOf(entry);
      hi[bucket] ^= mark.hi;
      lo[bucket] ^= mark.lo;
    }
    return Array.from(hi, (half, bucket) => toHex({ hi: half, lo: lo[bucket] })).join("");
  }

  #markOf(entry: Marked): Mark {
    let known = this.#marks.get(entry);
    if (known === undefined) {
      const { id, version: { epoch, ms, ingress, sequence } } = entry;
      const mark = this.#hash.of(`${id}\n${epoch}\n${ms}\n${ingress}\n${sequence}`);
      known = { place: toHex(this.#hash.of(id)), mark };
      this.#marks.set(entry, known);
    }
    return known;
  }
}

/** The prefix of one bucket of those that divide another; undefined if there is nothing left to divide it by. */
export function divided(prefix: string, bucket: number): string | undefined {
  return prefix.length < 2 * MAX_DIVISIONS ? prefix + bucket.toString(16).padStart(2, "0") : undefined;
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
