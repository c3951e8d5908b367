/**
 * A directory that nobody reads.
 *
 * @module
 */

/** Takes what it is told, and forgets it. */
export const NO_DIRECTORY = { accepted() {}, broughtBy() {}, refused() {} };
