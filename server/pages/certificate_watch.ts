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

/** Certificates that have ended, and those that do so soon. */
export interface EndingCertificates {
  /** How many of both. */
  readonly count: number;
  /** Whether one has ended. */
  readonly hasEnded: boolean;
}

/** Counts certificates. No page waits for another member: what all said when they were last asked counts. */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  #others: EndingCertificates = endingOf([]);
  #askedMs = -Infinity;

  /** Knows nothing of other members yet. */
  constructor(options: CertificateWatchOptions) {
    this.#options = options;
  }

  /** Those to look at, as far as is known; `nowMs` says when that is. */
  ending(nowMs: number): EndingCertificates {
    const { ringView, status } = this.#options;
    if (ringView !== undefined && nowMs - this.#askedMs > MAX_AGE_MS) {
      this.#askedMs = nowMs;
      // Where nobody can be asked, what was said last stands, and the page of the ring says why.
      ringView().then((view) => this.#see(view), () => {});
    }
    const own = endingOf(status().certificates);
    return { count: own.count + this.#others.count, hasEnded: own.hasEnded || this.#others.hasEnded };
  }

  #see({ name: self, members }: RingView): void {
    const others = members.filter(({ name, status }) => name !== self && status !== "LEFT");
    this.#others = endingOf(others.flatMap(({ certificates = [] }) => certificates));
  }
}

function endingOf(certificates: readonly CertificateStatus[]): EndingCertificates {
  return { count: certificates.filter(endsSoon).length, hasEnded: certificates.some(({ days }) => days < 0) };
}
