/**
 * Work that holds the event loop, done so that nothing else waits for more than one long piece of it.
 *
 * The bodies of many pushes may be complete in the same turn of the loop. A usual one takes 0.2 ms to ingest; one that is
 * made to be slow takes 100 ms, and fifty of those in a row would keep a health check waiting for 5 s.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/**
 * Work in one turn of the loop, in milliseconds, after which others come first: sockets, timers, health checks. More than
 * usual pushes amount to, as what follows costs 4 ms in which there may be nothing else to do: with 10 ms, counted from
 * pause to pause, a server under full load did 10 % less.
 */
const LONG_MS = 50;
/** Turns that a short request takes from others' work: accepted, read, answered, written. */
const TURNS = 4;

/** Does pieces of work in the order in which they come. */
export class EventLoopShare {
  readonly #elapsed: () => number;
  readonly #nextTurn: () => Promise<void>;
  readonly #atTurnEnd: (then: () => void) => void;
  #workedMs = 0;
  #endAwaited = false;
  #rest: Promise<void> | undefined;

  /**
   * `elapsed` is a clock in milliseconds; `nextTurn` resolves once all others that wait had one turn; `atTurnEnd` calls once
   * all that the loop had ready in this turn is done.
   */
  constructor({ elapsed = () => performance.now(), nextTurn = byTimer, atTurnEnd = setImmediate }: {
    elapsed?: () => number;
    nextTurn?: () => Promise<void>;
    atTurnEnd?: (then: () => void) => void;
  } = {}) {
    this.#elapsed = elapsed;
    this.#nextTurn = nextTurn;
    this.#atTurnEnd = atTurnEnd;
  }

  /** Does a piece of work: at once, or after others have had some turns if much was done in this one. */
  async take<T>(work: () => T): Promise<T> {
    while (this.#rest !== undefined) await this.#rest;
    const startedMs = this.#elapsed();
    try {
      return work();
    } finally {
      this.#workedMs += this.#elapsed() - startedMs;
      if (this.#workedMs >= LONG_MS) this.#rest ??= this.#letOthersWork();
      else if (!this.#endAwaited) {
        this.#endAwaited = true;
        this.#atTurnEnd(() => {
          this.#endAwaited = false;
          this.#workedMs = 0;
        });
      }
    }
  }

  /** Lets others have as many turns as a short request takes. */
  async rest(): Promise<void> {
    for (let i = 0; i < TURNS; i++) await this.#nextTurn();
  }

  async #letOthersWork(): Promise<void> {
    await this.rest();
    this.#rest = undefined;
    this.#workedMs = 0;
  }
}

/** By a timer, as the loop does not look at its sockets before it runs what `setImmediate` was given. */
function byTimer(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
