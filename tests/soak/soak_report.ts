/**
 * What came of a soak.
 *
 * @module
 */

import type { SlowestReady } from "./deeds.ts";
import type { Footprint } from "./footprint.ts";
import type { Growth, KindOfMemory } from "./growth.ts";

/** What one server took of the machine. */
export interface ServerReport {
  /** Its name. */
  readonly name: string;
  /** Before it had clients, and after it had them. */
  readonly footprints: { readonly before: Footprint; readonly after: Footprint };
  /** How its memory grew in the calm half, in bytes, without garbage; absent if that was too short to tell. */
  readonly memory?: Readonly<Record<KindOfMemory, Growth>>;
  /** How long it took at most to be ready after a start, in milliseconds. */
  readonly slowestReady: SlowestReady;
}

/** What all servers and clients have shown. */
export interface SoakReport {
  /** Pushes of good clusters by how they were answered. */
  readonly answers: ReadonlyMap<string, number>;
  /** What was done to the servers, and how often. */
  readonly acts: ReadonlyMap<string, number>;
  /** Pages that were read and checked. */
  readonly pages: number;
  /** Pushes that were acknowledged and not shown: the latest of a cluster, or a later one, must be. */
  readonly lost: number;
  /** Each server. */
  readonly servers: readonly ServerReport[];
  /** What must not have been. */
  readonly faults: readonly string[];
}
