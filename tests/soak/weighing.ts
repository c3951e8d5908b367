/**
 * What a server takes of memory at one time, with nothing in it that is there by chance.
 *
 * @module
 */

import type { RingServer } from "../faults/ring_servers.ts";
import { footprintOf } from "./footprint.ts";
import type { Inspectors } from "../support/inspector.ts";

/** What was weighed of a server. */
export interface Weighing {
  /** When, in milliseconds of any clock. */
  readonly atMs: number;
  /** Objects of JavaScript after a garbage collection, in bytes. */
  readonly heapBytes: number;
  /** Its buffers outside the heap then, in bytes. */
  readonly externalBytes: number;
  /** Memory of the process then, in bytes. */
  readonly residentBytes: number;
}

/** Weighs a server, which is held up for as long as it takes to collect its garbage. */
export async function weigh({ name, child }: RingServer, inspectors: Inspectors): Promise<Weighing> {
  const live = await inspectors.liveMemory(name);
  const { residentBytes } = await footprintOf(child.pid);
  return { atMs: performance.now(), ...live, residentBytes };
}
