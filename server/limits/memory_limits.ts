/**
 * How much memory the server may take, by the command line, the control group, the machine and the JavaScript heap.
 *
 * @module
 */

import { totalmem } from "node:os";
import { constrainedMemory } from "node:process";
import { getHeapStatistics } from "node:v8";
import type { Logger } from "../../common/log.ts";

/** The share of what there is from which on memory is short, and from which on it is full. */
const SHORT = 3 / 4, FULL = 7 / 8;

/** The same, if less than the rest would be left between the two for the garbage of requests, of which V8 leaves some 64 MB. */
const GARBAGE_BYTES = 96 * 1_048_576, LEAST_REST = 1 / 16;

/** From how many bytes on memory counts as short, and as full. */
export interface Thresholds {
  /** From here on no more clusters are let in. */
  readonly short: number;
  /** From here on nothing is. */
  readonly full: number;
}

/** How much memory may be taken. */
export interface MemoryLimits {
  /** Of all that the process has in memory. */
  readonly resident: Thresholds;
  /** Of the JavaScript heap, for which V8 has a limit of its own that it does not outlive. */
  readonly heap: Thresholds;
}

/** What the system says of memory, in bytes; each throws without leave to ask. */
export interface MemorySource {
  /** What the machine has. */
  readonly machine: () => number;
  /** What the control group of this process may take, versions 1 and 2; something that is not less than the machine's if all. */
  readonly group: () => number | undefined;
  /** What the JavaScript heap may take. */
  readonly heap: () => number;
}

/**
 * The limits to keep; undefined if there shall be none. Deno lets a program read the files of its control group only if it may
 * do everything, so the limits of those above it, and those that a container hides, are not known here.
 */
export function memoryLimits(
  limitMemory: number | undefined,
  { source, log }: { source: MemorySource; log: Logger },
): MemoryLimits | undefined {
  if (limitMemory === 0) return undefined;
  const heap = source.heap(), seen = available(source, { log: limitMemory === undefined ? log : undefined });
  const short = limitMemory ?? SHORT * seen;
  // Where a container hides its limit, a flag of the same share says what there is.
  const most = Math.min(seen, short / SHORT);
  const full = Math.max(short, FULL * most, Math.min(short + GARBAGE_BYTES, (1 - LEAST_REST) * most));
  return { resident: { short, full }, heap: { short: SHORT * heap, full: FULL * heap } };
}

/** The memory of this system. To be asked while the program still has leave to. */
export const SYSTEM_MEMORY: MemorySource = {
  machine: totalmem,
  group: constrainedMemory,
  heap: () => getHeapStatistics().heap_size_limit,
};

function available({ machine, group }: MemorySource, { log }: { log: Logger | undefined }): number {
  try {
    const most = machine(), own = group();
    return own !== undefined && own > 0 ? Math.min(own, most) : most;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    log?.warn(
      "Does not know how much memory there is, and watches the JavaScript heap alone: set --limit-memory, or start the " +
        "server with --allow-sys=systemMemoryInfo",
    );
    return Infinity;
  }
}
