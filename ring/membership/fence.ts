/**
 * The fence: which part of a ring that is cut in two may go on. A view is decided by a quorum of the one before; a part that hears none
 * will decide nothing, and nobody confirms its pages.
 *
 * Counting the majority of the last view that was agreed on, and not of all members ever, is the dynamic linear voting of Jajodia and
 * Mutchler (1990): a ring that shrinks step by step goes on.
 *
 * @module
 */

import { isQuorum, type Vote } from "../consensus/quorum.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";

/** How long an answered ping counts as hearing its receiver, in milliseconds. */
export const HEARING_MS = 8_000;

/** Whether a majority is asked for of a view: of one, and of two that were never more, there is none. */
export function hasFence(agreed: AgreedView | undefined): boolean {
  return agreed !== undefined && (agreed.members.length > 2 || (agreed.isStrict && agreed.members.length > 1));
}

/** Whether a member that hears these votes (its own among them) can decide nothing. */
export function isFenced(agreed: AgreedView | undefined, hears: (vote: Vote) => boolean): boolean {
  return agreed !== undefined && !isQuorum(agreed, hears);
}
