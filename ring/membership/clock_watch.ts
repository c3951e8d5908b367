/**
 * Watches how far the wall clocks of peers are from our own.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import { CLOCK_LEEWAY_MS } from "../protocol/push_version.ts";
import type { RingContext } from "./ring_context.ts";

/** What is noted of clocks that are apart. */
const APART = `Wall clock differs from a member's by more than ${CLOCK_LEEWAY_MS / 1_000} s: synchronize both`;

/** Tells when wall clocks are so far apart that somebody should look after them, though the ring does not depend on them. */
export class ClockWatch {
  readonly #context: RingContext;
  // Peers whose wall clock is far from ours.
  readonly #apart = new Set<string>();

  /** Starts with all clocks alike. */
  constructor(context: RingContext) {
    this.#context = context;
  }

  /** A peer's clock is so far ahead of ours, or behind it if that is negative. */
  compare(member: string, aheadMs: number) {
    const wasApart = this.#apart.has(member);
    // Not again and again for a clock at the very edge.
    const isApart = Math.abs(aheadMs) > (wasApart ? CLOCK_LEEWAY_MS / 2 : CLOCK_LEEWAY_MS);
    if (isApart === wasApart) return;
    const fields = { member, aheadMs: Math.round(aheadMs) };
    if (isApart) {
      this.#apart.add(member);
      this.#context.emit(
        note("warn", APART, fields),
      );
    } else {
      this.#apart.delete(member);
      this.#context.emit(note("info", "Wall clock agrees with a member's again", fields));
    }
  }

  /** The link to a peer has ended. */
  forget(member: string) {
    this.#apart.delete(member);
  }
}
