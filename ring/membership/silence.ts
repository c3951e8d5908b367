/**
 * When a silent member is asked after, suspected, and declared dead.
 *
 * @module
 */

/** How often every peer is pinged, and everybody's silence is judged, in milliseconds. */
export const PING_EVERY_MS = 1_000;

/** After so much silence others are asked to ping the member, in milliseconds: in time for an answer before it is suspected. */
export const ASK_AFTER_MS = 1_500;

/**
 * After so much silence a member is suspected, in milliseconds: two pings and their answers may be lost or late. What it owns moves
 * then; a suspicion that was wrong costs a move, and never a page that is shown twice.
 */
export const SUSPECT_AFTER_MS = 2_500;

/**
 * After so much silence a member agrees to a death, in milliseconds. More than {@linkcode import("./fence.ts").HEARING_MS}, so that
 * nobody agrees to the death of a member that still counts it among those it hears.
 */
export const ACCUSE_AFTER_MS = 9_000;

/** After so much silence a member is dead if most of the others agree, in milliseconds. */
export const DEAD_AFTER_MS = 10_000;

/** After so much silence a member is dead, in milliseconds. */
export const DEAD_ALONE_AFTER_MS = 20_000;

/** What is known of a member's silence. */
export interface Silence {
  /** How long nothing has been heard of the member, from itself or from those who pinged it for us. */
  readonly silentMs: number;
  /** For how long others have been asked to ping it; undefined if nobody was asked. */
  readonly askedMs?: number;
  /** How many others agree to its death. */
  readonly accusers: number;
  /** How many others we hear, whatever they think. */
  readonly reachable: number;
}

/** What is to be done about a silence; each includes those before it. */
export type Verdict = "none" | "ask" | "suspect" | "dead";

/** Judges a silence. Our own vote counts, so with nobody else in reach we decide alone. */
export function judgeSilence({ silentMs, askedMs, accusers, reachable }: Silence): Verdict {
  if (silentMs >= DEAD_ALONE_AFTER_MS) return "dead";
  if (silentMs >= DEAD_AFTER_MS && (accusers + 1) * 2 > reachable + 1) return "dead";
  const nobodyReachedIt = reachable === 0 || (askedMs !== undefined && askedMs >= SUSPECT_AFTER_MS - ASK_AFTER_MS);
  if (silentMs >= SUSPECT_AFTER_MS && nobodyReachedIt) return "suspect";
  return silentMs >= ASK_AFTER_MS ? "ask" : "none";
}
