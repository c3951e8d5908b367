/**
 * Turns of the event loop, of each of which strangers get so much: what is at work, and whoever else comes, goes on between them.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** What is done when its turn comes. */
export type Work = () => void;

/** What {@linkcode Turns} work with. */
export interface TurnsOptions {
  /** Works that are begun in one turn. */
  readonly most: number;
  /** Calls back in the next turn. @default {setImmediate} */
  readonly next?: (resume: () => void) => unknown;
}

/**
 * Begins works, so many in a turn of the loop; where more are to be begun, the senders have theirs by turns. Without it all that nine
 * hundred clients bring at the same moment is done at once, and whoever comes then waits for the whole.
 */
export class Turns {
  readonly #most: number;
  readonly #next: (resume: () => void) => unknown;
  /** Works that wait, by sender: the sender whose turn it is comes first, and so does its oldest work. */
  readonly #lines = new Map<string, Set<Work>>();
  #left: number;
  #counts = false;

  /** Nothing waits yet. */
  constructor({ most, next = setImmediate }: TurnsOptions) {
    this.#most = this.#left = most;
    this.#next = next;
  }

  /** Senders of whom something waits. */
  get senders(): number {
    return this.#lines.size;
  }

  /** Begins a work of a sender: at once, unless that is more than a turn has. */
  take(sender: string, work: Work): void {
    if (!this.#counts) {
      this.#counts = true;
      this.#next(this.#turn);
    }
    if (this.#left > 0) {
      this.#left--;
      return work();
    }
    const line = this.#lines.get(sender);
    if (line === undefined) this.#lines.set(sender, new Set([work]));
    else line.add(work);
  }

  /** A work that may wait is not to be begun any more. */
  leave(sender: string, work: Work): void {
    const line = this.#lines.get(sender);
    if (line?.delete(work) && line.size === 0) this.#lines.delete(sender);
  }

  readonly #turn = () => {
    this.#left = this.#most;
    for (; this.#left > 0 && this.#lines.size > 0; this.#left--) {
      const [[sender, line]] = this.#lines, [work] = line;
      this.#lines.delete(sender);
      line.delete(work);
      if (line.size > 0) this.#lines.set(sender, line);
      work();
    }
    // A turn in which nothing was begun ends the counting, and gives all of the next one.
    this.#counts = this.#left < this.#most;
    if (this.#counts) this.#next(this.#turn);
  };
}
