/**
 * When series ended, by their stale markers, for as long as a sample from before that may still come: it does not bring them back.
 *
 * A series is kept as a hash of 53 bits of its name and labels, by a secret: two of them have one in common once in 2^53.
 *
 * @module
 */

import type { Lines } from "./merged_content.ts";
import { keyEnd, lastLine, LINE, NATIVE, samplesOf } from "./sample_lines.ts";

/** Looks up when a series ended, in milliseconds since the epoch: the key of a line, and what it is of. `-Infinity` for one that did not. */
export type EndedAt = (text: Uint8Array, start: number, end: number, kind: number) => number;

/** The most ends that are kept of all clusters, of some 64 bytes each. */
export const MAX_ENDS = 262_144;
/** The most of one cluster. */
export const MAX_CLUSTER_ENDS = 16_384;

/** Keeps them, and lets go of the oldest where there are too many. */
export class EndTimes {
  readonly #clusters = new Map<string, Map<number, number>>();
  // So that nobody can know which series fall together.
  readonly #seeds = crypto.getRandomValues(new Int32Array(2));
  readonly #maxEnds: number;
  readonly #maxClusterEnds: number;
  #count = 0;

  /** Keeps at most so many. */
  constructor({ maxEnds = MAX_ENDS, maxClusterEnds = MAX_CLUSTER_ENDS } = {}) {
    this.#maxEnds = maxEnds;
    this.#maxClusterEnds = maxClusterEnds;
  }

  /** How many are kept. */
  get size(): number {
    return this.#count;
  }

  /** When series of a cluster ended; undefined if nothing is known of any. */
  of(id: string): EndedAt | undefined {
    const ends = this.#clusters.get(id);
    return ends && ((text, start, end, kind) => ends.get(this.#keyOf(text, start, end, kind)) ?? -Infinity);
  }

  /** Series of a cluster have ended: a sample of each, with the time of its end. */
  learn(id: string, ended: Lines): void {
    const ends = this.#clusters.get(id) ?? new Map<number, number>(), before = ends.size;
    for (const block of ended.blocks) {
      for (const { start, end, ms, native } of samplesOf(ended, block)) {
        const from = native === undefined ? start : lastLine(ended.text, { start, end });
        const key = this.#keyOf(ended.text, from, keyEnd(ended.text, end), native === undefined ? LINE : NATIVE);
        const known = ends.get(key) ?? -Infinity;
        if (ms <= known) continue;
        // Behind the others, as it was learned last.
        ends.delete(key);
        ends.set(key, ms);
      }
    }
    for (const key of ends.keys()) {
      if (ends.size <= this.#maxClusterEnds) break;
      ends.delete(key);
    }
    this.#count += ends.size - before;
    this.#clusters.delete(id);
    if (ends.size > 0) this.#clusters.set(id, ends);
    for (const [other, { size }] of this.#clusters) {
      if (this.#count <= this.#maxEnds) break;
      this.#clusters.delete(other);
      this.#count -= size;
    }
  }

  /** Lets go of ends before a time, in milliseconds since the epoch: samples from before them are not taken any more. */
  expire(oldestMs: number): void {
    for (const [id, ends] of this.#clusters) {
      const before = ends.size;
      for (const [key, ms] of ends) if (ms < oldestMs) ends.delete(key);
      this.#count += ends.size - before;
      if (ends.size === 0) this.#clusters.delete(id);
    }
  }

  /** In four arguments, as lines are looked up one by one. */
  #keyOf(text: Uint8Array, start: number, end: number, kind: number): number {
    let low = this.#seeds[0] ^ kind, high = this.#seeds[1] ^ kind;
    for (let at = start; at < end; at++) {
      low = Math.imul(low ^ text[at], 0x01000193);
      high = Math.imul(high ^ text[at], 0x85ebca6b);
      high ^= high >>> 13;
    }
    low ^= low >>> 15;
    return (high >>> 11) * 2 ** 32 + (low >>> 0);
  }
}
