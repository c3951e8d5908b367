/**
 * The fence: which part of a ring that is cut in two may go on.
 *
 * A view is agreed once each of its members has it. From an agreed view only the part goes on that hears a majority of it, or
 * exactly half with the lowest name: the dynamic linear voting of Jajodia and Mutchler (1990), with epochs so that a member that
 * was away learns which agreement is the last. Two members have no majority, so each goes on alone.
 *
 * @module
 */

import type { AgreedView } from "../protocol/messages.ts";

/**
 * How long an answered ping counts as hearing its receiver, in milliseconds. A member that goes silent is declared dead 10 s
 * after it was last heard, by those who heard that ping; two seconds before, it has stopped showing anything.
 */
export const HEARING_MS = 8_000;

/** Whether a majority is asked for of a view: of one or two there is none. */
export function hasFence(agreed: AgreedView | undefined): boolean {
  return agreed !== undefined && agreed.members.length > 2;
}

/** Whether a member that hears these (itself among them) must not go on by itself. */
export function isFenced(agreed: AgreedView | undefined, hears: (name: string) => boolean): boolean {
  if (agreed === undefined || !hasFence(agreed)) return false;
  const names = agreed.members.map(({ name }) => name);
  const heard = names.filter(hears);
  if (heard.length * 2 !== names.length) return heard.length * 2 < names.length;
  const lowest = names.reduce((a, b) => a < b ? a : b);
  return !heard.includes(lowest);
}
