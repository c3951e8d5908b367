/**
 * Keeps a log from being flooded, whoever writes to it: a bound on lines a second.
 *
 * @module
 */

/** Lets so many lines a second through, and as many again at once after a quiet time. */
export class LineLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  #room: number;
  #since: number;
  #leftOut = 0;

  /** Lets `perSecond` lines a second through by a clock in milliseconds; 0 lets all through. */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#room = BURST_SECONDS * perSecond;
    this.#since = now();
  }

  /**
   * Whether a line may be written now, and how many could not be since the last that was: the next one says so.
   */
  take(): { readonly leftOut: number } | undefined {
    if (this.#perSecond === 0) return { leftOut: 0 };
    const now = this.#now();
    const most = BURST_SECONDS * this.#perSecond;
    this.#room = Math.min(most, this.#room + (now - this.#since) / 1_000 * this.#perSecond);
    this.#since = now;
    if (this.#room < 1) {
      this.#leftOut++;
      return undefined;
    }
    this.#room--;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return { leftOut };
  }
}

/** How many seconds' worth of lines may come at once. */
const BURST_SECONDS = 5;
