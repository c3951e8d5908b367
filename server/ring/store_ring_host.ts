/**
 * What the ring asks of the server: pushes made durable, read back, shown and hidden.
 *
 * Whoever takes a push into the ring checks it. Only the owner holds ready what it shows; a standby has the bytes in its store,
 * and reads them back when it becomes the owner.
 *
 * @module
 */

import { Counter } from "prom-client";
import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";
import { plainFields } from "../../common/plain_text.ts";
import type { CommitResult, Entry, StoredEntry } from "../../ring/protocol/effects.ts";
import { madeBytes, type PushBytes } from "../../ring/protocol/push_bytes.ts";
import { compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import type { CommitHow, RingHost } from "../../ring/ring.ts";
import type { ClusterEntry, ExpositionIndex } from "../exposition/exposition_index.ts";
import type { PushContent } from "../ingest/push_content.ts";
import type { MemoryGuard } from "../limits/memory_guard.ts";
import type { PushCommitter } from "../pushes/push_committer.ts";
import { type MemberRefusal, PushRefusal, toMember } from "../pushes/refusal.ts";
import type { StateMerger } from "../remote_write/state_merger.ts";
import type { PushLimiter, Reservation } from "../limits/rate_limit.ts";
import { type PushStore, type StoredPush, StoreUnavailableError } from "../store/push_store.ts";
import { decodePush, encodePush, LocalPush } from "./push_encoding.ts";

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
  /** Merges requests of remote write. @default they are refused */
  readonly states?: StateMerger;
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

/** Where in the store the state of the ring is. */
export const RING_STATE = "ring";

/**
 * By how much a push may be on its way for longer than the one before it, in milliseconds: one that is on time at the member that it
 * came to is on time here.
 */
const RATE_LEEWAY_MS = 2_000;

/** How often the log has a line of pushes that are not of the cluster that they are sent for, in milliseconds. */
const MISPLACED_TOLD_MS = 60_000;

/** How many clusters are read back at a time, when a member inherits many. */
const READERS = 4;

/** After how long a cluster that could not be read back is tried again, in milliseconds. */
const READ_AGAIN_MS = 1_000;

/** How often the log has a line while there is no memory for what should be shown, in milliseconds. */
const NO_ROOM_TOLD_MS = 60_000;

const ROOM = { state: "room" } as const;

/** Serves the ring. Disposing of it ends the reading back. */
export class StoreRingHost implements RingHost, Disposable {
  readonly #options: StoreRingHostOptions;
  /** What is prepared to be shown, by cluster id: of owned clusters alone, from their commit to the word of the ring. */
  readonly #prepared = new Map<
    string,
    { readonly version: PushVersion; readonly entry: ClusterEntry; readonly at: number }
  >();
  /** What shall be shown and must be read back first, by cluster id. */
  readonly #wanted = new Map<string, PushVersion>();
  /** Those of them that nobody reads yet. */
  readonly #unread = new Set<string>();
  /** Clusters that remote-write: what they showed after the last commit, where that was made here. */
  readonly #written = new Map<string, ClusterEntry | undefined>();
  /** What may have to be shown soon, by cluster id: read after all that is to be shown now. */
  readonly #ahead = new Map<string, PushVersion>();
  /** What of that is being read, and what is prepared. */
  readonly #readingAhead = new Set<string>();
  readonly #preparedAhead = new Set<string>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #misplaced: Counter;
  #toldOfMisplacedAt = -Infinity;
  #toldOfNoRoomAt = -Infinity;
  #waitsForRoom = false;
  #readers = 0;

  /** Serves a ring that is about to start. */
  constructor(options: StoreRingHostOptions) {
    this.#options = options;
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
    if (push.role !== "standby" && this.#hasRoomFor(id)) {
      this.#prepare({ version, entry: await this.#options.committer.prepare(push) });
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
    const isDelta = this.#options.states?.isDelta(content) === true;
    const reservation = fresh && !isDelta ? this.#reserve(id, version.ingress) : undefined;
    if (reservation !== undefined && "retryAfterMs" in reservation) {
      return { ok: false, refused: toMember(new PushRefusal("rate", reservation)) };
    }
    using held = reservation;
    try {
      const onCommitted = (entry: ClusterEntry) => {
        if (role === "owner") this.#prepare({ version, entry });
        else this.#options.index.discard(entry);
      };
      let remark: string | undefined;
      if (fresh && (isDelta || this.#written.has(id))) remark = await this.#merge(push, checked);
      else if (fresh) remark = await committer.commit(push, { onChecked: () => checked?.(), onCommitted });
      else {
        // The owner has checked it; what a new owner will show is made ready while the old one still shows it.
        const entry = role === "owner" && this.#hasRoomFor(id) ? await committer.prepare(push) : undefined;
        await store.put(push);
        this.#note(push);
        if (entry !== undefined) this.#prepare({ version, entry });
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
    const push = await this.#options.store.get(id);
    if (push?.version === undefined) return undefined;
    return { id, version: push.version, receivedAtMs: push.receivedAtMs, bytes: encodePush(push) };
  }

  /** Reads back what may have to be shown soon, while there is room for more than is shown. */
  prepare(id: string, version: PushVersion): void {
    const prepared = this.#prepared.get(id);
    if (prepared !== undefined && compareVersions(prepared.version, version) === 0) return;
    this.#ahead.set(id, version);
    if (this.#readers < READERS) void this.#readAll();
  }

  /** Gives up what was read back ahead and is not shown. */
  release(): void {
    this.#ahead.clear();
    for (const id of this.#preparedAhead) this.#discard(id);
    this.#preparedAhead.clear();
  }

  /** Shows what is prepared, or reads it back first. */
  show(id: string, version: PushVersion): void {
    const prepared = this.#prepared.get(id);
    this.#ahead.delete(id);
    if (prepared !== undefined && compareVersions(prepared.version, version) === 0) {
      this.#prepared.delete(id);
      this.#preparedAhead.delete(id);
      this.#wanted.delete(id);
      return this.#replace(prepared.entry);
    }
    this.#wanted.set(id, version);
    // What is being read ahead is shown as soon as it is there.
    if (!this.#readingAhead.has(id)) this.#read(id);
  }

  /** Shows nothing of a cluster any more. */
  hide(id: string): void {
    this.#wanted.delete(id);
    if (this.#written.has(id)) this.#written.set(id, undefined);
    this.#options.index.hide(id);
  }

  /** Writes the ring's state to the store. */
  async save(state: string): Promise<void> {
    await this.#options.store.setMeta(RING_STATE, state);
  }

  /** Drops what was prepared before the time given and never shown, by the clock of `performance.now()`. */
  expire(before: number): void {
    for (const [id, { at }] of this.#prepared) if (at < before) this.#discard(id);
    for (const [id, entry] of this.#written) {
      if (!this.#options.store.has(id)) this.#written.delete(id);
      else if (entry !== undefined && !this.#isAtHand(id, entry)) this.#written.set(id, undefined);
    }
  }

  /** Reads nothing back any more. */
  [Symbol.dispose](): void {
    this.#wanted.clear();
    this.#unread.clear();
    this.#ahead.clear();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /**
   * Merges what came into what its cluster showed, and makes the whole of that durable. Nothing else of the cluster is committed
   * meanwhile.
   */
  async #merge(push: StoredPush, checked?: CommitHow["checked"]): Promise<string | undefined> {
    const { states, store, index } = this.#options;
    const { id, receivedAtMs, version, role } = push;
    using _held = index.hold();
    const state = await states!.merge(push, await this.#shownNow(id));
    try {
      using _room = state.reserve();
      const stored = store.put({ ...state.content, id, receivedAtMs, version, role });
      checked?.(new LocalPush(state.content));
      await stored;
    } catch (error) {
      index.discard(state.entry);
      throw error;
    }
    this.#prepare({ version: version!, entry: state.entry });
    this.#written.set(id, state.entry);
    return state.accepted();
  }

  /** What a cluster showed after its last commit, be it made here or by another member. */
  async #shownNow(id: string): Promise<ClusterEntry | undefined> {
    const latest = this.#written.get(id);
    if (latest !== undefined && this.#isAtHand(id, latest)) return latest;
    const push = await this.#options.store.get(id);
    return push && await this.#options.committer.prepare(push);
  }

  /** Whether an entry is shown, or ready to be: the buffer of any other one may be used for something else. */
  #isAtHand(id: string, entry: ClusterEntry): boolean {
    return this.#prepared.get(id)?.entry === entry || this.#options.index.get(id) === entry;
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
  #reserve(id: string, ingress: string): Reservation | { readonly retryAfterMs: number } | undefined {
    const { name, limiter, elapsed = () => performance.now() } = this.#options;
    return ingress === name ? undefined : limiter.reserve(id, elapsed(), { leewayMs: RATE_LEEWAY_MS });
  }

  /**
   * Shows an entry in place of whatever its cluster shows. The ring orders pushes by their versions: one that was rendered before
   * another may be the newer one, as when an older one is read back while the newer is being stored.
   */
  #replace(entry: ClusterEntry): void {
    this.#options.index.replace(entry);
  }

  #prepare({ version, entry }: { version: PushVersion; entry: ClusterEntry }): void {
    this.#ahead.delete(entry.id);
    this.#discard(entry.id);
    this.#prepared.set(entry.id, { version, entry, at: performance.now() });
  }

  #discard(id: string): void {
    const prepared = this.#prepared.get(id);
    if (prepared === undefined) return;
    this.#prepared.delete(id);
    this.#preparedAhead.delete(id);
    this.#options.index.discard(prepared.entry);
  }

  /** Whether there is memory to hold ready what a cluster shows; in place of what is shown of it there is for longer. */
  #hasRoomFor(id: string): boolean {
    const { memory: { state } = ROOM, index } = this.#options;
    return state === "room" || state === "short" && index.get(id) !== undefined;
  }

  #read(id: string): void {
    this.#unread.add(id);
    if (this.#readers < READERS) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#readers++;
    for (const id of this.#unread) {
      if (!this.#hasRoomFor(id)) {
        this.#readWhenThereIsRoom();
        break;
      }
      this.#unread.delete(id);
      await this.#readOne(id);
    }
    for (const [id, version] of this.#ahead) {
      if (this.#unread.size > 0 || !this.#hasRoomFor(id)) break;
      this.#ahead.delete(id);
      await this.#readAhead(id, version);
    }
    this.#readers--;
    if (this.#unread.size > 0 && !this.#waitsForRoom && this.#readers < READERS) void this.#readAll();
  }

  /** Reads a cluster back and shows it, unless the ring has had it hidden meanwhile, or another version shown. */
  async #readOne(id: string): Promise<void> {
    const version = this.#wanted.get(id);
    if (version === undefined) return;
    const isWanted = () => this.#wanted.get(id) === version;
    const { store, committer, index, log } = this.#options;
    try {
      const push = await store.get(id);
      // Where the store has a newer one, the ring is about to ask for that.
      if (push?.version !== undefined && compareVersions(push.version, version) === 0) {
        const entry = await committer.prepare(push);
        if (isWanted()) this.#replace(entry);
        else index.discard(entry);
      }
      if (isWanted()) this.#wanted.delete(id);
    } catch (error) {
      const isRefused = toMember(error) !== undefined;
      log.warn(
        isRefused
          ? "Left out a stored push, which today's rules refuse"
          : "Cannot read a stored push back, and tries again",
        plainFields({ cluster: id, error: explain(error) }),
      );
      if (isRefused && isWanted()) this.#wanted.delete(id);
      if (isWanted()) this.#readLater(id);
    }
  }

  /** Reads a cluster back that is to be shown soon; if it is by then, at once. What fails is read again once it is to be shown. */
  async #readAhead(id: string, version: PushVersion): Promise<void> {
    const { store, committer, index } = this.#options;
    const isSame = (other: PushVersion | undefined) => other !== undefined && compareVersions(other, version) === 0;
    this.#readingAhead.add(id);
    this.#preparedAhead.add(id);
    try {
      const push = await store.get(id);
      const entry = push !== undefined && isSame(push.version) ? await committer.prepare(push) : undefined;
      this.#readingAhead.delete(id);
      if (entry === undefined) this.#preparedAhead.delete(id);
      else if (isSame(this.#wanted.get(id))) {
        this.#wanted.delete(id);
        this.#replace(entry);
      } else if (this.#preparedAhead.has(id) && !this.#prepared.has(id)) {
        this.#prepared.set(id, { version, entry, at: performance.now() });
      } else index.discard(entry);
    } catch {
      this.#readingAhead.delete(id);
      this.#preparedAhead.delete(id);
    }
    if (this.#wanted.has(id)) this.#read(id);
  }

  #readLater(id: string): void {
    this.#later(() => this.#read(id));
  }

  /** What is wanted stays so: it is shown as soon as there is memory, unless its owner is another by then. */
  #readWhenThereIsRoom(): void {
    if (this.#waitsForRoom) return;
    this.#waitsForRoom = true;
    const now = performance.now();
    if (now - this.#toldOfNoRoomAt >= NO_ROOM_TOLD_MS) {
      this.#toldOfNoRoomAt = now;
      this.#options.log.error(
        "Does not show all clusters that it owns, as memory is short: give it more, raise --limit-memory, or add a server",
        { left: this.#unread.size },
      );
    }
    this.#later(() => {
      this.#waitsForRoom = false;
      if (this.#unread.size > 0 && this.#readers < READERS) void this.#readAll();
    });
  }

  #later(then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, READ_AGAIN_MS);
    this.#timers.add(timer);
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
