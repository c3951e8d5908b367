/**
 * The storage of a simulated machine: what is on it is there after a crash.
 *
 * @module
 */

import type { Entry, SavedState } from "../../../ring/effect.ts";

/** A disk, which outlives the processes that write to it. */
export class Disk {
  /** What is durable of each cluster. */
  readonly entries = new Map<string, Entry>();
  /** What is durable of the ring's state. */
  saved: SavedState | undefined;
  /** Whether nothing can be written. */
  isFull = false;
  /** How long a write takes at most, in milliseconds. */
  slownessMs = 20;

  /** Deletes everything. */
  wipe() {
    this.entries.clear();
    this.saved = undefined;
  }
}
