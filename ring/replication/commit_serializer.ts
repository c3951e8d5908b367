/**
 * Makes pushes and copies durable, one after the other for each cluster, and only what is newer than what is held.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { Clock, CommitResult } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "./entry_table.ts";
import type { Role } from "../protocol/messages.ts";
import type { PushBytes } from "../protocol/push_bytes.ts";
import {
  arrivalOf,
  compareVersions,
  nextVersion,
  type PushOrigin,
  type PushVersion,
} from "../protocol/push_version.ts";

/** Something to be stored: a push, which gets its version here, or a copy of what another member holds. */
export type Arrival = ArrivedBytes & (ArrivedPush | ArrivedCopy);

/** A push that has just entered the ring. */
export interface ArrivedPush {
  /** Which one it is. */
  readonly origin: PushOrigin;
  /** Told once it was found good, if it was, before it is durable: which one it is, and what others are to keep. */
  readonly checked: (found: { readonly version: PushVersion; readonly bytes: PushBytes }, clock: Clock) => void;
}

/** A copy. */
export interface ArrivedCopy {
  /** Its version. */
  readonly version: PushVersion;
}

/** What pushes and copies have in common. */
export interface ArrivedBytes {
  /** The cluster id. */
  readonly id: string;
  /** How old it is. */
  readonly ageMs: number;
  /** What this member is for the cluster. */
  readonly role: Role;
  /** The push. */
  readonly bytes: PushBytes;
  /** Told once, with the time of the answer; `held` only if the entry was stored. */
  readonly done: (result: SerializedCommit, clock: Clock) => void;
}

/** What became of an arrival; the first three mean that it, or something newer, is durable. */
export type SerializedCommit =
  | { readonly type: "stored"; readonly held: HeldEntry; readonly remark?: string }
  | { readonly type: "dup" | "stale" }
  | { readonly type: "busy" | "failed" }
  | { readonly type: "refused"; readonly reason: string; readonly detail: string };

/** How many arrivals of one cluster may wait for the one that is being stored. */
export const MAX_WAITING = 8;

interface ClusterQueue {
  /** The arrival whose commit is under way. */
  storing: { readonly arrival: Arrival; readonly version: PushVersion; readonly receivedAtMs: number };
  readonly waiting: Arrival[];
}

/** Stores arrivals. */
export class CommitSerializer {
  readonly #context: RingContext;
  readonly #table: EntryTable;
  readonly #queues = new Map<string, ClusterQueue>();
  readonly #tokens = new Map<number, string>();
  #token = 0;
  #bytes = 0;

  /** Starts with nothing under way. */
  constructor(context: RingContext, { table }: { table: EntryTable }) {
    this.#context = context;
    this.#table = table;
  }

  /** Bytes that wait for the store. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Takes an arrival. Its `done` may be called before this returns. */
  take(arrival: Arrival, clock: Clock): void {
    const queue = this.#queues.get(arrival.id);
    const { pendingBytes } = this.#context.limits;
    const isFull = this.#bytes + arrival.bytes.length > pendingBytes && this.#bytes > 0;
    if (isFull || (queue?.waiting.length ?? 0) >= MAX_WAITING) return arrival.done({ type: "busy" }, clock);
    this.#bytes += arrival.bytes.length;
    if (queue === undefined) this.#store(arrival, clock);
    // What is being stored may fail: whether an arrival is newer than what is held shows only then.
    else queue.waiting.push(arrival);
  }

  /** A push whose commit is under way was found good; `kept` is what is stored of it, if that is not what came. */
  checked(token: number, clock: Clock, { kept }: { kept?: PushBytes } = {}) {
    const storing = this.#queues.get(this.#tokens.get(token) ?? "")?.storing;
    if (storing === undefined || !("checked" in storing.arrival)) return;
    const { arrival, version } = storing;
    arrival.checked({ version, bytes: kept ?? arrival.bytes }, clock);
  }

  /** The store has answered. */
  committed(token: number, { result, clock }: { result: CommitResult; clock: Clock }) {
    const id = this.#tokens.get(token);
    if (id === undefined) return;
    this.#tokens.delete(token);
    const { storing, waiting } = this.#queues.get(id)!;
    this.#queues.delete(id);
    const { arrival, version, receivedAtMs } = storing;
    if (result.ok) {
      const held = this.#table.set({ id, version, receivedAtMs, size: arrival.bytes.length }, clock);
      this.#end(arrival, { type: "stored", held, remark: result.remark }, clock);
    } else {
      this.#end(
        arrival,
        result.refused === undefined ? { type: "failed" } : { type: "refused", ...result.refused },
        clock,
      );
    }
    for (const next of waiting) {
      const queue = this.#queues.get(id);
      if (queue === undefined) this.#store(next, clock);
      else queue.waiting.push(next);
    }
  }

  #store(arrival: Arrival, clock: Clock) {
    const { id, ageMs, role, bytes } = arrival;
    const held = this.#table.get(id, clock.now)?.version;
    const fresh = "origin" in arrival;
    const kind = fresh ? arrivalOf(arrival.origin, held) : kindOfCopy(arrival.version, held);
    if (kind !== "new") return this.#end(arrival, { type: kind }, clock);
    const version = fresh
      ? nextVersion(arrival.origin, { held, epoch: this.#context.epoch(), wallMs: clock.wall })
      : arrival.version;
    const token = ++this.#token;
    const receivedAtMs = clock.wall - ageMs;
    this.#tokens.set(token, id);
    this.#queues.set(id, { storing: { arrival, version, receivedAtMs }, waiting: [] });
    this.#context.emit({ do: "commit", token, role, fresh, entry: { id, version, receivedAtMs, bytes } });
  }

  #end(arrival: Arrival, result: SerializedCommit, clock: Clock) {
    this.#bytes -= arrival.bytes.length;
    arrival.done(result, clock);
  }
}

function kindOfCopy(version: PushVersion, held: PushVersion | undefined): "new" | "dup" | "stale" {
  const order = held === undefined ? 1 : compareVersions(version, held);
  return order > 0 ? "new" : order === 0 ? "dup" : "stale";
}
