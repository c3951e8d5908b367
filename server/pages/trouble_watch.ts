/**
 * How many certificates and sinks somebody should look at, for the menu of every page.
 *
 * @module
 */

import type { RingView } from "../api/ring_view.ts";
import { type CertificateStatus, endsSoon, type ServerStatus } from "../api/status.ts";
import { isBehind, type SinkReport, takesNothing } from "../sinks/sink.ts";

/** How old may be what is known of the other members, in milliseconds. */
const MAX_AGE_MS = 60_000;

/** What a {@linkcode TroubleWatch} works with. */
export interface TroubleWatchOptions {
  /** What the server says of itself. */
  readonly status: () => Pick<ServerStatus, "certificates">;
  /** The sinks; undefined if nothing is forwarded. */
  readonly sinks?: () => readonly SinkReport[];
  /** Asks the other members; undefined where there is no ring. */
  readonly ringView?: () => Promise<RingView>;
}

/** Things to look at. */
export interface Trouble {
  /** How many. */
  readonly count: number;
  /** How many of them have failed already: certificates that have ended, sinks that take nothing. */
  readonly failed: number;
}

/** What there is to look at. */
export interface Troubles {
  /** Certificates that have ended, and those that do so soon. */
  readonly certificates: Trouble;
  /** Sinks that take nothing, and those that are behind; of each member, as each sends what it owns. */
  readonly sinks: Trouble;
}

/** Counts. No page waits for another member: what all said when they were last asked counts. */
export class TroubleWatch {
  readonly #options: TroubleWatchOptions;
  #others: Troubles = { certificates: troubleOf([]), sinks: troubleOf([]) };
  #askedMs = -Infinity;

  /** Knows nothing of other members yet. */
  constructor(options: TroubleWatchOptions) {
    this.#options = options;
  }

  /** What to look at, as far as is known; `nowMs` says when that is. */
  seen(nowMs: number): Troubles {
    const { ringView, status, sinks } = this.#options;
    if (ringView !== undefined && nowMs - this.#askedMs > MAX_AGE_MS) {
      this.#askedMs = nowMs;
      // Where nobody can be asked, what was said last stands, and the page of the ring says why.
      ringView().then((view) => this.#see(view), () => {});
    }
    return {
      certificates: sum(certificatesIn(status().certificates), this.#others.certificates),
      sinks: sum(sinksIn(sinks?.() ?? []), this.#others.sinks),
    };
  }

  #see({ name: self, members }: RingView): void {
    const others = members.filter(({ name, status }) => name !== self && status !== "LEFT");
    this.#others = {
      certificates: certificatesIn(others.flatMap(({ certificates = [] }) => certificates)),
      sinks: sinksIn(others.flatMap(({ sinks = [] }) => sinks)),
    };
  }
}

function certificatesIn(certificates: readonly CertificateStatus[]): Trouble {
  return troubleOf(certificates.filter(endsSoon).map(({ days }) => days < 0));
}

function sinksIn(sinks: readonly SinkReport[]): Trouble {
  return troubleOf(sinks.filter((sink) => takesNothing(sink) || isBehind(sink)).map(takesNothing));
}

/** One entry for each thing to look at: whether it has failed. */
function troubleOf(found: readonly boolean[]): Trouble {
  return { count: found.length, failed: found.filter((hasFailed) => hasFailed).length };
}

function sum(one: Trouble, other: Trouble): Trouble {
  return { count: one.count + other.count, failed: one.failed + other.failed };
}
