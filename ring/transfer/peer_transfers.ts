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

/** After how long it is told that clusters cannot be brought to a member, in milliseconds: views differ for a moment. */
export const STUCK_AFTER_MS = 10_000;
/** How often it is told again, in milliseconds. */
export const STUCK_TOLD_MS = 60_000;

/** What there is to tell of a cluster that cannot be brought to a member. */
export interface StuckTransfer {
  /** The cluster that failed last. */
  readonly cluster: string;
  /** Why. */
  readonly why: string;
  /** How many attempts failed since that was told last. */
  readonly count: number;
  /** For how long there were such, in milliseconds. */
  readonly forMs: number;
}

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

  #trouble: { id: string; readonly since: number; count: number; toldAt: number } | undefined;

  /**
   * A cluster could not be brought there. Returns what to tell of it, where that goes on for long: now and then, and with the number
   * of attempts since that was told last.
   */
  failed(id: string, { why, now }: { why: string; now: number }): StuckTransfer | undefined {
    const trouble = this.#trouble ??= { id, since: now, count: 0, toldAt: -Infinity };
    trouble.id = id;
    trouble.count++;
    const forMs = now - trouble.since;
    if (forMs < STUCK_AFTER_MS || now - trouble.toldAt < STUCK_TOLD_MS) return undefined;
    const { count } = trouble;
    trouble.count = 0;
    trouble.toldAt = now;
    return { cluster: id, why, count, forMs: Math.round(forMs) };
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
    if (this.#trouble?.id === id) this.#trouble = undefined;
    this.owed.delete(id);
    this.toOffer.delete(id);
    this.urgent.delete(id);
    this.wanted.delete(id);
  }

  /** The view has changed: what is owed is another question now. What is under way may arrive. */
  clear() {
    this.#trouble = undefined;
    this.owed.clear();
    this.toOffer.clear();
    this.urgent.clear();
    this.wanted.clear();
    this.offer = undefined;
  }
}
