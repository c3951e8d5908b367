/**
 * The memory of a vote: what a member has promised and accepted for the view after the one that it knows to be decided (Lamport,
 * "Paxos Made Simple", 2001). It is durable before anybody is told.
 *
 * @module
 */

import { type Accepted, type AcceptorState, type Ballot, compareBallots } from "../protocol/ballot.ts";

/** The state after a promise; undefined if a later ballot was promised before. */
export function promise(state: AcceptorState, ballot: Ballot): AcceptorState | undefined {
  if (state.promised !== undefined && compareBallots(ballot, state.promised) < 0) return undefined;
  return { ...state, promised: ballot };
}

/** The state after a view is accepted; undefined if a later ballot was promised before. */
export function accept(state: AcceptorState, { ballot, view }: Accepted): AcceptorState | undefined {
  if (state.promised !== undefined && compareBallots(ballot, state.promised) < 0) return undefined;
  return { ...state, promised: ballot, accepted: { ballot, view } };
}
