/**
 * Work that holds the event loop, done so that nothing else waits for more than one piece of it.
 *
 * The bodies of many pushes may be complete in the same turn of the loop. A usual one takes 0.3 ms to ingest; one that is
 * made to be slow takes 100 ms, and fifty of those in a row would keep a health check waiting for 5 s.
 *
 * @module
 */

/** Work in one go, in milliseconds, after which others come first: sockets, timers, health checks. */
const LONG_MS = 10;
/** Where so much time, in milliseconds, lies between two pieces, others had their turn. */
const PAUSE_MS = 1;
/** Turns that a short request takes from others' work: accepted, read, answered, written. */
const TURNS = 4;

/** Does pieces of work in the order in which they come. */
export class Turns {
  readonly #elapsed: () => number;
  readonly #nextTurn: () => Promise<void>;
  #workedMs = 0;
  #endedMs = -Infinity;
  #rest: Promise<void> | undefined;

  /** `elapsed` is a clock in milliseconds; `nextTurn` resolves once all others that wait had one turn. */
  constructor({ elapsed = () => performance.now(), nextTurn = byTimer }: {
    elapsed?: () => number;
    nextTurn?: () => Promise<void>;
  } = {}) {
    this.#elapsed = elapsed;
    this.#nextTurn = nextTurn;
  }

  /** Does a piece of work: at once, or after others have had some turns if much was done in one go. */
  async take<T>(work: () => T): Promise<T> {
    while (this.#rest !== undefined) await this.#rest;
    const startedMs = this.#elapsed();
    if (startedMs - this.#endedMs > PAUSE_MS) this.#workedMs = 0;
    try {
      return work();
    } finally {
      this.#endedMs = this.#elapsed();
      this.#workedMs += this.#endedMs - startedMs;
      if (this.#workedMs >= LONG_MS) this.#rest ??= this.#letOthersWork();
    }
  }

  async #letOthersWork(): Promise<void> {
    for (let i = 0; i < TURNS; i++) await this.#nextTurn();
    this.#rest = undefined;
    this.#workedMs = 0;
  }
}

/** By a timer, as the loop does not look at its sockets before it runs what `setImmediate` was given. */
function byTimer(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
