/**
 * The way from this member to one other for what it holds: what is owed to the other, what of it was offered, what is wanted, and
 * what is under way.
 *
 * ```text
 * owed: owe() ──▶ to offer ── OFFER ──▶ offered ── WANT: held there ──▶ settled
 *                     ▲                    │                              ▲
 *                     │ no answer,         ▼ WANT: lacks it               │
 *                     │ refused         to copy ── COPY ──▶ under way ── COPY_OK
 *                     └───────────────────────────────────────┘
 * ```
 *
 * @module
 */

import type { PushVersion } from "../protocol/push_version.ts";

/** How many clusters go into one offer. */
export const OFFER_SIZE = 500;

/** A copy that is under way, or is being read from the store. */
export interface Transfer {
  /** The cluster id. */
  readonly id: string;
  /** What is copied. */
  readonly version: PushVersion;
  /** When it counts as lost. */
  readonly deadline: number;
}

/** An offer that is not answered yet. */
export interface Offer {
  /** Its request number. */
  readonly request: number;
  /** What was offered. */
  readonly versions: ReadonlyMap<string, PushVersion>;
  /** When it counts as lost. */
  readonly deadline: number;
}

/** State towards one member. */
export class PeerTransfers {
  /** The member. */
  readonly name: string;
  /** Everything that the member may lack, and that it must have before we are clear for it. */
  readonly owed = new Set<string>();
  /** What of it is to be offered. */
  readonly toOffer = new Set<string>();
  /** What is to be copied for the sake of a push that has just been stored. */
  readonly urgent = new Set<string>();
  /** What is to be copied at leisure. */
  readonly wanted = new Set<string>();
  /** Copies under way, by request number. */
  readonly underWay = new Map<number, Transfer>();
  /** The offer under way. */
  offer: Offer | undefined;
  /** When to go on after a refusal. */
  pausedUntil = 0;
  /** Requests of the member to be told when nothing is owed to it any more. */
  readonly pulls = new Set<number>();

  /** Starts with nothing to do. */
  constructor(name: string) {
    this.name = name;
  }

  /** Whether the member has all that it must have. */
  get isClear(): boolean {
    return this.owed.size === 0;
  }

  /** Whether there is nothing to do. */
  get isIdle(): boolean {
    return this.isClear && this.urgent.size === 0 && this.wanted.size === 0 && this.underWay.size === 0;
  }

  /** What of it must be offered, unless it is on its way already. */
  owe(id: string) {
    this.owed.add(id);
    if (!this.urgent.has(id) && !this.wanted.has(id)) this.toOffer.add(id);
  }

  /** The member has it, or it does not exist any more. */
  settle(id: string) {
    this.owed.delete(id);
    this.toOffer.delete(id);
    this.urgent.delete(id);
    this.wanted.delete(id);
  }

  /** The view has changed: what is owed is another question now. What is under way may arrive. */
  clear() {
    this.owed.clear();
    this.toOffer.clear();
    this.urgent.clear();
    this.wanted.clear();
    this.offer = undefined;
  }
}
