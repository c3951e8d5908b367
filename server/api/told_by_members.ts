/**
 * What each server of a ring says of itself, put together: any of them answers for all.
 *
 * @module
 */

import type { RingMemberView, RingView } from "./ring_view.ts";
import type { MemberAnswer } from "./sources.ts";

/** Something that a server told of. */
export type Told<T> = T & {
  /** The member that told of it; absent where there is no ring. */
  readonly member?: string;
};

/** What all told of. */
export interface ToldByMembers<T> {
  /** What there is. */
  readonly found: readonly Told<T>[];
  /** Every server of the ring, and why one has not told; absent where there is no ring. */
  readonly members?: readonly MemberAnswer[];
}

/** What all are asked for. */
export interface WhatIsTold<T> {
  /** The ring; undefined where there is none. */
  readonly ring: RingView | undefined;
  /** What a member told of; undefined if it did not. */
  readonly of: (member: RingMemberView) => readonly T[] | undefined;
}

/** Puts together what this server has and what the other members told of. */
export function toldByMembers<T extends object>(own: readonly T[], { ring, of }: WhatIsTold<T>): ToldByMembers<T> {
  if (ring === undefined) return { found: own };
  const found: Told<T>[] = own.map((one) => ({ member: ring.name, ...one }));
  const members = ring.members.filter((member) => member.name === ring.name || isMissed(member))
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map((member): MemberAnswer => {
      const { name, why } = member;
      if (name === ring.name) return { name };
      const told = of(member);
      for (const one of told ?? []) found.push({ member: name, ...one });
      return told === undefined ? { name, why: why ?? "its version does not tell" } : { name };
    });
  return { found, members };
}

/** Whether a member is missed that does not tell: one that has left is not, nor is one that is dead and out of the view. */
function isMissed({ status, inView }: RingMemberView): boolean {
  return status !== "LEFT" && (status !== "DEAD" || inView);
}
