/**
 * What all parts of a member share: who the member is, what it knows of the ring at this moment, and where their effects go.
 *
 * @module
 */

import type { RingView } from "../placement/view.ts";
import { type Clock, type Emit, send } from "../protocol/effects.ts";
import type { Member } from "../protocol/member.ts";
import type { Message } from "../protocol/messages.ts";
import type { RingLimits } from "../protocol/ring_limits.ts";

/** The ring as the parts of one member see it. What is a method is asked anew each time, as the answer changes. */
export interface RingContext {
  /** The member's name. */
  readonly name: string;
  /** How long an entry holds, in milliseconds. */
  readonly ttlMs: number;
  /** On how many members a push must be durable before its client is answered, if there are so many. */
  readonly copies: number;
  /** The bounds. */
  readonly limits: RingLimits;
  /** The member's own row. */
  self(): Member;
  /** The row of any member. */
  memberOf(name: string): Member | undefined;
  /** The present view: who owns what. */
  view(): RingView;
  /** The epoch under which we order the pushes of what we own. */
  epoch(): number;
  /** What a peer's clock has passed for certain, by what it said last; undefined if it has said nothing yet. */
  clockOf(name: string, now: number): number | undefined;
  /** Whether all others of the present view have it, and hold nothing back that is ours. */
  isSettled(): boolean;
  /** Whether we are the member that the view has under our name. */
  isServing(): boolean;
  /** Whether we have accepted no view after the present one. */
  isCurrent(): boolean;
  /** Asks those who vote in the present view whether it is still the last one. */
  confirm(onConfirmed: (isCurrent: boolean, clock: Clock) => void, clock: Clock): void;
  /** Whether the member hears too few of the ring to go on. */
  isFenced(now: number): boolean;
  /** Whether a message to a peer has a way. */
  isLinked(name: string): boolean;
  /** Whether a member may be about to be suspected: it is silent, or its link has ended. */
  isFailing(name: string, now: number): boolean;
  /**
   * Who is to be sent what is for a member: itself where our link with it is alive, else one that has vouched for it lately; undefined if
   * there is no way.
   */
  wayTo(name: string, now: number): string | undefined;
  /** The next number of a request: 1 to 2^32-1, in a circle. */
  nextRequest(): number;
  /** Draws a number from 0 to 1. */
  readonly random: () => number;
  /** Takes an effect, after those before it. */
  readonly emit: Emit;
}

/** Sends a message if there is a way, and nothing otherwise: what gets lost of it is said again. */
export function sendIfLinked(context: RingContext, to: string, message: Message) {
  if (context.isLinked(to)) context.emit(send(to, message));
}
