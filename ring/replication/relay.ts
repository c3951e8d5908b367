/**
 * Passes pushes on for members whose own link with the owner is cut. They ask whoever has told them that the owner is alive; what is
 * passed on once is never passed on again, and the owner's answer goes back the same way.
 *
 * ```text
 * ingress ── PUT (to: owner) ──▶ this member ── PUT ──▶ owner
 *         ◀── PUT_OK, NACK ─────             ◀─────────
 * ```
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { Clock } from "../protocol/effects.ts";
import type { Messages } from "../protocol/messages.ts";
import { type Answer, BUSY_RETRY_MS, MAX_WAY_MS } from "./put_handler.ts";
import type { PutLegs } from "./put_legs.ts";

/** What a {@linkcode Relay} works with, besides the ring's context. */
export interface RelayOptions {
  /** Pushes under way. */
  readonly legs: PutLegs;
}

/** Passes pushes on. */
export class Relay {
  readonly #context: RingContext;
  readonly #legs: PutLegs;

  /** Starts with nothing under way. */
  constructor(context: RingContext, { legs }: RelayOptions) {
    this.#context = context;
    this.#legs = legs;
  }

  /** Passes on a push that is for another member. `done` is called once, perhaps before this returns. */
  take(
    { to, id, origin, view, hops, heardAt, bytes }: Messages["PUT"] & { readonly to: string },
    { clock, done }: { clock: Clock; done: (answer: Answer) => void },
  ): void {
    const context = this.#context, { now } = clock;
    const nack = (content: Messages["NACK"]) => done({ type: "NACK", ...content });
    if (!context.view().has(to) || context.wayTo(to, now) !== to) return nack({ code: "NO_WAY" });
    // What it has taken so far counts for the owner as well.
    const wayMs = heardAt === undefined ? 0 : now - heardAt;
    if (wayMs > MAX_WAY_MS) return nack({ code: "LATE" });
    if (!this.#legs.hasRoom(to, bytes)) return nack({ code: "BUSY", retryMs: BUSY_RETRY_MS });
    const clockOfOwner = context.clockOf(to, now);
    context.emit({ do: "relayed" });
    this.#legs.send({
      to,
      put: { id, origin, view, hops, ...(clockOfOwner === undefined ? {} : { heardAt: clockOfOwner - wayMs }) },
      bytes,
      done: (answer) => answer === undefined ? nack({ code: "NO_WAY" }) : done(answer),
    }, clock);
  }
}
