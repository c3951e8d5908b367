/**
 * A directory that nobody reads.
 *
 * @module
 */

/** Takes what it is told, and forgets it. */
export const NO_DIRECTORY = { accepted() {}, broughtBy() {}, refused() {}, get: () => undefined };

/** Logs of refused exchanges that nobody reads. */
export const NO_REFUSALS = { known: { add() {} }, strangers: { add() {} } };
