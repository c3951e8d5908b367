/**
 * Clusters of which deltas come: each has a log of them in the store beside its push, and what the log adds to that is merged into
 * what the cluster shows before somebody reads it.
 *
 * Once the log outgrows what it is about, what the cluster shows takes the place of both. A restart shows the push, and then
 * every delta of the log in its order, which comes to what was shown before.
 *
 * @module
 */

import { concatenate } from "../../common/concatenate.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import type { MetricType } from "../../common/exposition/metric_family.ts";
import type { Block } from "../../common/ingest/ingested_push.ts";
import { LineTranscoder } from "../../common/exposition/line_transcoder.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { messageOf } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { plainFields } from "../../common/plain_text.ts";
import { entryFamilies } from "../exposition/entry_families.ts";
import { type ClusterEntry, type EntryContent, type ExpositionIndex, toEntry } from "../exposition/exposition_index.ts";
import { type Capacity, CapacityError } from "../limits/capacity.ts";
import type { EventLoopShare } from "../limits/event_loop_share.ts";
import { type PushStore, type StoredPush, StoreUnavailableError } from "../store/push_store.ts";
import type { PushVersion } from "../../ring/protocol/push_version.ts";
import type { Delta, SizedDelta } from "./delta.ts";
import { EndTimes } from "./end_times.ts";
import { type MergeOptions, Merger } from "./merge.ts";
import type { Lines } from "./merged_content.ts";
import { newTypesOf } from "./new_types.ts";
import { pastLimit, type SeriesLimitOptions } from "./series_limit.ts";

/** What {@linkcode ClusterLogs} work with. */
export interface ClusterLogsOptions {
  /** Where the logs are. */
  readonly store: Pick<PushStore, "append" | "compact" | "logOf" | "has">;
  /** Where clusters are shown. */
  readonly index: ExpositionIndex;
  /** How much all clusters together may take. */
  readonly capacity: Capacity;
  /** Shares the event loop with those who have more urgent work. */
  readonly share: EventLoopShare;
  /** The most series of one cluster. */
  readonly maxSeries: () => number;
  /** How long a sample is shown, in milliseconds. */
  readonly ttlMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of what cannot be compacted. */
  readonly log: Logger;
  /** The version of what came at a time, where the store is of a ring that this server is no member of now. @default none */
  readonly versionApart?: (receivedAtMs: number) => PushVersion;
}

/**
 * How much of what a cluster shows its deltas may come to before they are merged, as a share of that, and in bytes besides: a merge
 * reads all that is shown, however little it changes.
 */
const WAITING_SHARE = 1 / 8, WAITING_BYTES = 4_096;

/** How long the log of a cluster may become, in bytes, and in terms of the push that it follows. */
const LOG_BYTES = 16_384, LOG_SHARE = 2;

/** Logs that give way at a time: most of what that takes is waiting for a commit, which those share that wait together. */
const MAX_COMPACTIONS = 4;

/** Bytes of families that are written before others get their turn, which takes some 2 ms. */
const WRITTEN_BYTES_A_TURN = 262_144;

/** What a snapshot of a cluster holds that shows nothing: a push without a family would be none. */
export const NOTHING_SHOWN: Uint8Array = encodeFamilies([{ name: "none", type: "untyped", metrics: [] }]);

interface State {
  /** The number of the next delta. */
  next: number;
  /** Numbers of deltas that are not shown yet, in ascending order, with their series. */
  readonly arriving: Map<number, SizedDelta>;
  /** Deltas that are to be merged into what is shown. */
  waiting: SizedDelta[];
  waitingBytes: number;
  waitingSeries: number;
  /** When the last delta came, in milliseconds since the epoch. */
  receivedAtMs: number;
  labels: ReadonlyMap<string, string>;
  isCompacting: boolean;
}

/** The logs of all clusters that have one. */
export class ClusterLogs {
  readonly #options: ClusterLogsOptions;
  readonly #states = new Map<string, State>();
  readonly #merger = new Merger();
  readonly #ends = new EndTimes();
  /** Of all compactions: it keeps nothing from one part to the next. */
  readonly #transcoder = new LineTranscoder();
  /** Clusters whose logs are too long, those for longest first. */
  readonly #long = new Map<string, State>();
  #compactions = 0;

  /** Starts without any. */
  constructor(options: ClusterLogsOptions) {
    this.#options = options;
  }

  /**
   * By what a delta is to be limited, where it may take its cluster past the limit on series: what the cluster shows once all that
   * is under way is durable. Undefined where the cluster is sure to stay within the limit.
   */
  limitOf(id: string, delta: SizedDelta): SeriesLimitOptions | undefined {
    const { index, now, ttlMs } = this.#options;
    const maxSeries = this.#options.maxSeries();
    const state = this.#states.get(id);
    if (this.#atMost(id, { state, delta }).series <= maxSeries) return undefined;
    // Those that end make room, and so may native histograms in place of those that a push brought with classic buckets.
    const mayMakeRoom = ({ ended, values }: SizedDelta) => ended !== undefined || values.natives.length > 0;
    if (state?.waiting.some(mayMakeRoom)) this.#settle(id, state);
    const entry = index.get(id);
    const shown: Lines[] = entry === undefined ? [] : [entry];
    for (const { values } of [...state?.waiting ?? [], ...state?.arriving.values() ?? []]) shown.push(values);
    return { shown, maxSeries, oldestMs: now() - ttlMs };
  }

  /**
   * Appends to the log of a cluster, which it starts if need be. Resolves once that is durable and shown.
   *
   * @throws {CapacityError} if there is no room for it, before anything is written.
   * @throws {StoreUnavailableError} if it cannot be written now.
   */
  append(push: StoredPush, delta: SizedDelta): Promise<void> {
    const { id } = push;
    const state = this.#states.get(id) ?? this.#newState(push);
    const room = this.#reserve(id, { state, delta });
    this.#states.set(id, state);
    return this.#write(push, { state, delta }).finally(() => room[Symbol.dispose]());
  }

  /**
   * Takes a push of a cluster that has a log: one more delta, for which there is room already.
   *
   * @throws {LimitError} if the cluster would have more series by it than it may, and than it has.
   */
  push(push: StoredPush, entry: ClusterEntry): Promise<void> | undefined {
    const { id } = push;
    let state = this.#states.get(id);
    if (state === undefined) {
      // One that had given way to what the cluster showed when the server started.
      if (this.#options.store.logOf(id) === undefined) return undefined;
      this.#states.set(id, state = this.#newState(push));
    }
    const delta = { values: entry, bytes: entry.bytes, series: entry.series };
    this.#mustFit(id, { state, delta });
    return this.#write(push, { state, delta });
  }

  /** Takes a delta that is in the store already. */
  restore(push: StoredPush & { readonly number: number }, delta: SizedDelta | undefined): void {
    const state = this.#states.get(push.id) ?? this.#newState(push);
    this.#states.set(push.id, state);
    state.next = Math.max(state.next, push.number + 1);
    if (delta !== undefined) this.#show(push, { state, delta });
  }

  /** The types that are not known yet of metrics that a cluster shows, or is about to. */
  newTypes(
    id: string,
    { types, blocks }: { types: ReadonlyMap<string, MetricType>; blocks: readonly Block[] },
  ): ReadonlyMap<string, MetricType> {
    if (types.size === 0) return types;
    const { waiting = [], arriving = new Map<number, SizedDelta>() } = this.#states.get(id) ?? {};
    const shown = [this.#options.index.get(id)?.blocks ?? [], blocks];
    for (const { values } of [...waiting, ...arriving.values()]) shown.push(values.blocks);
    return newTypesOf(types, shown);
  }

  /** Forgets the logs of clusters that show nothing any more and have nothing in the store. */
  tidy(): void {
    const { index, store, now, ttlMs } = this.#options;
    this.#ends.expire(now() - ttlMs);
    for (const [id, state] of this.#states) {
      const { arriving, waiting, receivedAtMs } = state;
      // Nothing that waits for readers outlives what it brought.
      if (waiting.length > 0 && now() - receivedAtMs > ttlMs) this.#settle(id, state);
      const isInUse = arriving.size > 0 || state.waiting.length > 0 || index.get(id) !== undefined || store.has(id);
      if (!isInUse) this.#states.delete(id);
    }
  }

  #newState({ id, receivedAtMs, labels }: StoredPush): State {
    const next = this.#options.store.logOf(id)?.next ?? 1;
    return {
      next,
      arriving: new Map(),
      waiting: [],
      waitingBytes: 0,
      waitingSeries: 0,
      receivedAtMs,
      labels,
      isCompacting: false,
    };
  }

  /** What a cluster comes to at most with one more delta. */
  #atMost(
    id: string,
    { state, delta }: { state: State | undefined; delta: SizedDelta },
  ): Pick<ClusterEntry, "series" | "bytes"> {
    const before = this.#options.index.get(id);
    const { waitingSeries = 0, waitingBytes = 0 } = state ?? {};
    let series = (before?.series ?? 0) + waitingSeries + delta.series;
    let bytes = (before?.bytes ?? 0) + waitingBytes + delta.bytes;
    for (const arriving of state?.arriving.values() ?? []) {
      series += arriving.series;
      bytes += arriving.bytes;
    }
    return { series, bytes };
  }

  /** Makes room for what a delta may add. Only where that seems to be too much it is worked out what it does add. */
  #reserve(id: string, { state, delta }: { state: State; delta: SizedDelta }): Disposable {
    const { capacity } = this.#options;
    try {
      return capacity.reserve({ id, ...this.#atMost(id, { state, delta }) });
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
    }
    const deltas = [...state.waiting, ...state.arriving.values(), delta];
    return capacity.reserve(this.#entryOf(id, { state, content: this.#merge(id, deltas) }));
  }

  /** Only where a delta may be too much it is worked out what its cluster comes to. */
  #mustFit(id: string, { state, delta }: { state: State; delta: SizedDelta }) {
    const maxSeries = this.#options.maxSeries();
    if (this.#atMost(id, { state, delta }).series <= maxSeries) return;
    const before = [...state.waiting, ...state.arriving.values()];
    const { series } = this.#merge(id, [...before, delta]);
    if (series > maxSeries && series > this.#merge(id, before).series) throw pastLimit({ series, maxSeries });
  }

  async #write(push: StoredPush, { state, delta }: { state: State; delta: SizedDelta }): Promise<void> {
    const number = state.next++;
    state.arriving.set(number, delta);
    try {
      await this.#options.store.append({ ...push, number });
      this.#show(push, { state, delta });
    } finally {
      state.arriving.delete(number);
    }
    this.#compactIfLong(push.id, state);
  }

  #show({ id, receivedAtMs, labels }: StoredPush, { state, delta }: { state: State; delta: SizedDelta }) {
    const { index } = this.#options;
    state.waiting.push(delta);
    state.waitingBytes += delta.bytes;
    state.waitingSeries += delta.series;
    state.receivedAtMs = Math.max(state.receivedAtMs, receivedAtMs);
    state.labels = labels;
    const most = WAITING_SHARE * (index.get(id)?.bytes ?? 0) + WAITING_BYTES;
    if (state.waitingBytes > most || (delta.types?.size ?? 0) > 0) this.#settle(id, state);
    else index.postpone(id, { bytes: state.waitingBytes, settle: () => this.#settle(id, state) });
  }

  /** Merges what waits for it. */
  #settle(id: string, state: State) {
    const { index } = this.#options;
    const content = this.#merge(id, state.waiting, (bytes) => index.spare(bytes));
    for (const { ended } of state.waiting) if (ended !== undefined) this.#ends.learn(id, ended);
    state.waiting = [];
    state.waitingBytes = 0;
    state.waitingSeries = 0;
    index.show(this.#entryOf(id, { state, content }));
  }

  #merge(id: string, deltas: readonly Delta[], spare?: MergeOptions["spare"]): EntryContent {
    const { index, now, ttlMs } = this.#options;
    return this.#merger.merge(index.get(id), deltas, { oldestMs: now() - ttlMs, endedAt: this.#ends.of(id), spare });
  }

  #entryOf(id: string, { state, content }: { state: State; content: EntryContent }): ClusterEntry {
    // It stands in place of what it was merged into.
    const sequence = this.#options.index.get(id)?.sequence ?? 0;
    return toEntry(content, { id, sequence, receivedAtMs: state.receivedAtMs });
  }

  #compactIfLong(id: string, state: State) {
    const log = this.#options.store.logOf(id);
    if (log === undefined || state.isCompacting || log.bytes <= Math.max(LOG_BYTES, LOG_SHARE * log.pushBytes)) return;
    state.isCompacting = true;
    this.#long.set(id, state);
    if (this.#compactions < MAX_COMPACTIONS) void this.#compactAll();
  }

  /** Compacts one log after the other until none is too long. */
  async #compactAll(): Promise<void> {
    this.#compactions++;
    for (const [id, state] of this.#long) {
      this.#long.delete(id);
      await this.#compact(id, state);
      state.isCompacting = false;
    }
    this.#compactions--;
  }

  /** Puts what a cluster shows in place of its push and of all deltas that are shown. */
  async #compact(id: string, state: State): Promise<void> {
    const { index, store, log, share, versionApart } = this.#options;
    try {
      const entry = index.current(id);
      if (entry === undefined) return;
      const [through = state.next] = state.arriving.keys();
      const { receivedAtMs, labels } = state;
      const push = { id, receivedAtMs, labels, version: versionApart?.(receivedAtMs) };
      const parts: Uint8Array[] = [];
      {
        using _held = index.hold();
        const families = entryFamilies(entry, this.#transcoder);
        for (let isDone = false; !isDone;) isDone = await share.take(() => take(families, parts));
      }
      const raw = parts.length === 0 ? NOTHING_SHOWN : concatenate(parts);
      const body = await share.take(() => frameSnappy(raw));
      await store.compact({ ...push, contentType: "protobuf", contentEncoding: "snappy", through, body });
    } catch (error) {
      // The store says so itself, and the next delta tries again.
      if (error instanceof StoreUnavailableError) return;
      log.error(
        "Cannot put what a cluster shows in place of the requests that led to it: its log grows until it can",
        plainFields({ cluster: id, error: messageOf(error) }),
      );
    }
  }
}

/** Takes so many parts as make a turn; whether those were the last. */
function take(families: Generator<Uint8Array>, parts: Uint8Array[]): boolean {
  for (let bytes = 0; bytes < WRITTEN_BYTES_A_TURN;) {
    const { done, value } = families.next();
    if (done) return true;
    parts.push(value);
    bytes += value.length;
  }
  return false;
}
