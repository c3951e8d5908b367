/**
 * The version of a push, which every member orders in the same way: the newest push of a cluster wins, whoever stores it first.
 *
 * @module
 */

/** Orders the pushes of one cluster: by time, then by ingress, then by sequence. */
export interface PushVersion {
  /** When the push entered the ring by the clock of its ingress, in milliseconds since the epoch. */
  readonly ms: number;
  /** The member through which it entered. */
  readonly ingress: string;
  /** Counts the pushes of that member, from one of {@linkcode firstSequence} on in each process. */
  readonly sequence: number;
}

/** How many numbers a process has for its pushes. */
const SEQUENCES = 2 ** 32;
/** How many processes of one name can be told apart. */
const PROCESSES = 2 ** 20;

/** What a process counts its pushes from, by a number from 0 to 1: no two in a row are to give one number to two pushes. */
export function firstSequence(random: number): number {
  return Math.floor(random * PROCESSES) * SEQUENCES;
}

/**
 * How far the clocks of two members may be apart without an effect, in milliseconds. Beyond it, an older push can win over a newer
 * one where two members own the cluster in turn and have no copy in common (owner and standby were lost together): members warn of
 * such clocks, and the next push mends it.
 */
export const CLOCK_LEEWAY_MS = 30_000;

/** Negative if `a` is older than `b`, positive if it is newer, 0 if they are the same push. */
export function compareVersions(a: PushVersion, b: PushVersion): number {
  if (a.ms !== b.ms) return a.ms - b.ms;
  if (a.ingress !== b.ingress) return a.ingress < b.ingress ? -1 : 1;
  return a.sequence - b.sequence;
}

/**
 * The version under which a push is stored that has only just entered the ring: its time is kept within
 * {@linkcode CLOCK_LEEWAY_MS} of the clock of the member that stores it. An ingress whose clock is ahead would otherwise shut out
 * the pushes of all others, and the pushes of one that is behind would be taken for old and dropped. For the same reason a push is
 * newer than what is `held` if that bears a time that has not come yet: another member with a wrong clock has stored it.
 */
export function arrivalVersion(
  version: PushVersion,
  { held, wallMs }: { held?: PushVersion; wallMs: number },
): PushVersion {
  const isRepeated = held !== undefined && isOfSameProcess(held, version) && held.sequence >= version.sequence;
  const latestMs = wallMs + CLOCK_LEEWAY_MS;
  const ms = held !== undefined && held.ms > latestMs
    ? isRepeated ? Math.min(version.ms, held.ms) : held.ms + 1
    : Math.min(Math.max(version.ms, wallMs - CLOCK_LEEWAY_MS), latestMs);
  return ms === version.ms ? version : { ...version, ms };
}

function isOfSameProcess(a: PushVersion, b: PushVersion): boolean {
  return a.ingress === b.ingress && Math.floor(a.sequence / SEQUENCES) === Math.floor(b.sequence / SEQUENCES);
}
