/**
 * Slots for pushes in progress: so many at a time, and none is held for long by a body that does not come, nor many by one cluster.
 *
 * @module
 */

import { HttpError } from "../../common/http/http.ts";

/**
 * How long a body may take while other pushes wait for its slot, in milliseconds. A usual push is there in some 50 ms; clusters that
 * hold all slots with half-sent ones, one each, have to send as many anew each such time.
 */
export const PATIENCE_MS = 1_000;

/** Seconds after which a client may try again that found no slot or lost it. */
const RETRY_SECONDS = 1;

interface Waiting {
  readonly id: string;
  readonly sinceMs: number;
  readonly giveWay: () => void;
}

/** One of the slots, free again once it is disposed of. */
export interface UploadSlot extends Disposable {
  /** Resolves as `body` does; rejects with 503 if another push gets the slot meanwhile. */
  whileItComes<T>(body: Promise<T>): Promise<T>;
}

/**
 * Hands out slots. Where none is free, the cluster that holds the most with bodies which are awaited gives way with the one awaited for
 * the longest: at once if it holds several, as a client sends one push at a time; else after {@linkcode PATIENCE_MS}.
 */
export class UploadSlots {
  readonly #most: number;
  readonly #now: () => number;
  #taken = 0;
  /** Those whose bodies are awaited, the longest first. */
  readonly #waiting = new Set<Waiting>();
  /** How many of them are of each cluster. */
  readonly #ofCluster = new Map<string, number>();

  /** Starts with all slots free; `now` is in milliseconds, by a clock that only goes forward. */
  constructor({ most, now }: { most: number; now: () => number }) {
    this.#most = most;
    this.#now = now;
  }

  /**
   * Takes a slot for a cluster.
   *
   * @throws {HttpError} 503 with `Retry-After` if there is none.
   */
  take(id: string): UploadSlot {
    if (this.#taken >= this.#most) this.#makeRoom();
    this.#taken++;
    let held = true;
    const free = () => {
      if (held) this.#taken--;
      held = false;
    };
    const lost = Promise.withResolvers<never>();
    // Nobody may be there yet to hear of it.
    lost.promise.catch(() => {});
    const giveWay = () => {
      free();
      lost.reject(busy("Cannot wait longer for the rest of this push while other pushes wait for its slot"));
    };
    // From now on, and not from when the body is asked for: very many may come before any of them gets that far.
    const waiting = { id, sinceMs: this.#now(), giveWay };
    this.#waiting.add(waiting);
    this.#ofCluster.set(id, (this.#ofCluster.get(id) ?? 0) + 1);
    return {
      whileItComes: async (body) => {
        try {
          return await Promise.race([lost.promise, body]);
        } finally {
          this.#forget(waiting);
        }
      },
      [Symbol.dispose]: () => {
        this.#forget(waiting);
        free();
      },
    };
  }

  #makeRoom() {
    const longest = this.#longestOfMost();
    const held = longest && this.#ofCluster.get(longest.id)!;
    if (longest === undefined || held === 1 && this.#now() - longest.sinceMs < PATIENCE_MS) {
      throw busy("Cannot take another push while so many are in progress");
    }
    // At once, not when its promise settles, so that each who asks now sees another.
    this.#forget(longest);
    longest.giveWay();
  }

  /** Of the clusters that hold the most, the one awaited for the longest. */
  #longestOfMost(): Waiting | undefined {
    let found: Waiting | undefined, most = 0;
    for (const waiting of this.#waiting) {
      const held = this.#ofCluster.get(waiting.id)!;
      if (held > most) [found, most] = [waiting, held];
    }
    return found;
  }

  #forget(waiting: Waiting) {
    if (!this.#waiting.delete(waiting)) return;
    const left = this.#ofCluster.get(waiting.id)! - 1;
    if (left === 0) this.#ofCluster.delete(waiting.id);
    else this.#ofCluster.set(waiting.id, left);
  }
}

function busy(what: string): HttpError {
  return new HttpError(503, `${what}: try again later`, {
    reason: "busy",
    headers: { "retry-after": String(RETRY_SECONDS) },
  });
}
