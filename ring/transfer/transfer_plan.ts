/**
 * What this member owes the others of what it holds: to owners what they may lack, to a member that joins what will be its own, to
 * the heirs of a member that leaves what it has.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { Transfers } from "./transfers.ts";
import type { EntryTable, HeldEntry } from "../replication/entry_table.ts";
import { isPresent, type Member } from "../protocol/member.ts";

/** Tells {@linkcode Transfers} what is owed. */
export class TransferPlan {
  readonly #context: RingContext;
  readonly #table: EntryTable;
  readonly #transfers: Transfers;
  // Members that join and have asked for what will be theirs.
  readonly #join = new Set<string>();
  #leaving = false;

  /** Starts with nothing owed. */
  constructor(context: RingContext, { table, transfers }: { table: EntryTable; transfers: Transfers }) {
    this.#context = context;
    this.#table = table;
    this.#transfers = transfers;
  }

  /** The view has changed, and everything is placed by it: what is owed is reckoned afresh. */
  viewChanged() {
    const { name } = this.#context;
    this.#transfers.viewChanged();
    for (const held of this.#table) this.#oweOwner(held);
    for (const joining of this.#join) if (!this.#oweJoining(joining)) this.#join.delete(joining);
    if (!this.#leaving) return;
    if (this.#context.view().has(name)) this.toHeirs();
    else this.#oweStandbys();
  }

  /** Something was stored that may be news to its owner; true if that is another member. */
  stored(held: HeldEntry, { ownerKnows }: { ownerKnows: boolean }): boolean {
    held.unconfirmed = !ownerKnows;
    return this.#oweOwner(held);
  }

  /** A member that joins asks for what will be its own; false if it does not join. */
  toJoining(name: string): boolean {
    if (!this.#oweJoining(name)) return false;
    this.#join.add(name);
    return true;
  }

  /** Forgets what is owed to members that wanted to join and are gone: their end is no change of the view. */
  tick() {
    for (const joining of this.#join) {
      if (this.#isJoining(this.#context.memberOf(joining))) continue;
      this.#join.delete(joining);
      if (!this.#context.view().has(joining)) this.#transfers.forgive(joining);
    }
  }

  /** We are about to leave: those who will own and stand by instead of us must have what we own, or stand by for. */
  toHeirs() {
    const { name } = this.#context;
    this.#leaving = true;
    const future = this.#context.view().without(name);
    for (const { id, key, owner, standby } of this.#table) {
      const heirs = owner === name || standby === name ? future.place(key) : undefined;
      if (heirs === undefined) continue;
      if (owner === name) this.#transfers.owe(heirs.owner, id);
      if (heirs.standby !== undefined) this.#transfers.owe(heirs.standby, id);
    }
  }

  /** The ring has a view without us: what came since we began to leave is with its owner, and must not go with us from where else it was. */
  #oweStandbys() {
    for (const { id, standby } of this.#table) if (standby !== undefined) this.#transfers.owe(standby, id);
  }

  #oweOwner(held: HeldEntry): boolean {
    if (held.owner === this.#context.name) held.unconfirmed = false;
    if (!held.unconfirmed || held.owner === undefined) return false;
    this.#transfers.owe(held.owner, held.id);
    return true;
  }

  /** Each entry is brought by its present owner, so it comes once. */
  #oweJoining(name: string): boolean {
    const context = this.#context;
    const member = context.memberOf(name);
    if (!this.#isJoining(member)) return false;
    const future = context.view().with(member);
    for (const held of this.#owned()) {
      const { owner, standby } = future.place(held.key)!;
      if (owner === name || standby === name) this.#transfers.owe(name, held.id);
    }
    return true;
  }

  #isJoining(member: Member | undefined): member is Member {
    return member !== undefined && isPresent(member) && member.phase === "JOINING";
  }

  *#owned(): Generator<HeldEntry> {
    for (const held of this.#table) if (held.owner === this.#context.name) yield held;
  }
}
