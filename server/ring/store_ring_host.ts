/**
 * What the ring asks of the server: pushes made durable, read back, shown and hidden.
 *
 * Whoever takes a push into the ring checks it. Only the owner holds ready what it shows; a standby has the bytes in its store,
 * and {@linkcode ReadyEntries} read them back when it becomes the owner.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";
import { plainFields } from "../../common/plain_text.ts";
import type { CommitResult, Entry, StoredEntry } from "../../ring/protocol/effects.ts";
import { madeBytes, type PushBytes } from "../../ring/protocol/push_bytes.ts";
import type { PushVersion } from "../../ring/protocol/push_version.ts";
import type { CommitHow, RingHost } from "../../ring/ring.ts";
import type { ClusterEntry, ExpositionIndex } from "../exposition/exposition_index.ts";
import type { PushContent } from "../ingest/push_content.ts";
import type { MemoryGuard } from "../limits/memory_guard.ts";
import type { PushCommitter } from "../pushes/push_committer.ts";
import { type MemberRefusal, PushRefusal, toMember } from "../pushes/refusal.ts";
import type { StateMerger } from "../remote_write/state_merger.ts";
import type { PushLimiter, Reservation, TooEarly } from "../limits/rate_limit.ts";
import { RING_STATE } from "../store/layout.ts";
import { type PushStore, type StoredPush, StoreUnavailableError } from "../store/push_store.ts";
import { decodePush, encodePush, LocalPush } from "./push_encoding.ts";
import { ReadyEntries } from "./ready_entries.ts";

/** What a {@linkcode StoreRingHost} works with. */
export interface StoreRingHostOptions {
  /** The name of this member. */
  readonly name: string;
  /** The label of a token that says which cluster it is of. */
  readonly partitionLabel: string;
  /** Checks pushes and makes them durable. */
  readonly committer: Pick<PushCommitter, "commit" | "prepare">;
  /** Where they are. */
  readonly store: Pick<PushStore, "put" | "get" | "has" | "setMeta">;
  /** Merges requests of remote write. */
  readonly states: Pick<StateMerger, "isDelta" | "merge">;
  /** Where they are shown. */
  readonly index: ExpositionIndex;
  /** Holds clusters to their rate whichever member they push to. */
  readonly limiter: PushLimiter;
  /** The clock of the limiter, in milliseconds. @default {() => performance.now()} */
  readonly elapsed?: () => number;
  /** What there is memory for. @default everything */
  readonly memory?: Pick<MemoryGuard, "state">;
  /** Where the counters are registered. */
  readonly registry: Registry;
  /** Told of what cannot be shown. */
  readonly log: Logger;
}

/**
 * By how much a push may be on its way for longer than the one before it, in milliseconds: one that is on time at the member that it
 * came to is on time here.
 */
const RATE_LEEWAY_MS = 2_000;

/** How often the log has a line of pushes that are not of the cluster that they are sent for, in milliseconds. */
const MISPLACED_TOLD_MS = 60_000;

/** Serves the ring. Disposing of it ends the reading back. */
export class StoreRingHost implements RingHost, Disposable {
  readonly #options: StoreRingHostOptions;
  readonly #ready: ReadyEntries;
  /** Clusters that remote-write: what they showed after the last commit, where that was made here. */
  readonly #written = new Map<string, ClusterEntry | undefined>();
  /** Clusters whose push is in the store since before this was a ring, and without a version: the one that it was given here. */
  readonly #given = new Map<string, PushVersion>();
  readonly #misplaced: Counter;
  #toldOfMisplacedAt = -Infinity;

  /** Serves a ring that is about to start. */
  constructor(options: StoreRingHostOptions) {
    this.#options = options;
    this.#ready = new ReadyEntries({ ...options, store: { get: (id) => this.#stored(id) } });
    this.#misplaced = new Counter({
      name: "telemeter_ring_misplaced_pushes_total",
      help: "Pushes and copies of other members that are refused as the labels of their token are of another cluster",
      registers: [options.registry],
    });
  }

  /**
   * Takes in what the store held when the server started, and says what the ring has to know of it. What the server owned
   * then it most likely owns again, so that is prepared.
   */
  async restore(push: StoredPush): Promise<StoredEntry> {
    const { id, receivedAtMs } = push;
    this.#note(push);
    const version = push.version ?? { epoch: 0, ms: receivedAtMs, ingress: this.#options.name, sequence: 0 };
    if (push.version === undefined) this.#given.set(id, version);
    if (push.role !== "standby" && this.#ready.hasRoomFor(id)) {
      this.#ready.add({ version, entry: await this.#options.committer.prepare(push) });
    }
    return { id, version, receivedAtMs, size: push.body.length };
  }

  /** Checks what nobody has checked, and makes it durable. */
  async commit(
    { id, version, receivedAtMs, bytes }: Entry,
    { role, fresh, checked }: CommitHow,
  ): Promise<CommitResult> {
    const { committer, store, partitionLabel } = this.#options;
    const content = tryToRead(bytes);
    if (content instanceof SyntaxError) {
      return {
        ok: false,
        refused: toMember(new PushRefusal("invalid", { reason: "malformed", message: content.message })),
      };
    }
    const claims = content.labels.get(partitionLabel);
    if (claims !== id) return { ok: false, refused: this.#misplacedPush({ id, claims, ingress: version.ingress }) };
    // Of what has only just come nobody vouches that a member showed it.
    const push: StoredPush = { ...content, ...fresh ? { through: undefined } : {}, id, receivedAtMs, version, role };
    const isDelta = this.#options.states.isDelta(content);
    const reservation = fresh && !isDelta ? this.#reserve(id, version.ingress) : undefined;
    if (reservation !== undefined && "retryAfterMs" in reservation) {
      return { ok: false, refused: toMember(new PushRefusal(reservation.kind, reservation)) };
    }
    using held = reservation;
    try {
      const onCommitted = (entry: ClusterEntry) => {
        if (role === "owner") this.#ready.add({ version, entry });
        else this.#options.index.discard(entry);
      };
      let remark: string | undefined;
      if (fresh && (isDelta || this.#written.has(id))) remark = await this.#merge(push, checked);
      else if (fresh) remark = await committer.commit(push, { onChecked: () => checked?.(), onCommitted });
      else {
        // The owner has checked it; what a new owner will show is made ready while the old one still shows it.
        const entry = role === "owner" && this.#ready.hasRoomFor(id) ? await committer.prepare(push) : undefined;
        await store.put(push);
        this.#note(push);
        if (entry !== undefined) this.#ready.add({ version, entry });
      }
      held?.commit();
      return remark === undefined ? { ok: true } : { ok: true, remark };
    } catch (error) {
      const refused = toMember(error);
      if (refused !== undefined) held?.refuse();
      // What else there is the ring logs, but for the store, which does so itself.
      else if (!(error instanceof StoreUnavailableError)) throw error;
      return { ok: false, refused };
    }
  }

  /** Reads what a peer should have. */
  async load(id: string): Promise<Entry | undefined> {
    const push = await this.#stored(id);
    if (push?.version === undefined) return undefined;
    return { id, version: push.version, receivedAtMs: push.receivedAtMs, bytes: encodePush(push) };
  }

  /** Reads back what may have to be shown soon, while there is room for more than is shown. */
  prepare(id: string, version: PushVersion): void {
    this.#ready.readAhead(id, version);
  }

  /** Gives up what was read back ahead and is not shown. */
  release(): void {
    this.#ready.release();
  }

  /** Shows what is ready, or reads it back first. */
  show(id: string, version: PushVersion): void {
    this.#ready.show(id, version);
  }

  /** Shows nothing of a cluster any more. */
  hide(id: string): void {
    if (this.#written.has(id)) this.#written.set(id, undefined);
    this.#ready.hide(id);
  }

  /** Writes the ring's state to the store. */
  async save(state: string): Promise<void> {
    await this.#options.store.setMeta(RING_STATE, state);
  }

  /** Drops what was prepared before the time given and never shown, by the clock of `performance.now()`. */
  expire(before: number): void {
    this.#ready.expire(before);
    for (const id of this.#given.keys()) if (!this.#options.store.has(id)) this.#given.delete(id);
    for (const [id, entry] of this.#written) {
      if (!this.#options.store.has(id)) this.#written.delete(id);
      else if (entry !== undefined && !this.#ready.isAtHand(id, entry)) this.#written.set(id, undefined);
    }
  }

  /** Reads nothing back any more. */
  [Symbol.dispose](): void {
    this.#ready[Symbol.dispose]();
  }

  /**
   * Merges what came into what its cluster showed, and makes the whole of that durable. Nothing else of the cluster is committed
   * meanwhile.
   */
  async #merge(push: StoredPush, checked?: CommitHow["checked"]): Promise<string | undefined> {
    const { states, store, index } = this.#options;
    const { id, receivedAtMs, version, role } = push;
    using _held = index.hold();
    const state = await states.merge(push, await this.#shownNow(id));
    try {
      using _room = state.reserve();
      const stored = store.put({ ...state.content, id, receivedAtMs, version, role });
      checked?.(new LocalPush(state.content));
      await stored;
    } catch (error) {
      index.discard(state.entry);
      throw error;
    }
    this.#ready.add({ version: version!, entry: state.entry });
    this.#written.set(id, state.entry);
    return state.accepted();
  }

  /** What a cluster showed after its last commit, be it made here or by another member. */
  async #shownNow(id: string): Promise<ClusterEntry | undefined> {
    const latest = this.#written.get(id);
    if (latest !== undefined && this.#ready.isAtHand(id, latest)) return latest;
    const push = await this.#stored(id);
    return push && await this.#options.committer.prepare(push);
  }

  /** Reads what the store has of a cluster, under the version by which the ring knows it. */
  async #stored(id: string): Promise<StoredPush | undefined> {
    const push = await this.#options.store.get(id);
    const given = this.#given.get(id);
    if (push === undefined || given === undefined) return push;
    if (push.version === undefined) return { ...push, version: given };
    this.#given.delete(id);
    return push;
  }

  /** Notes what is stored of a cluster and was not merged here. */
  #note({ id, through }: StoredPush): void {
    if (through === undefined) this.#written.delete(id);
    else this.#written.set(id, undefined);
  }

  /** Its ingress has vouched for another cluster than the one that it would be shown as. */
  #misplacedPush(fields: { id: string; claims: string | undefined; ingress: string }): MemberRefusal | undefined {
    this.#misplaced.inc();
    const { id: cluster, claims, ingress } = fields, now = performance.now();
    if (now - this.#toldOfMisplacedAt >= MISPLACED_TOLD_MS) {
      this.#toldOfMisplacedAt = now;
      this.#options.log.warn(
        "Refused a push of a member, whose token is of another cluster: run the same version and --partition-label on all",
        plainFields({ cluster, claims, ingress }),
      );
    }
    const message = "Cannot accept the push: the labels of its token are not of the cluster that it is sent for";
    return toMember(new PushRefusal("invalid", { reason: "identity", message }));
  }

  /** Asks the rate limit on behalf of a client of another member; by the clock of this one, as clocks of two may be apart. */
  #reserve(id: string, ingress: string): Reservation | TooEarly | undefined {
    const { name, limiter, elapsed = () => performance.now() } = this.#options;
    return ingress === name ? undefined : limiter.reserve(id, elapsed(), { leewayMs: RATE_LEEWAY_MS });
  }
}

/** A push of our own is there as it is, one of another member is decoded; or what is wrong with it. */
function tryToRead(bytes: PushBytes): PushContent | SyntaxError {
  if (bytes instanceof LocalPush) return bytes.content;
  try {
    return decodePush(madeBytes(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return error;
    throw error;
  }
}
