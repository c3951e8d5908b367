/**
 * Work in steps, for what may take long: who does it chooses what comes between two of them.
 *
 * @module
 */

/** Work that pauses after each step, and ends in a result. A step is a few milliseconds at most. */
export type Steps<Result> = Generator<void, Result, void>;

/** Does all steps one after the other, with nothing between them. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
