/**
 * Watches for how long a member shows nothing as it waits for others, and says for whom: nobody else could tell why.
 *
 * @module
 */

import { awaitedText } from "../protocol/awaited.ts";
import type { Closed } from "../protocol/closed.ts";
import { note } from "../protocol/effects.ts";
import type { Outlook } from "./outlook.ts";
import type { RingContext } from "./ring_context.ts";

/** After how long it is told first, in milliseconds: a ring that starts needs less. */
export const WAIT_TOLD_MS = 2_000;
/** After how long it is a warning, in milliseconds. */
export const WAIT_WARNED_MS = 10_000;
/** How often that is said again, in milliseconds. */
export const WAIT_TOLD_AGAIN_MS = 60_000;

/** Reasons to show nothing that others have to end. */
const WAITS: ReadonlySet<Closed["reason"]> = new Set(["joining", "unsettled", "fenced"]);

/** Tells of it. */
export class WaitWatch {
  readonly #context: RingContext;
  readonly #outlook: Pick<Outlook, "closed" | "awaited">;
  #since: number | undefined;
  #tellAt = Infinity;

  /** Starts with nothing waited for. */
  constructor(context: RingContext, { outlook }: { outlook: Pick<Outlook, "closed" | "awaited"> }) {
    this.#context = context;
    this.#outlook = outlook;
  }

  /** Time has passed. */
  tick(now: number) {
    const closed = this.#outlook.closed(now);
    if (closed === undefined || !WAITS.has(closed.reason)) {
      this.#since = undefined;
      return;
    }
    if (this.#since === undefined) {
      this.#since = now;
      this.#tellAt = now + WAIT_TOLD_MS;
    }
    if (now < this.#tellAt) return;
    const forMs = now - this.#since, isLong = forMs >= WAIT_WARNED_MS;
    this.#tellAt = isLong ? now + WAIT_TOLD_AGAIN_MS : this.#since + WAIT_WARNED_MS;
    const sentence = this.#context.isFenced(now) && isLong
      ? "Shows nothing, as too few of the ring answer: start those that are named; if they are gone for good, have the others go on alone by /-/ring/force-view (docs/operations.md#when-most-of-a-ring-is-lost)"
      : "Shows nothing, and waits for others of the ring";
    const waitsFor = awaitedText(this.#outlook.awaited(now));
    const fields = { why: closed.message, ...waitsFor !== undefined && { waitsFor }, forMs: Math.round(forMs) };
    this.#context.emit(note(isLong ? "warn" : "info", sentence, fields));
  }
}
