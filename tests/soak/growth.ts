/**
 * Whether what a server takes grows for good: by the line through many weighings, as any two of them tell more of the push that
 * came last, and of what the allocator keeps, than of a leak.
 *
 * @module
 */

import { mebibytes } from "./footprint.ts";
import type { Weighing } from "./weighing.ts";

/** Where the line through some weighings begins and ends. */
export interface Growth {
  readonly from: number;
  readonly to: number;
}

/** What came in from the first weighing to the last. */
export interface Taken {
  /** Pushes of clusters that are known. */
  readonly pushes: number;
  /** Clusters that were not known before, each of which is remembered for a while. */
  readonly newcomers: number;
}

/** What may grow, and what people call it. */
const MEMORY = { heapBytes: "objects", externalBytes: "buffers", residentBytes: "the process" } as const;

/** What of a server may grow. */
export type KindOfMemory = keyof typeof MEMORY;
const KINDS_OF_MEMORY = Object.keys(MEMORY) as KindOfMemory[];

const MEBIBYTE = 1_048_576;

/** Fewer weighings show no line. */
export const LEAST_WEIGHINGS = 8;

/**
 * What may grow besides what came in, in bytes. Of a server that only takes pushes, all objects that are alive lie within 2 MiB. Large
 * pushes leave buffers for a while, until it is seen that nobody asks for their like. What the process takes is what the allocator
 * keeps besides, and comes and goes.
 */
const LEEWAY = {
  heapBytes: () => 3 * MEBIBYTE,
  externalBytes: () => 16 * MEBIBYTE,
  residentBytes: (from: number) => 0.1 * from,
} as const;

/** What may stay of a push, in bytes: somewhat for counters, and no more. */
const OF_A_PUSH = 64;
/** What may stay of a newcomer, in bytes: its push, its place in the directory, its token and its limits. */
const OF_A_NEWCOMER = 4_096;

/** The line through the weighings by Theil and Sen, the median of all slopes between two of them: outliers do not bend it. */
export function growthOf(weighings: readonly Weighing[], kind: KindOfMemory): Growth {
  const bytes = (weighing: Weighing) => weighing[kind];
  const slopes = weighings.flatMap((one, index) =>
    weighings.slice(index + 1).map((other) => (bytes(other) - bytes(one)) / (other.atMs - one.atMs))
  );
  const slope = median(slopes), startMs = weighings[0].atMs;
  const from = median(weighings.map((weighing) => bytes(weighing) - slope * (weighing.atMs - startMs)));
  return { from, to: from + slope * (weighings.at(-1)!.atMs - startMs) };
}

/** What is wrong with how a server has grown, in words; nothing if it has not, or if that cannot be told. */
export function faultsOfGrowth(weighings: readonly Weighing[], { pushes, newcomers }: Taken): string[] {
  if (weighings.length < LEAST_WEIGHINGS) return [];
  return KINDS_OF_MEMORY.flatMap((kind) => {
    const { from, to } = growthOf(weighings, kind);
    if (to - from <= LEEWAY[kind](from) + OF_A_PUSH * pushes + OF_A_NEWCOMER * newcomers) return [];
    const grew = `grew from ${mebibytes(from)} to ${mebibytes(to)} MiB`;
    return [`the memory of ${MEMORY[kind]} ${grew}, with ${pushes} pushes and ${newcomers} new clusters`];
  });
}

/** The middle one of some numbers, or halfway between the two of them. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b), half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}
