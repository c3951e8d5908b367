/**
 * What a process takes of the machine (Linux).
 *
 * @module
 */

/** One look at a process. */
export interface Footprint {
  /** Memory that is resident, in bytes. */
  readonly residentBytes: number;
  /** Open files and sockets. */
  readonly descriptors: number;
  /** Threads. */
  readonly threads: number;
}

/**
 * Looks at a process.
 *
 * @throws {Deno.errors.NotFound} if there is none, or no `/proc`.
 */
export async function footprintOf(pid: number): Promise<Footprint> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  let descriptors = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) descriptors++;
  return { residentBytes: 1_024 * number("VmRSS"), descriptors, threads: number("Threads") };
}

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
