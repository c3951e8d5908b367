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
import { arrivalVersion, compareVersions, type PushVersion } from "../protocol/push_version.ts";

/** Something to be stored. */
export interface Arrival {
  /** The cluster id. */
  readonly id: string;
  /** Its version. */
  readonly version: PushVersion;
  /** Whether it has just entered the ring, as opposed to a copy of what a member holds. */
  readonly fresh: boolean;
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
  storing: Arrival & { readonly receivedAtMs: number };
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

  /** The store has answered. */
  committed(token: number, { result, clock }: { result: CommitResult; clock: Clock }) {
    const id = this.#tokens.get(token);
    if (id === undefined) return;
    this.#tokens.delete(token);
    const { storing, waiting } = this.#queues.get(id)!;
    this.#queues.delete(id);
    const { version, receivedAtMs, bytes } = storing;
    if (result.ok) {
      const held = this.#table.set({ id, version, receivedAtMs, size: bytes.length }, clock);
      this.#end(storing, { type: "stored", held, remark: result.remark }, clock);
    } else {
      this.#end(
        storing,
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
    const { id, fresh, ageMs, role, bytes } = arrival;
    const held = this.#table.get(id, clock.now);
    const version = fresh
      ? arrivalVersion(arrival.version, { held: held?.version, wallMs: clock.wall })
      : arrival.version;
    const order = held === undefined ? 1 : compareVersions(version, held.version);
    if (order <= 0) return this.#end(arrival, { type: order === 0 ? "dup" : "stale" }, clock);
    const token = ++this.#token;
    const receivedAtMs = clock.wall - ageMs;
    this.#tokens.set(token, id);
    this.#queues.set(id, { storing: { ...arrival, version, receivedAtMs }, waiting: [] });
    this.#context.emit({ do: "commit", token, role, fresh, entry: { id, version, receivedAtMs, bytes } });
  }

  #end(arrival: Arrival, result: SerializedCommit, clock: Clock) {
    this.#bytes -= arrival.bytes.length;
    arrival.done(result, clock);
  }
}
