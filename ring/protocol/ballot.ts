/**
 * Ballots: the attempts of proposers, in one order for all; and what a vote remembers of them.
 *
 * @module
 */

import type { AgreedView } from "./agreed_view.ts";

/** One attempt to decide a view. */
export interface Ballot {
  /** Counts attempts. */
  readonly round: number;
  /** Whose attempt it is. */
  readonly proposer: string;
}

/** Negative if `a` came before `b`, positive if it came after it, 0 if they are one. */
export function compareBallots(a: Ballot, b: Ballot): number {
  return a.round - b.round || (a.proposer === b.proposer ? 0 : a.proposer < b.proposer ? -1 : 1);
}

/** A view that was accepted, and in which ballot. */
export interface Accepted {
  /** The ballot. */
  readonly ballot: Ballot;
  /** The view. */
  readonly view: AgreedView;
}

/** What is kept for one epoch. */
export interface AcceptorState {
  /** The epoch that is being decided. */
  readonly epoch: number;
  /** No earlier ballot is answered any more. */
  readonly promised?: Ballot;
  /** What was accepted last. */
  readonly accepted?: Accepted;
}
