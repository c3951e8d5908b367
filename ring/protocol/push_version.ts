/**
 * The version of a push, which every member orders in the same way: the newest push of a cluster wins, whoever stores it first. The
 * owner of a cluster gives it, in the order in which pushes come there: no clock of any member decides which is newer.
 *
 * @module
 */

/** Which push it is: no two of all members have one origin. */
export interface PushOrigin {
  /** The member through which it entered. */
  readonly ingress: string;
  /** Counts the pushes of that member, from one of {@linkcode firstSequence} on in each process. */
  readonly sequence: number;
}

/** Orders the pushes of one cluster: by epoch, then by time; where both are alike, by origin. */
export interface PushVersion extends PushOrigin {
  /** The epoch of the view by which its owner owned the cluster. */
  readonly epoch: number;
  /** When its owner took it, in milliseconds since 1970 by the owner's clock, but later than all that the owner took before. */
  readonly ms: number;
}

/** How many numbers a process has for its pushes. */
const SEQUENCES = 2 ** 32;
/** How many processes of one name can be told apart. */
const PROCESSES = 2 ** 20;

/** What a process counts its pushes from, by a number from 0 to 1: no two in a row are to give one number to two pushes. */
export function firstSequence(random: number): number {
  return Math.floor(random * PROCESSES) * SEQUENCES;
}

/** How far the clocks of two members may be apart before they warn of it, in milliseconds: versions do not depend on it. */
export const CLOCK_LEEWAY_MS = 30_000;

/** Negative if `a` is older than `b`, positive if it is newer, 0 if they are the same push. */
export function compareVersions(a: PushVersion, b: PushVersion): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch;
  if (a.ms !== b.ms) return a.ms - b.ms;
  if (a.ingress !== b.ingress) return a.ingress < b.ingress ? -1 : 1;
  return a.sequence - b.sequence;
}

/** How a push that comes to its owner stands to what is held of its cluster. */
export type Arrival = "new" | "dup" | "stale";

/**
 * Whether a push is new to its owner. It is unless it is what is held, or came through the same process before it: a push that its
 * ingress sent again, or that was overtaken on its way.
 */
export function arrivalOf({ ingress, sequence }: PushOrigin, held: PushVersion | undefined): Arrival {
  if (held === undefined || held.ingress !== ingress) return "new";
  if (Math.floor(held.sequence / SEQUENCES) !== Math.floor(sequence / SEQUENCES)) return "new";
  return held.sequence === sequence ? "dup" : held.sequence > sequence ? "stale" : "new";
}

/** The version of a push that is new to its owner: newer than all that was held of its cluster before, whatever the clock says. */
export function nextVersion(
  { ingress, sequence }: PushOrigin,
  { held, epoch, wallMs }: { held: PushVersion | undefined; epoch: number; wallMs: number },
): PushVersion {
  if (held === undefined || held.epoch < epoch) return { epoch, ms: wallMs, ingress, sequence };
  return { epoch: held.epoch, ms: Math.max(wallMs, held.ms + 1), ingress, sequence };
}
