/**
 * Which members of a view can speak for it: more than half of its votes, or exactly half with that of the lowest name; of the lowest
 * among those that own clusters, as a witness that is left alone is of no use to anybody. Any two such parts have a vote in common, so that no two of them decide differently, and none decides without what another has accepted.
 *
 * A vote is a name with a disk: a member whose disk is another one does not know what it has promised.
 *
 * @module
 */

import type { AgreedView, ViewMember } from "../protocol/agreed_view.ts";

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
  return votes.includes(members.reduce((a, b) => comesFirst(a, b) ? a : b));
}

function comesFirst(a: ViewMember, b: ViewMember): boolean {
  return a.isWitness === b.isWitness ? a.name < b.name : b.isWitness;
}

/** Whether a vote counts in a view. */
export function hasVote({ members }: AgreedView, { name, disk }: Vote): boolean {
  return members.some((member) => member.name === name && member.disk === disk);
}

/** Whether a view that follows another must have a majority from then on. */
export function becomesStrict(before: AgreedView | undefined, members: readonly ViewMember[]): boolean {
  return before?.isStrict === true || members.length > 2 || members.some(({ isWitness }) => isWitness);
}
