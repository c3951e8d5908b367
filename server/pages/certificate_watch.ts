/**
 * How many certificates somebody should look at, for the menu of every page.
 *
 * @module
 */

import type { RingView } from "../api/ring_view.ts";
import { type CertificateStatus, endsSoon, type ServerStatus } from "../api/status.ts";

/** How old may be what is known of the other members, in milliseconds. */
const MAX_AGE_MS = 60_000;

/** What a {@linkcode CertificateWatch} works with. */
export interface CertificateWatchOptions {
  /** What the server says of itself. */
  readonly status: () => Pick<ServerStatus, "certificates">;
  /** Asks the other members; undefined where there is no ring. */
  readonly ringView?: () => Promise<RingView>;
}

/** Counts certificates that have ended or do soon. No page waits for another member: what it said last counts. */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #others = new Map<string, readonly CertificateStatus[]>();
  #askedMs = -Infinity;

  /** Knows nothing of other members yet. */
  constructor(options: CertificateWatchOptions) {
    this.#options = options;
  }

  /** Those to look at, as far as is known; `nowMs` says when that is. */
  toLookAt(nowMs: number): readonly CertificateStatus[] {
    const { ringView, status } = this.#options;
    if (ringView !== undefined && nowMs - this.#askedMs > MAX_AGE_MS) {
      this.#askedMs = nowMs;
      // What a member said last stays where it cannot be asked; the page of the ring says that.
      ringView().then((view) => this.#see(view), () => {});
    }
    return [...status().certificates, ...this.#others.values().toArray().flat()].filter(endsSoon);
  }

  #see({ name: self, members }: RingView): void {
    for (const { name, status, certificates } of members) {
      if (name === self) continue;
      if (status === "LEFT") this.#others.delete(name);
      else if (certificates !== undefined) this.#others.set(name, certificates);
    }
    // Who is no longer known has nothing to look at.
    const known = new Set(members.map(({ name }) => name));
    for (const name of this.#others.keys()) if (!known.has(name)) this.#others.delete(name);
  }
}
