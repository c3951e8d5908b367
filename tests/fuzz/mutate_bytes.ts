/**
 * Mutations that know nothing of what the bytes mean.
 *
 * @module
 */

import { concatenate } from "../../common/concatenate.ts";
import type { Random } from "../support/random.ts";
import { PIECES } from "./vocabulary.ts";

/** Several byte strings as one. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return concatenate(parts);
}

/** Bytes with those from `start` to `end` replaced. */
export function splice(bytes: Uint8Array, [start, end]: readonly [number, number], by: Uint8Array): Uint8Array {
  return join(bytes.subarray(0, start), by, bytes.subarray(end));
}

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

function range(bytes: Uint8Array, random: Random): [number, number] {
  const start = random.below(bytes.length + 1);
  return [start, Math.min(bytes.length, start + random.size(64))];
}

function changed(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = byte;
  return copy;
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    return changed(bytes, at, bytes[at] ^ 1 << random.below(8));
  },
  (bytes, random) =>
    changed(bytes, random.below(bytes.length), random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])),
  (bytes, random) => {
    const at = random.below(bytes.length);
    return changed(bytes, at, bytes[at] + random.between(-4, 4));
  },
  (bytes, random) => {
    const [start] = range(bytes, random);
    return splice(bytes, [start, start], random.pick(PIECES));
  },
  (bytes, random) => {
    const piece = random.pick(PIECES);
    const [start] = range(bytes, random);
    return splice(bytes, [start, Math.min(bytes.length, start + piece.length)], piece);
  },
  (bytes, random) => splice(bytes, range(bytes, random), new Uint8Array()),
  (bytes, random) => {
    const [start, end] = range(bytes, random);
    return splice(bytes, [start, start], bytes.subarray(start, end));
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random, other) =>
    join(bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length))),
  (bytes, random) => join(bytes, random.bytes(random.size(16))),
];

/** Changes bytes in one to four places; `other` lends some of its own. */
export function mutateBytes(bytes: Uint8Array, { random, other }: { random: Random; other: Uint8Array }): Uint8Array {
  let mutated = bytes;
  for (let count = random.size(4); count > 0; count--) {
    if (mutated.length === 0) return random.pick(PIECES);
    mutated = random.pick(MUTATIONS)(mutated, random, other);
  }
  return mutated;
}
