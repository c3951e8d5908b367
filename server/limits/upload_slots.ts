/**
 * Slots for pushes in progress: so many at a time, and none is held for long by a body that does not come.
 *
 * @module
 */

import { HttpError } from "../../common/http/http.ts";

/**
 * How long a body may take while other pushes wait for its slot, in milliseconds. A usual push is there in some 50 ms; whoever
 * holds all slots with half-sent ones has to send as many anew each such time.
 */
export const PATIENCE_MS = 1_000;

/** Seconds after which a client may try again that found no slot or lost it. */
const RETRY_SECONDS = 1;

interface Waiting {
  readonly sinceMs: number;
  readonly giveWay: () => void;
}

/** One of the slots, free again once it is disposed of. */
export interface UploadSlot extends Disposable {
  /** Resolves as `body` does; rejects with 503 if another push gets the slot meanwhile. */
  whileItComes<T>(body: Promise<T>): Promise<T>;
}

/** Hands out slots. One whose body has been awaited for longer than {@linkcode PATIENCE_MS} goes to the next who asks. */
export class UploadSlots {
  readonly #most: number;
  readonly #now: () => number;
  #taken = 0;
  /** Those whose bodies are awaited, the longest first. */
  readonly #waiting = new Set<Waiting>();

  /** Starts with all slots free; `now` is in milliseconds, by a clock that only goes forward. */
  constructor({ most, now }: { most: number; now: () => number }) {
    this.#most = most;
    this.#now = now;
  }

  /**
   * Takes a slot.
   *
   * @throws {HttpError} 503 with `Retry-After` if there is none.
   */
  take(): UploadSlot {
    if (this.#taken >= this.#most) this.#makeRoom();
    this.#taken++;
    let held = true;
    const free = () => {
      if (held) this.#taken--;
      held = false;
    };
    return {
      whileItComes: async (body) => {
        const lost = Promise.withResolvers<never>();
        const giveWay = () => {
          free();
          lost.reject(busy("Cannot wait longer for the rest of this push while other pushes wait for its slot"));
        };
        const waiting = { sinceMs: this.#now(), giveWay };
        this.#waiting.add(waiting);
        try {
          return await Promise.race([body, lost.promise]);
        } finally {
          this.#waiting.delete(waiting);
        }
      },
      [Symbol.dispose]: free,
    };
  }

  #makeRoom() {
    const [longest] = this.#waiting;
    if (longest === undefined || this.#now() - longest.sinceMs < PATIENCE_MS) {
      throw busy("Cannot take another push while so many are in progress");
    }
    // At once, not when its promise settles, so that each who asks now sees another.
    this.#waiting.delete(longest);
    longest.giveWay();
  }
}

function busy(what: string): HttpError {
  return new HttpError(503, `${what}: try again later`, {
    reason: "busy",
    headers: { "retry-after": String(RETRY_SECONDS) },
  });
}
