/**
 * Whether this process has just stood still while time went on: it was stopped, or had no processor. What lies in its sockets then is
 * of clients that may have given up long ago, and pushed elsewhere since.
 *
 * @module
 */

/** How long it must have stood still, in milliseconds: what is late by less its client still waits for. */
const STANDSTILL_MS = 5_000;
/** For how long afterwards it reads what came meanwhile, in milliseconds. */
const AFTER_MS = 1_000;
/** How often it looks at the clock, in milliseconds. */
const LOOK_INTERVAL_MS = 500;

/** Looks at the clock until it is disposed of. */
export class Standstill implements Disposable {
  readonly #elapsed: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  #lookedAt: number;
  #endedAt = -Infinity;

  /** Begins to look; `elapsed` is a clock in milliseconds that goes on while the process stands still. */
  constructor({ elapsed = () => performance.now() }: { elapsed?: () => number } = {}) {
    this.#elapsed = elapsed;
    this.#lookedAt = elapsed();
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  /** Whether it has ended within the last second. */
  get isJustOver(): boolean {
    return this.#look() - this.#endedAt < AFTER_MS;
  }

  /** Looks no more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): number {
    const now = this.#elapsed();
    if (now - this.#lookedAt > STANDSTILL_MS) this.#endedAt = now;
    this.#lookedAt = now;
    return now;
  }
}
