/**
 * What a member says of itself and others of it, and how two accounts of one member become one.
 *
 * ```text
 *             start, or back from DEAD                  SIGTERM, heirs have their copies
 *                      │                                            │
 * phase             JOINING ──── future clusters pulled ──▶ ACTIVE ──▶ LEAVING
 *  (its own word)                                                        │ nothing is owed to anybody
 *                                                                        ▼
 * status            ALIVE ◀── refuted: incarnation + 1 ──┐             LEFT
 *  (anybody's word)   │                                  │
 *                     │ silent, and nobody can reach it  │
 *                     ▼                                  │
 *                  SUSPECT ──────────────────────────────┤
 *                     │ silent for longer                │
 *                     ▼                                  │
 *                   DEAD ──── refuted: as JOINING ───────┘
 * ```
 *
 * Within one incarnation status and phase only ever advance along the arrows that point down and right, so accounts can be
 * merged in any order and any number of times. Only the member itself starts another incarnation.
 *
 * The rules are those of SWIM (Das, Gupta and Motivala, 2002) as memberlist keeps them.
 *
 * @module
 */

/** What the others make of a member, from best to worst; at one incarnation the worse wins. */
export const STATUSES = ["ALIVE", "SUSPECT", "DEAD", "LEFT"] as const;

/** How far a member is by its own account, in order; at one incarnation the later wins. */
export const PHASES = ["JOINING", "ACTIVE", "LEAVING"] as const;

/** One of {@linkcode STATUSES}. */
export type Status = typeof STATUSES[number];

/** One of {@linkcode PHASES}. */
export type Phase = typeof PHASES[number];

/** A row of the member table. */
export interface Member {
  /** Unique in the ring, and in the member's certificate. */
  readonly name: string;
  /** 128 random bits in hex, one draw a process. */
  readonly boot: string;
  /** Counts what the member has to say against what is said of it. */
  readonly incarnation: number;
  /** The incarnation at which it last began to join: tells one stay in the ring from the next. */
  readonly since: number;
  /** Where it can be dialled. */
  readonly address: string;
  /** The machine it runs on. */
  readonly host: string;
  /** The disk on which it keeps what it has promised: with another one it has no vote. */
  readonly disk: string;
  /** Whether it only votes and forwards: it owns nothing and stands by for nothing, for good or for as long as it is not able to. */
  readonly isWitness: boolean;
  /** The latest rule of placement that it knows. */
  readonly rule: number;
  /** What the others make of it. */
  readonly status: Status;
  /** How far it is. */
  readonly phase: Phase;
}

/** Whether a member is taken to be there. */
export function isPresent({ status }: Member): boolean {
  return status === "ALIVE" || status === "SUSPECT";
}

/** Whether clusters should belong to a member. */
export function isPlaced(member: Member): boolean {
  return member.phase === "ACTIVE" && isPresent(member) && !member.isWitness;
}

/** Whether a member belongs into the next view: it serves or only votes, and answers. */
export function isFit(member: Member): boolean {
  return member.phase === "ACTIVE" && member.status === "ALIVE";
}

/**
 * Merges two accounts of one member; the result is `known` itself if `heard` tells nothing new. A higher incarnation wins. Two
 * processes of one name at one incarnation are told apart by their boots, of which the higher wins.
 */
export function mergeMember(known: Member, heard: Member): Member {
  const order = heard.incarnation - known.incarnation ||
    (heard.boot === known.boot ? 0 : heard.boot > known.boot ? 1 : -1);
  if (order !== 0) return order > 0 ? heard : known;
  const status = later(STATUSES, known.status, heard.status);
  const phase = later(PHASES, known.phase, heard.phase);
  return status === known.status && phase === known.phase ? known : { ...known, status, phase };
}

function later<T>(order: readonly T[], a: T, b: T): T {
  return order.indexOf(a) < order.indexOf(b) ? b : a;
}
