/**
 * The stage that holds every cluster to so many samples a second, and to few requests that are refused.
 *
 * @module
 */

import { Buckets } from "../limits/rate_limit.ts";
import type { Push, PushReceipt, PushStage } from "../pushes/push.ts";
import { PushRefusal, refusalOf } from "../pushes/refusal.ts";

/** What is allowed. */
export interface WriteLimits {
  /** Samples a second and cluster; 0 for no limit. */
  readonly samplesPerSecond: number;
  /** How many requests a cluster may send that are refused, before each further one has to wait. @default {10} */
  readonly refusedBurst?: number;
  /** The time that earns a cluster one more of those, in milliseconds. @default {20_000} */
  readonly refusedIntervalMs?: number;
  /** Clusters held at most by each of the two limits. @default {50_000} */
  readonly maxClusters?: number;
}

/** How much a cluster may send at once, in seconds of its rate: what a sender has gathered while it could not send. */
const BURST_SECONDS = 60;

/**
 * Lets requests through to the next stage. Who sends more samples than are allowed is told 503, as senders try again after that and
 * drop what they have after 429, which is for those who send what nobody can read time and again.
 */
export class WriteLimited implements PushStage {
  readonly #next: PushStage;
  readonly #elapsed: () => number;
  readonly #maxKeys: number;
  #samples: Buckets;
  readonly #refused: Buckets;
  #samplesPerSecond: number;

  /** Wraps `next`. Rates are measured by `elapsed`, a clock in milliseconds that only goes forward. */
  constructor(next: PushStage, limits: WriteLimits & { readonly elapsed?: () => number }) {
    const { samplesPerSecond, refusedBurst = 10, refusedIntervalMs = 20_000, maxClusters = 50_000 } = limits;
    this.#next = next;
    this.#elapsed = limits.elapsed ?? (() => performance.now());
    this.#maxKeys = maxClusters;
    this.#samplesPerSecond = samplesPerSecond;
    this.#samples = this.#bucketsOf(samplesPerSecond);
    this.#refused = new Buckets({ burst: refusedBurst, intervalMs: refusedIntervalMs, maxKeys: maxClusters });
  }

  /** Goes by another rate from now on, if it is another. */
  limitTo({ samplesPerSecond }: Pick<WriteLimits, "samplesPerSecond">): void {
    if (samplesPerSecond === this.#samplesPerSecond) return;
    this.#samplesPerSecond = samplesPerSecond;
    this.#samples = this.#bucketsOf(samplesPerSecond);
  }

  /** Rejects with 503 or 429, and `Retry-After`. */
  async accept(push: Push): Promise<PushReceipt> {
    const refusedMs = this.#refused.waitMs(push.id, this.#elapsed());
    if (refusedMs > 0) throw new PushRefusal("refused_often", { retryAfterMs: refusedMs });
    // Decided before the body is read, by what came before it.
    const waitMs = this.#samples.waitMs(push.id, this.#elapsed());
    if (waitMs > 0) throw new PushRefusal("samples", { retryAfterMs: waitMs });
    try {
      const receipt = await this.#next.accept(push);
      const { samples = 0, histograms = 0 } = receipt.write?.received ?? {};
      this.#samples.charge(push.id, this.#elapsed(), { share: samples + histograms });
      return receipt;
    } catch (error) {
      // A cluster that is over a limit still sends what it has room for: that shall not be dropped for the rest.
      if (refusalOf(error)?.status === 400) this.#refused.charge(push.id, this.#elapsed());
      throw error;
    }
  }

  #bucketsOf(samplesPerSecond: number): Buckets {
    const burst = Math.max(1, BURST_SECONDS * samplesPerSecond);
    return new Buckets({
      burst,
      intervalMs: samplesPerSecond === 0 ? 0 : 1_000 / samplesPerSecond,
      maxKeys: this.#maxKeys,
    });
  }
}
