/**
 * What a member holds: of each cluster the version, the age and where it belongs, but not the bytes, which are the store's.
 *
 * @module
 */

import type { Clock, StoredEntry } from "../protocol/effects.ts";
import type { PushVersion } from "../protocol/push_version.ts";
import { type Hash64, keyHash } from "../placement/rendezvous.ts";
import type { RingView } from "../placement/view.ts";

/** What is held of one cluster. */
export interface HeldEntry {
  /** The cluster id. */
  readonly id: string;
  /** Its hash, by which it is placed. */
  readonly key: Hash64;
  /** The version. */
  readonly version: PushVersion;
  /** When it was received, by the clock of the events: a jump of the wall clock makes nothing older or younger. */
  readonly receivedAt: number;
  /** How many bytes it has. */
  readonly size: number;
  /** Who owns it by the present view. */
  owner?: string;
  /** Who stands by. */
  standby?: string;
  /** Whether the page shows it. */
  shown: boolean;
  /** When the version that it shows was received, which may be an older one. */
  shownFrom: number;
  /** That version. */
  shownVersion?: PushVersion;
  /** Whether the owner, being another member, may lack this version. */
  unconfirmed: boolean;
  /** Whether another member is known to have this version, or none needs to. */
  isCopied: boolean;
}

/** Keeps what is held, and places it by the present view. */
export class EntryTable implements Iterable<HeldEntry> {
  readonly #ttlMs: number;
  readonly #held = new Map<string, HeldEntry>();
  /** No entry was received before that, in milliseconds of the ring's clock. */
  #oldestAt = Infinity;
  #view: RingView;

  /** Starts empty. */
  constructor({ ttlMs, view }: { ttlMs: number; view: RingView }) {
    this.#ttlMs = ttlMs;
    this.#view = view;
  }

  /** How many clusters are held. */
  get size(): number {
    return this.#held.size;
  }

  /** Everything that is held, and perhaps expired since the last {@linkcode EntryTable.expire}. */
  [Symbol.iterator](): IterableIterator<HeldEntry> {
    return this.#held.values();
  }

  /** What is held of a cluster, unless it is expired. */
  get(id: string, now: number): HeldEntry | undefined {
    const held = this.#held.get(id);
    return held === undefined || this.isExpired(held, now) ? undefined : held;
  }

  /** The hash of a cluster's id, by which it is placed, whether or not anything is held of it. */
  keyOf(id: string): Hash64 {
    return this.#held.get(id)?.key ?? keyHash(id);
  }

  /** Whether an entry has reached the end of its time. A copy of it does not count as held either. */
  isExpired({ receivedAt }: Pick<HeldEntry, "receivedAt">, now: number): boolean {
    return now - receivedAt >= this.#ttlMs;
  }

  /** For how long an entry still holds, in milliseconds. */
  restMs({ receivedAt }: Pick<HeldEntry, "receivedAt">, now: number): number {
    return this.#ttlMs - (now - receivedAt);
  }

  /** Takes in what the store holds now. A cluster that is shown stays shown, with the new version. */
  set(entry: StoredEntry, { now, wall }: Clock): HeldEntry {
    const { id, version, size } = entry;
    const known = this.#held.get(id);
    const key = this.keyOf(id);
    const held: HeldEntry = {
      id,
      key,
      version,
      receivedAt: now - Math.max(0, wall - entry.receivedAtMs),
      size,
      ...this.#view.place(key),
      shown: known?.shown ?? false,
      shownFrom: known?.shownFrom ?? -Infinity,
      shownVersion: known?.shownVersion,
      unconfirmed: true,
      isCopied: false,
    };
    this.#held.set(id, held);
    this.#oldestAt = Math.min(this.#oldestAt, held.receivedAt);
    return held;
  }

  /**
   * Places everything by another view. What has come to another owner than before, or to the same one in another stay in the ring,
   * is unconfirmed.
   */
  place(view: RingView) {
    const before = this.#view;
    this.#view = view;
    for (const held of this.#held.values()) {
      const owner = held.owner;
      held.owner = held.standby = undefined;
      Object.assign(held, view.place(held.key));
      const isSame = held.owner === owner && (owner === undefined || before.sinceOf(owner) === view.sinceOf(owner));
      if (!isSame) held.unconfirmed = true;
    }
  }

  /** Removes and returns what is expired. It looks at all only where something may be. */
  expire(now: number): HeldEntry[] {
    if (!this.isExpired({ receivedAt: this.#oldestAt }, now)) return [];
    const expired: HeldEntry[] = [];
    this.#oldestAt = Infinity;
    for (const held of this.#held.values()) {
      if (this.isExpired(held, now)) expired.push(held);
      else this.#oldestAt = Math.min(this.#oldestAt, held.receivedAt);
    }
    for (const { id } of expired) this.#held.delete(id);
    return expired;
  }
}
