/**
 * The stage that holds every cluster to its rate: one accepted push in an interval, decided before a body is read.
 *
 * @module
 */

import { HttpError } from "../../common/http/http.ts";
import { LimitError } from "../../common/exposition/metric_family.ts";
import { CapacityError } from "../limits/capacity.ts";
import { InvalidPushError } from "../ingest/invalid_push.ts";
import type { Push, PushOutcome, PushStage } from "./push.ts";
import { type PushLimiter, retryAfterSeconds } from "../limits/rate_limit.ts";

/** Lets pushes through to the next stage at their cluster's rate. Those that fail do not use up the right to push. */
export class RateLimited implements PushStage {
  readonly #next: PushStage;
  readonly #limiter: PushLimiter;

  /** Wraps `next`. */
  constructor(next: PushStage, limiter: PushLimiter) {
    this.#next = next;
    this.#limiter = limiter;
  }

  /** Rejects with 429 and `Retry-After` where the cluster comes too early. */
  async accept(push: Push): Promise<PushOutcome> {
    const reservation = this.#limiter.reserve(push.id, push.receivedAtMs);
    if ("retryAfterMs" in reservation) {
      throw tooEarly(reservation.retryAfterMs);
    }
    using held = reservation;
    try {
      const outcome = await this.#next.accept(push);
      held.commit();
      return outcome;
    } catch (error) {
      if (countsAsRefused(error)) held.refuse();
      throw error;
    }
  }
}

/** What a client is told that comes too early. */
export function tooEarly(retryAfterMs: number): HttpError {
  return new HttpError(
    429,
    "Cannot take a push of this cluster so soon after the one before: wait as Retry-After says",
    { reason: "rate", headers: { "retry-after": retryAfterSeconds(retryAfterMs) } },
  );
}

/** What is the client's fault; and what found no room, as that was a body read and ingested for nothing. */
function countsAsRefused(error: unknown): boolean {
  return error instanceof CapacityError || error instanceof InvalidPushError || error instanceof LimitError ||
    (error instanceof HttpError && error.status < 500);
}
