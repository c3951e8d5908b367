/**
 * What a member knows of the ring, for `/debug/cluster` and the metrics.
 *
 * @module
 */

import type { Awaited } from "./protocol/awaited.ts";
import type { Closed } from "./protocol/closed.ts";
import type { SeedStatus } from "./membership/seeds.ts";
import type { Member } from "./protocol/member.ts";
import type { AgreedView } from "./protocol/agreed_view.ts";
import type { RingLimits } from "./protocol/ring_limits.ts";
import type { RingMachine } from "./ring_machine.ts";

/** One member, as another sees it. */
export interface MemberStatus extends Member {
  /** Whether there is a link to it. */
  readonly linked: boolean;
  /** When it was last heard, in milliseconds before now, be it dead by now; absent if it never was by this process. */
  readonly heardMsAgo?: number;
  /** The digest of the view that it last said to have. */
  readonly view?: string;
}

/** Something that happened in the ring. */
export interface Transition {
  /** When, in RFC 3339. */
  readonly at: string;
  /** What, in a sentence. */
  readonly what: string;
  /** Particulars. */
  readonly [field: string]: unknown;
}

/** The ring as one member sees it. */
export interface RingStatus {
  /** The member's own name. */
  readonly name: string;
  /** Why it shows nothing; absent if it shows what it owns. */
  readonly closed?: Closed;
  /** For whom it waits, as long as it shows nothing. Members of before do not tell. */
  readonly waitsFor?: readonly Awaited[];
  /** Whether it carries on without the other one of two, which may do the same and show the same clusters. */
  readonly carriesOnAlone: boolean;
  /** Who owns clusters: the digest is equal on members that agree. */
  readonly view: {
    readonly digest: string;
    readonly members: readonly string[];
    /** Who only votes. */
    readonly witnesses: readonly string[];
    /** Whether all of them have it. */
    readonly settled: boolean;
    /** Who has confirmed the last page. */
    readonly confirmedBy: readonly string[];
  };
  /** The last view that it knows to be decided: its members vote on the next one. */
  readonly agreed?: AgreedView;
  /** How it stands with the addresses that the member was given to begin with. */
  readonly seeds: readonly SeedStatus[];
  /** All that are known, itself among them. */
  readonly members: readonly MemberStatus[];
  /** Clusters held: as owner, as standby, and others until they expire. */
  readonly clusters: { readonly owned: number; readonly standby: number; readonly foreign: number };
  /** Entries that others must still get, and copies that wait or are under way; and how many each must get, by name. */
  readonly transfers: {
    readonly owed: number;
    readonly copies: number;
    /** Members of before do not tell. */
    readonly owedTo?: Readonly<Record<string, number>>;
  };
  /** Pushes under way to other members, and what waits for the store, in bytes. */
  readonly inFlight: {
    readonly bytes: number;
    readonly storeBytes: number;
    readonly peers: Readonly<Record<string, { readonly requests: number; readonly bytes: number }>>;
  };
  /** The bounds of what may be in flight and wait. */
  readonly limits: RingLimits;
  /** What happened last, newest first. */
  readonly transitions: readonly Transition[];
}

/** What there is to know of the ring, as a member sees it; `now` is by the clock of its events, in milliseconds. */
export function statusOf(
  { membership, load }: Pick<RingMachine, "membership" | "load">,
  { now, limits, transitions }: { now: number } & Pick<RingStatus, "limits" | "transitions">,
): RingStatus {
  const { self, view, agreed } = membership;
  const closed = membership.closed(now);
  return {
    name: self.name,
    closed,
    ...closed !== undefined && { waitsFor: membership.awaited(now) },
    carriesOnAlone: membership.isAlone,
    view: {
      digest: view.digest,
      members: view.names,
      witnesses: view.witnesses,
      settled: membership.isSettled,
      confirmedBy: membership.lastVotes,
    },
    agreed,
    seeds: membership.seeds,
    members: membership.rows.map((row) => {
      const isSelf = row.name === self.name;
      const heardMsAgo = isSelf ? 0 : membership.heardMsAgo(row.name, now);
      return {
        ...row,
        linked: isSelf || membership.isLinked(row.name),
        heardMsAgo: heardMsAgo && Math.round(heardMsAgo),
        view: isSelf ? view.digest : membership.beliefsOf(row.name)?.view,
      };
    }),
    clusters: { owned: load.owned, standby: load.standby, foreign: load.foreign },
    transfers: { owed: load.owed, copies: load.copies, owedTo: Object.fromEntries(load.owedTo) },
    inFlight: {
      bytes: load.inFlightBytes,
      storeBytes: load.pendingBytes,
      peers: Object.fromEntries(load.inFlight),
    },
    limits,
    transitions,
  };
}

/** How many transitions are remembered. */
export const MAX_TRANSITIONS = 64;

/** Remembers the latest transitions. */
export class Transitions {
  readonly #latest: Transition[] = [];

  /** The transitions, newest first. */
  get latest(): readonly Transition[] {
    return this.#latest.toReversed();
  }

  /** Remembers one more, and forgets the oldest if there are too many. */
  add(transition: Transition): void {
    this.#latest.push(transition);
    if (this.#latest.length > MAX_TRANSITIONS) this.#latest.shift();
  }
}
