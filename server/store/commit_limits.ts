/**
 * What Deno KV takes in one commit: 1,000 mutations and 819,200 bytes, of which 81,920 in keys.
 *
 * @module
 */

import type { Mutation } from "./layout.ts";

/** The most mutations in a commit. */
export const COMMIT_MUTATIONS = 1_000;

/** The most bytes in a commit; some room is left for what Deno KV counts besides keys and values. */
export const COMMIT_BYTES = 800_000;

/** The most bytes of keys in a commit; Deno KV takes 81,920 of them. */
const COMMIT_KEY_BYTES = 80_000;

/** Cuts mutations into commits that Deno KV takes, as few as may be, in their order. */
export function* split(mutations: readonly Mutation[]): Generator<readonly Mutation[]> {
  let start = 0;
  let bytes = 0;
  let keyBytes = 0;
  for (const [at, mutation] of mutations.entries()) {
    const more = bytesOf(mutation);
    const moreInKey = keyBytesOf(mutation);
    const fits = bytes + more <= COMMIT_BYTES && keyBytes + moreInKey <= COMMIT_KEY_BYTES &&
      at - start < COMMIT_MUTATIONS;
    if (at > start && !fits) {
      yield mutations.slice(start, at);
      start = at;
      bytes = 0;
      keyBytes = 0;
    }
    bytes += more;
    keyBytes += moreInKey;
  }
  if (start < mutations.length) yield mutations.slice(start);
}

/** At most what a mutation takes of a commit. */
export function bytesOf(mutation: Mutation): number {
  return (mutation.value?.length ?? 0) + keyBytesOf(mutation);
}

/** At most what its key takes: three bytes for a UTF-16 unit hold its UTF-8 and the escape of a zero. */
function keyBytesOf({ key }: Mutation): number {
  let bytes = 0;
  for (const part of key) bytes += typeof part === "string" ? 3 * part.length + 2 : 9;
  return bytes;
}
