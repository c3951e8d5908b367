/**
 * Which numbers of peers are believed that others have to go on from: incarnations, epochs and the times of versions.
 *
 * A number that has no higher one could never be answered, by a refutation, the next agreement or the next push. So each is believed
 * up to a bound that rises by the clock, and faster than members count: whatever a frame says, a moment later there is room above.
 * Members whose clocks are apart believe such a number one after the other, as their clocks get there. Numbers that members come to
 * by counting are far below the bound, whatever a clock says.
 *
 * @module
 */

/** Up to this one, every incarnation and every epoch is believed: members get there by counting in a million years. */
const COUNTED = 2 ** 40;

/** What is left above, however far ahead a clock is. */
const RESERVE = 2 ** 40;

/** How far ahead of our clock the time of a version may be that a peer holds, in milliseconds: ten years. */
export const MAX_AHEAD_MS: number = 10 * 365 * 24 * 3_600_000;

/** Whether an incarnation or an epoch is believed: it is at most the microseconds since the epoch. */
export function isBelieved(count: number, wallMs: number): boolean {
  return count <= Math.min(Math.max(COUNTED, wallMs * 1_000), Number.MAX_SAFE_INTEGER - RESERVE);
}

/** Whether the time of a version is believed that a peer holds. Clocks of members may be apart, but not by an age. */
export function isBelievedTime(ms: number, wallMs: number): boolean {
  return ms <= wallMs + MAX_AHEAD_MS;
}
