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

/** Fewer weighings show no line. */
export const LEAST_WEIGHINGS = 8;

/** What live memory may grow by besides what came in, in bytes: ten weighings of a server that only takes pushes lie within it. */
const LIVE_LEEWAY = 3 * 1_048_576;
/** What may stay of a push, in bytes: somewhat for counters, and no more. */
const OF_A_PUSH = 64;
/** What may stay of a newcomer, in bytes: its push, its place in the directory, its token and its limits. */
const OF_A_NEWCOMER = 4_096;
/** How much the process may grow, beyond what lives in it: what the allocator keeps is much, and comes and goes. */
const RESIDENT_GROWTH = 0.1;

/** The line through the weighings by Theil and Sen, the median of all slopes between two of them: outliers do not bend it. */
export function growthOf(weighings: readonly Weighing[], bytes: (weighing: Weighing) => number): Growth {
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
  const live = growthOf(weighings, ({ liveBytes }) => liveBytes);
  const resident = growthOf(weighings, ({ residentBytes }) => residentBytes);
  const due = LIVE_LEEWAY + OF_A_PUSH * pushes + OF_A_NEWCOMER * newcomers;
  const faults: string[] = [];
  if (live.to - live.from > due) {
    faults.push(`live memory grew ${inWords(live)}, with ${pushes} pushes and ${newcomers} new clusters`);
  }
  if (resident.to - resident.from > due + RESIDENT_GROWTH * resident.from) {
    faults.push(`resident memory grew ${inWords(resident)}`);
  }
  return faults;
}

function inWords({ from, to }: Growth): string {
  return `from ${mebibytes(from)} to ${mebibytes(to)} MiB`;
}

/** The middle one of some numbers, or halfway between the two of them. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b), half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}
