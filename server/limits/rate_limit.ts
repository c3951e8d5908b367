/**
 * How often something may happen per key: per cluster for pushes, per address and token for the token exchange.
 *
 * Pure: `now` is the caller's, in milliseconds; a clock that is set back far sets keys free. Every map is bounded; a key that had to make
 * room starts afresh, because refusing the newcomers instead would let one sender lock out everybody else.
 *
 * @module
 */

import { BoundedMap } from "../../common/bounded_map.ts";

/** What a {@linkcode Buckets} allows. */
export interface BucketOptions {
  /** How many may happen at once. */
  readonly burst: number;
  /** One more is allowed after each such time; 0 switches the limit off. */
  readonly intervalMs: number;
  /**
   * Keys held at most, of which the half used last is always held; about 100 bytes each.
   *
   * @default {100_000}
   */
  readonly maxKeys?: number;
}

/**
 * One token bucket a key, as the generic cell rate algorithm has it (ITU-T I.371): a single number, the time at which the
 * bucket is full again. A key whose time has passed is the same as one never seen, and is forgotten.
 */
export class Buckets {
  readonly #burst: number;
  readonly #intervalMs: number;
  /** How long an empty bucket takes to fill. */
  readonly #fillMs: number;
  /** When each key's bucket is full again. */
  readonly #fullAt: BoundedMap<string, number>;
  #agedAt = -Infinity;

  /**
   * Starts with every bucket full.
   *
   * @throws {RangeError} if a bound makes no sense.
   */
  constructor({ burst, intervalMs, maxKeys = 100_000 }: BucketOptions) {
    if (!(burst >= 1 && intervalMs >= 0)) {
      throw new RangeError(
        `Cannot allow a burst of ${burst} and one more every ${intervalMs} ms: a burst is at least 1, an interval at least 0`,
      );
    }
    this.#burst = burst;
    this.#intervalMs = intervalMs;
    this.#fillMs = burst * intervalMs;
    this.#fullAt = new BoundedMap(maxKeys);
  }

  /** Keys held now. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** How long `key` has to wait for its next, in milliseconds: 0 if it need not. */
  waitMs(key: string, now: number): number {
    return Math.max(0, this.#fullAtOf(key, now) - now - (this.#burst - 1) * this.#intervalMs);
  }

  /** Takes one, or a share of one, from the bucket of `key`; an empty one stays empty. */
  charge(key: string, now: number, { share = 1 }: { share?: number } = {}) {
    if (this.#intervalMs === 0) return;
    // A bucket is full after this time without a charge, so what was not used in it can be forgotten.
    if (Math.abs(now - this.#agedAt) >= this.#fillMs) {
      this.#fullAt.age();
      this.#agedAt = now;
    }
    this.#fullAt.set(key, Math.min(this.#fullAtOf(key, now) + share * this.#intervalMs, now + this.#fillMs));
  }

  #fullAtOf(key: string, now: number): number {
    const fullAt = this.#fullAt.get(key) ?? now;
    // No bucket takes longer to fill than an empty one: if it seems to, the clock was set back, which is nobody's fault.
    return fullAt - now > this.#fillMs ? now : Math.max(fullAt, now);
  }

  /** Takes one for `key` if its bucket is not empty; returns how long to wait otherwise, and then takes nothing. */
  take(key: string, now: number): number {
    const waitMs = this.waitMs(key, now);
    if (waitMs === 0) this.charge(key, now);
    return waitMs;
  }
}

/** What a {@linkcode PushLimiter} allows. */
export interface PushLimits {
  /** One accepted push a cluster in this time; 0 switches it off. */
  readonly intervalMs: number;
  /**
   * Refused pushes a cluster may send before each further one has to wait for {@linkcode PushLimits.refusedIntervalMs}.
   *
   * @default {10}
   */
  readonly refusedBurst?: number;
  /**
   * The time that earns a cluster one more refused push; 0 switches it off. Clients of openshift/telemeter come back a minute
   * after an error, so a client with a fault stays below this and is told its fault rather than its rate.
   *
   * @default {20_000}
   */
  readonly refusedIntervalMs?: number;
  /**
   * Clusters held at most by each of the two limits, which always hold the half used last.
   *
   * @default {200_000}
   */
  readonly maxClusters?: number;
}

/**
 * What a push costs whose client goes away before it is there, of a refused one. A bad line is nobody's fault, and a client
 * that tries again every five seconds is never turned away for it; but as long as half-sent pushes come, each holds a slot.
 */
const ABANDONED_SHARE = 1 / 4;

/** The right to one push, held while it is read and stored. Settle it once; disposing of it unsettled costs nothing. */
export interface Reservation extends Disposable {
  /** The push was accepted: the cluster's next one waits for the interval, counted from when this one arrived. */
  commit(): void;
  /** The push was at fault and refused: it counts against the cluster's refused ones. */
  refuse(): void;
  /** The client went away before the push was there: it counts as {@linkcode ABANDONED_SHARE} of a refused one. */
  abandon(): void;
  /** The push came to nothing through no fault of the cluster's, so it counts as neither. */
  release(): void;
}

/** A push that comes too early. */
export interface TooEarly {
  /** For what its cluster has to wait: its rate, or that it is not refused as often any more. */
  readonly kind: "rate" | "refused_often";
  /** How long to wait, in milliseconds. */
  readonly retryAfterMs: number;
}

/** How long a push waits for another one of its cluster, which is being read: that one decides what comes then. */
const IN_FLIGHT_RETRY_MS = 1_000;

/**
 * Limits the pushes of each cluster: one accepted in an interval, and a looser limit for refused ones.
 *
 * ```
 *            reserve              commit ─▶ waits for the interval
 *   free ───────────────▶ held ──▶ refuse ─▶ free, one refused push less
 *     ▲                            abandon ─▶ free, a quarter of a refused push less
 *     │                            release ─▶ free
 *     └──────────────────────────────┘
 * ```
 *
 * While a push is held no other one of its cluster is admitted, so that two at the same time cannot both be accepted.
 */
export class PushLimiter {
  #accepted: Buckets;
  readonly #refused: Buckets;
  readonly #maxKeys: number;
  /** Clusters with a push in flight: as many as the server lets be in flight. */
  readonly #held = new Set<string>();
  #intervalMs: number;

  /**
   * Starts with every cluster free to push.
   *
   * @throws {RangeError} if a bound makes no sense.
   */
  constructor(limits: PushLimits) {
    const { intervalMs, refusedBurst = 10, refusedIntervalMs = 20_000, maxClusters: maxKeys = 200_000 } = limits;
    this.#accepted = new Buckets({ burst: 1, intervalMs, maxKeys });
    this.#refused = new Buckets({ burst: refusedBurst, intervalMs: refusedIntervalMs, maxKeys });
    this.#intervalMs = intervalMs;
    this.#maxKeys = maxKeys;
  }

  /** Goes by another interval from now on, if it is another: then every cluster is free to push once. */
  limitTo({ intervalMs }: Pick<PushLimits, "intervalMs">): void {
    if (intervalMs === this.#intervalMs) return;
    this.#accepted = new Buckets({ burst: 1, intervalMs, maxKeys: this.#maxKeys });
    this.#intervalMs = intervalMs;
  }

  /** Clusters held now, by either limit or in flight. */
  get size(): number {
    return this.#accepted.size + this.#refused.size + this.#held.size;
  }

  /**
   * Asks for one push of a cluster, before its body is read. One that comes by `leewayMs` too early is let in, and the next one waits
   * for so much longer.
   */
  reserve(id: string, now: number, { leewayMs = 0 }: { leewayMs?: number } = {}): Reservation | TooEarly {
    const rateMs = Math.max(
      this.#accepted.waitMs(id, now) - leewayMs,
      this.#held.has(id) ? IN_FLIGHT_RETRY_MS : 0,
    );
    const refusedMs = this.#refused.waitMs(id, now);
    if (refusedMs > Math.max(rateMs, 0)) return { kind: "refused_often", retryAfterMs: refusedMs };
    if (rateMs > 0) return { kind: "rate", retryAfterMs: rateMs };
    if (this.#intervalMs > 0) this.#held.add(id);
    let settled = false;
    const settle = (charged?: Buckets, options?: { share: number }) => {
      if (settled) return;
      settled = true;
      this.#held.delete(id);
      charged?.charge(id, now, options);
    };
    return {
      commit: () => settle(this.#accepted),
      refuse: () => settle(this.#refused),
      abandon: () => settle(this.#refused, { share: ABANDONED_SHARE }),
      release: () => settle(),
      [Symbol.dispose]: () => settle(),
    };
  }

  /** Counts a push as accepted that did not ask here, such as one that another member let in. */
  charge(id: string, now: number) {
    this.#accepted.charge(id, now);
  }
}

/** `Retry-After` wants whole seconds, and a client that comes back a moment early is refused again: so it rounds up. */
export function retryAfterSeconds(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1_000)));
}
