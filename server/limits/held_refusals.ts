/**
 * Refusals that are held back: a cluster of which very many requests are refused gets its answers at a steady rate.
 *
 * @module
 */

import { Counter } from "prom-client";
import { BoundedMap } from "../../common/bounded_map.ts";
import type { Peer } from "../../common/http/http.ts";
import type { Registry } from "../../common/metrics.ts";

/** Refusals of a cluster that are answered at once, and then so many a second. A client that is refused comes back after a second. */
const REFUSALS_PER_SECOND = 100;

/** The longest that one is held back, in milliseconds. Of so many abreast as a sender likes each comes again after that. */
const MOST_MS = 3_000;

/** By which part of it that is spread, so that those that came together do not come again together. */
const SPREAD = 1 / 2;

/** Clusters that are remembered, of which the half refused last always is. */
const MAX_CLUSTERS = 10_000;

/** What {@linkcode HeldRefusals} work with. */
export interface HeldRefusalsOptions {
  /** Where it is counted how many are held back. */
  readonly registry: Registry;
  /** Milliseconds of a clock that only goes forward. @default {() => performance.now()} */
  readonly now?: () => number;
  /** Spreads the times, from 0 to 1. @default {Math.random} */
  readonly random?: () => number;
}

/**
 * Holds refusals back, by cluster, whose token the client has shown: another one behind the same address waits for nothing. Whoever waits
 * for its answer sends no more over this connection meanwhile, and whoever does not only uses up its own connections; those give way to
 * others like any that keeps the server waiting.
 */
export class HeldRefusals {
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #held: Counter;
  /** When the next refusal of each cluster would be due, if all were answered one after the other at the steady rate. */
  readonly #dueAt = new BoundedMap<string, number>(MAX_CLUSTERS);

  /** Nobody was refused yet. */
  constructor({ registry, now = () => performance.now(), random = Math.random }: HeldRefusalsOptions) {
    this.#now = now;
    this.#random = random;
    this.#held = new Counter({
      name: "telemeter_refusals_held_total",
      help: "Refusals that were held back, as very many requests of their clusters are refused",
      registers: [registry],
    });
  }

  /** Resolves when a refusal of a cluster may be answered, or its client has gone. */
  async back(id: string, peer: Pick<Peer, "heldBack" | "done">): Promise<void> {
    const waitMs = this.#waitMs(id);
    if (waitMs === 0) return;
    this.#held.inc();
    peer.heldBack?.();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    await Promise.race([promise, ...peer.done === undefined ? [] : [peer.done]]);
    clearTimeout(timer);
  }

  #waitMs(id: string): number {
    const now = this.#now(), intervalMs = 1_000 / REFUSALS_PER_SECOND;
    const dueAt = Math.max(now, this.#dueAt.get(id) ?? now);
    // What is answered at once is the rate of a second.
    this.#dueAt.set(id, Math.min(dueAt + intervalMs, now + 1_000 + MOST_MS));
    const waitMs = Math.max(0, dueAt - now - 1_000);
    return waitMs * (1 - SPREAD * this.#random());
  }
}
