/**
 * What this member owes the others of what it holds: to owners what they may lack, to a member that joins what will be its own, to
 * the heirs of a member that leaves what it has.
 *
 * @module
 */

import type { Deliveries } from "./deliveries.ts";
import type { Held, Holdings } from "../pushes/holdings.ts";
import { isPresent, type Member } from "../membership/member.ts";
import type { RingView } from "../membership/view.ts";

/** What obligations work with. */
export interface ObligationsOptions {
  /** Our name. */
  readonly name: string;
  /** What is held. */
  readonly holdings: Holdings;
  /** Brings copies to others. */
  readonly deliveries: Deliveries;
  /** The present view. */
  readonly view: () => RingView;
  /** The row of a member. */
  readonly memberOf: (name: string) => Member | undefined;
}

/** Tells deliveries what is owed. */
export class Obligations {
  readonly #options: ObligationsOptions;
  // Members that join and have asked for what will be theirs.
  readonly #joining = new Set<string>();
  #leaving = false;

  /** Starts with nothing owed. */
  constructor(options: ObligationsOptions) {
    this.#options = options;
  }

  /** The view has changed, and everything is placed by it: what is owed is reckoned afresh. */
  viewChanged() {
    const { name, holdings, deliveries } = this.#options;
    deliveries.viewChanged();
    for (const held of holdings) this.#oweOwner(held);
    for (const joining of this.#joining) if (!this.#oweJoining(joining)) this.#joining.delete(joining);
    if (this.#leaving && this.#options.view().has(name)) this.toHeirs();
  }

  /** Something was stored that may be news to its owner; true if that is another member. */
  stored(held: Held, { ownerKnows }: { ownerKnows: boolean }): boolean {
    held.unconfirmed = !ownerKnows;
    return this.#oweOwner(held);
  }

  /** A member that joins asks for what will be its own; false if it does not join. */
  toJoining(name: string): boolean {
    if (!this.#oweJoining(name)) return false;
    this.#joining.add(name);
    return true;
  }

  /** Forgets what is owed to members that wanted to join and are gone: their end is no change of the view. */
  tick() {
    for (const joining of this.#joining) {
      if (this.#isJoining(this.#options.memberOf(joining))) continue;
      this.#joining.delete(joining);
      if (!this.#options.view().has(joining)) this.#options.deliveries.forgive(joining);
    }
  }

  /** We are about to leave: those who will own and stand by instead of us must have what we own. */
  toHeirs() {
    const { name, view, deliveries } = this.#options;
    this.#leaving = true;
    const future = view().without(name);
    for (const held of this.#owned()) {
      const heirs = future.place(held.key);
      if (heirs === undefined) continue;
      deliveries.owe(heirs.owner, held.id);
      if (heirs.standby !== undefined) deliveries.owe(heirs.standby, held.id);
    }
  }

  #oweOwner(held: Held): boolean {
    const { name, deliveries } = this.#options;
    if (held.owner === name) held.unconfirmed = false;
    if (!held.unconfirmed || held.owner === undefined) return false;
    deliveries.owe(held.owner, held.id);
    return true;
  }

  /** Each entry is brought by its present owner, so it comes once. */
  #oweJoining(name: string): boolean {
    const { view, memberOf, deliveries } = this.#options;
    const member = memberOf(name);
    if (!this.#isJoining(member)) return false;
    const future = view().with(member);
    for (const held of this.#owned()) {
      const { owner, standby } = future.place(held.key)!;
      if (owner === name || standby === name) deliveries.owe(name, held.id);
    }
    return true;
  }

  #isJoining(member: Member | undefined): member is Member {
    return member !== undefined && isPresent(member) && member.phase === "JOINING";
  }

  *#owned(): Generator<Held> {
    for (const held of this.#options.holdings) if (held.owner === this.#options.name) yield held;
  }
}
