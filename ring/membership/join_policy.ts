/**
 * When a member that joins may go on: where nobody serves yet, once enough of those are here who should be, else when its turn has
 * come.
 *
 * @module
 */

import { isPlaced, isPresent, type Member } from "../protocol/member.ts";

/** How long seeds may be silent before a member goes on without them, in milliseconds. */
export const SILENT_SEEDS_MS = 10_000;

/** How long a member waits after it has linked with everybody that it knows of, in milliseconds: they may know of others. */
export const ALL_LINKED_MS = 2_000;

/** How long a member gives way to the transitions of others, in milliseconds. */
export const MAX_TURN_WAIT_MS = 30_000;

/** The shortest and the longest pause of a member that comes and goes, in milliseconds. */
export const FLAP_PAUSE_MS = { min: 5_000, max: 120_000 } as const;

/** How long a member must have served for its comings and goings to be forgiven, in milliseconds. */
export const FORGIVE_AFTER_MS = 600_000;

/** How long a member pauses before it joins for yet another time, in milliseconds. The first return is free. */
export function flapPauseMs(flaps: number): number {
  return flaps < 2 ? 0 : Math.min(FLAP_PAUSE_MS.min * 2 ** (flaps - 2), FLAP_PAUSE_MS.max);
}

/** What a member that joins sees. */
export interface JoinSituation {
  /** The present time. */
  readonly now: number;
  /** Our name. */
  readonly name: string;
  /** The member table. */
  readonly rows: Iterable<Member>;
  /** Whether a member is linked with us. */
  readonly isLinked: (name: string) => boolean;
  /** Whether a member has the same view as we. */
  readonly agrees: (name: string) => boolean;
  /** Whether everybody is linked with us whom we were told of: seeds, and members of the last agreed view. */
  readonly knowsAll: boolean;
  /** Whether there is nobody that we were told of. */
  readonly knowsNobody: boolean;
  /** Whether a majority of the last agreed view is missing. */
  readonly fenced: boolean;
  /** Whether another process is alive under our name. */
  readonly nameTaken: boolean;
  /** Whether what we would own can be stored. */
  readonly isWell: boolean;
  /**
   * Whether a majority is here: of the last agreed view, or, of a member that was never in a ring, of those that it was told of and
   * itself. Views of one and of two have none.
   */
  readonly hasMajority: boolean;
  /** Whether it may start a ring without one: it was in a ring before, or it is told to. */
  readonly mayBeAlone: boolean;
  /** Whether somebody has answered lately who is not linked with us: then nobody starts a ring without a majority. */
  readonly meetsStrangers: boolean;
}

/** What a member that joins may do: serve at once, pull what will be its own, or wait. */
export type JoinStep = "serve" | "pull" | "wait";

/** Decides for one stay in the ring. */
export class JoinTurn {
  readonly #startedAt: number;
  readonly #pauseMs: number;
  readonly #fellows = new Set<string>();
  #allLinkedAt: number | undefined;
  #turnSince: number | undefined;

  /** Begins a stay. */
  constructor({ now, flaps }: { now: number; flaps: number }) {
    this.#startedAt = now;
    this.#pauseMs = flapPauseMs(flaps);
  }

  /** Decides what may be done now. */
  next(situation: JoinSituation): JoinStep {
    const { now, name, fenced, nameTaken, isLinked } = situation;
    const others = [...situation.rows].filter((row) => row.name !== name && isPresent(row));
    const serving = others.filter(isPlaced);
    // Those who join while nobody serves come up with us, all at once: nobody holds for us what we would have to wait for.
    if (serving.length === 0) {
      for (const other of others) if (other.phase === "JOINING") this.#fellows.add(stay(other));
    }
    if (fenced || nameTaken) return "wait";
    if (serving.length === 0) return this.#mayStart(situation) ? "serve" : "wait";
    if (serving.every((row) => this.#fellows.has(stay(row)))) return "serve";
    if (!situation.isWell) return "wait";
    // Only those who serve are to be spared its comings and goings.
    if (now - this.#startedAt < this.#pauseMs) return "wait";
    if (!serving.some((row) => isLinked(row.name))) return "wait";
    this.#turnSince ??= now;
    const isTurn = !others.some((row) => goesFirst(row, name)) &&
      serving.every((row) => situation.agrees(row.name));
    return isTurn || now - this.#turnSince >= MAX_TURN_WAIT_MS ? "pull" : "wait";
  }

  #mayStart({ now, knowsAll, knowsNobody, hasMajority, mayBeAlone, meetsStrangers }: JoinSituation): boolean {
    if (!hasMajority && (!mayBeAlone || meetsStrangers)) return false;
    if (knowsNobody || now - this.#startedAt >= SILENT_SEEDS_MS) return true;
    if (!knowsAll) this.#allLinkedAt = undefined;
    else this.#allLinkedAt ??= now;
    return this.#allLinkedAt !== undefined && now - this.#allLinkedAt >= ALL_LINKED_MS;
  }
}

function stay({ name, since }: Member): string {
  return `${since} ${name}`;
}

/** One transition at a time: who leaves goes before who joins, and of those who join the lowest name goes first. */
function goesFirst(row: Member, name: string): boolean {
  return row.phase === "LEAVING" || (row.phase === "JOINING" && row.status === "ALIVE" && row.name < name);
}
