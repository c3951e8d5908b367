/**
 * The stage that holds every cluster to its rate: one accepted push in an interval, decided before a body is read.
 *
 * @module
 */

import type { PushLimiter } from "../limits/rate_limit.ts";
import type { Push, PushReceipt, PushStage } from "./push.ts";
import { countsAsRefused, isAbandoned, PushRefusal } from "./refusal.ts";

/** Lets pushes through to the next stage at their cluster's rate. Those that fail do not use up the right to push. */
export class RateLimited implements PushStage {
  readonly #next: PushStage;
  readonly #limiter: PushLimiter;
  readonly #elapsed: () => number;

  /** Wraps `next`. Rates are measured by `elapsed`, a clock in milliseconds that only goes forward. */
  constructor(
    next: PushStage,
    { limiter, elapsed = () => performance.now() }: { limiter: PushLimiter; elapsed?: () => number },
  ) {
    this.#next = next;
    this.#limiter = limiter;
    this.#elapsed = elapsed;
  }

  /** Rejects with 429 and `Retry-After` where the cluster comes too early, or was refused too often. */
  async accept(push: Push): Promise<PushReceipt> {
    const reservation = this.#limiter.reserve(push.id, this.#elapsed());
    if ("retryAfterMs" in reservation) throw new PushRefusal(reservation.kind, reservation);
    using held = reservation;
    try {
      const outcome = await this.#next.accept(push);
      held.commit();
      return outcome;
    } catch (error) {
      if (isAbandoned(error)) held.abandon();
      else if (countsAsRefused(error)) held.refuse();
      throw error;
    }
  }
}
