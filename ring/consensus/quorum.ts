/**
 * Which members of a view can speak for it: more than half of its votes, or exactly half with that of the lowest name. Any two such
 * parts have a vote in common, so that no two of them decide differently, and none decides without what another has accepted.
 *
 * A vote is a name with a disk: a member whose disk is another one does not know what it has promised.
 *
 * @module
 */

import type { AgreedView } from "../protocol/agreed_view.ts";

/** Whose vote it is. */
export interface Vote {
  /** The member. */
  readonly name: string;
  /** Which disk it has. */
  readonly disk: string;
}

/** Whether those who vote can speak for a view. */
export function isQuorum(view: AgreedView, has: (vote: Vote) => boolean): boolean {
  const { members, isStrict } = view;
  const votes = members.filter(has);
  // Two that were never more have no majority: each goes on by itself, or a machine that is lost would stop the other.
  if (members.length === 2 && !isStrict) return votes.length > 0;
  if (votes.length * 2 !== members.length) return votes.length * 2 > members.length;
  const lowest = members.reduce((a, b) => a.name < b.name ? a : b);
  return votes.includes(lowest);
}

/** Whether a vote counts in a view. */
export function hasVote({ members }: AgreedView, { name, disk }: Vote): boolean {
  return members.some((member) => member.name === name && member.disk === disk);
}

/** Whether a view that follows another must have a majority from then on. */
export function becomesStrict(before: AgreedView | undefined, { length }: { readonly length: number }): boolean {
  return before?.isStrict === true || length > 2;
}
