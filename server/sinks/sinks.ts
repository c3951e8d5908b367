/**
 * All sinks: hear what clusters show, and what they show no more.
 *
 * A member of a ring forwards what it shows, which is what it owns. When a cluster moves to another member, that one shows and
 * forwards it from then on; here nothing has ended.
 *
 * @module
 */

import { type EndedSeries, SeriesEnds } from "../../common/remote_write/ended_series.ts";
import { WriteEncoder } from "../../common/remote_write/write_encoder.ts";
import type { RepeatLog } from "../../common/repeat_log.ts";
import type { ClusterEntry, ExpositionIndex, IndexListener } from "../exposition/exposition_index.ts";
import { StoreUnavailableError } from "../store/unavailable.ts";
import { SeriesCache } from "./series_cache.ts";
import { type SendRequest, Sink, type SinkOptions, type SinkReport } from "./sink.ts";
import type { SinkMetrics } from "./sink_metrics.ts";

/** A sink to be opened. */
export interface SinkPlace {
  /** What it is called: its URL without what may be secret. */
  readonly name: string;
  /** Sends a request to it. */
  readonly send: SendRequest;
  /** The tenant of a cluster, if it has tenants. */
  readonly tenantOf?: (id: string) => string | undefined;
}

/** What sinks work with. */
export interface SinksOptions extends Pick<SinkOptions, "gatherMs" | "maxBackoffMs" | "timeoutMs"> {
  /** Where to. */
  readonly places: readonly SinkPlace[];
  /** What clusters show. */
  readonly index: ExpositionIndex;
  /** Keeps what is confirmed. */
  readonly store: {
    getMeta(key: string): Promise<string | undefined>;
    setMeta(key: string, text: string): Promise<void>;
  };
  /** How long a push is shown, in milliseconds. */
  readonly ttlMs: number;
  /** Clusters that are not to be shown, as they are revoked. */
  readonly hidden?: () => Promise<ReadonlySet<string>>;
  /** Counts. */
  readonly metrics: SinkMetrics;
  /** Told of what is dropped and of trouble. */
  readonly losses: RepeatLog;
  /** Milliseconds since the epoch. @default {Date.now} */
  readonly now?: () => number;
}

/** How often what is confirmed is kept, and who is revoked is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 5_000;
/** How much of the memory that clusters take may be had for what is known of their series: one part in so many. */
const CACHE_SHARE = 2;
/** How much of it there may be at least, in bytes. */
const LEAST_CACHE_BYTES = 4_194_304;
/** By how much what is kept stays behind, in milliseconds: the clock by which a push came may be another member's. */
const LEEWAY_MS = 10_000;

/** Forwards to sinks until it is disposed of. */
export class Sinks implements IndexListener, AsyncDisposable {
  readonly #options: SinksOptions;
  readonly #sinks: readonly Sink[];
  readonly #ends = new SeriesEnds();
  readonly #series: SeriesCache;
  /** Up to which time of arrival each sink has confirmed what was shown before the last restart; undefined once all is read back. */
  #confirmed: ReadonlyMap<Sink, number> | undefined;
  #revoked: ReadonlySet<string> = new Set();
  /** Whether something was shown since it was kept last what is confirmed, or was not confirmed then. */
  #isToBeSaved = true;
  #timer: ReturnType<typeof setInterval> | undefined;
  #looking: Promise<void> | undefined;

  private constructor(options: SinksOptions) {
    this.#options = options;
    const encoder = new WriteEncoder();
    this.#series = new SeriesCache(() => Math.max(LEAST_CACHE_BYTES, options.index.bytes / CACHE_SHARE));
    options.metrics.watchCache(() => this.#series.bytes);
    this.#sinks = options.places.map((place) => new Sink({ ...options, ...place, encoder, series: this.#series }));
  }

  /**
   * Reads what is confirmed, and listens to the index, of which nothing is shown yet. What is shown from now on is what was stored,
   * until {@linkcode Sinks.start}.
   *
   * @throws {StoreUnavailableError} if the store cannot be read.
   */
  static async open(options: SinksOptions): Promise<Sinks> {
    const sinks = new Sinks(options);
    const confirmed = new Map<Sink, number>();
    for (const [i, { name }] of options.places.entries()) {
      confirmed.set(sinks.#sinks[i], Number(await options.store.getMeta(keyOf(name)) ?? 0));
    }
    sinks.#confirmed = confirmed;
    options.index.tell(sinks);
    return sinks;
  }

  /** All that was stored is shown: what comes from now on is new. */
  start(): void {
    this.#confirmed = undefined;
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL_MS);
  }

  /** How they are. */
  report(): SinkReport[] {
    return this.#sinks.map((sink) => sink.report());
  }

  /** A cluster shows something else. */
  shown(
    entry: ClusterEntry,
    { before, wasPostponed }: { readonly before: ClusterEntry | undefined; readonly wasPostponed: boolean },
  ): void {
    const { id, receivedAtMs } = entry;
    if (this.#revoked.has(id)) return;
    this.#isToBeSaved = true;
    const ended = before && this.#ends.between(before, entry);
    for (const sink of this.#sinks) {
      if (ended !== undefined) this.#end(sink, { id, ended });
      if (receivedAtMs < (this.#confirmed?.get(sink) ?? 0)) continue;
      if (sink.queue.news(id, performance.now()) && !wasPostponed) sink.conflated();
      sink.wake();
    }
  }

  /** A cluster has samples that are merged into what it shows when they are sent: others that wait stay with them. */
  postponed(id: string): void {
    if (this.#revoked.has(id)) return;
    this.#isToBeSaved = true;
    for (const sink of this.#sinks) {
      sink.queue.news(id, performance.now());
      sink.wake();
    }
  }

  /** A cluster shows nothing more: it has passed its time, or is another member's now, who goes on. */
  hidden(entry: ClusterEntry, { isExpired }: { readonly isExpired: boolean }): void {
    const { ttlMs, now = Date.now } = this.#options;
    this.#series.delete(entry.id);
    // A ring hides by itself what has passed its time.
    const isOver = isExpired || now() - entry.newestMs > ttlMs;
    if (isOver && !this.#revoked.has(entry.id)) this.#endAll(entry);
    else this.#withdraw(entry.id);
  }

  /** Ends what revoked clusters show, and keeps what is confirmed. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => this.#looking = undefined);
    return this.#looking;
  }

  /** Stops sending, and keeps what is confirmed. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sinks.map((sink) => sink[Symbol.asyncDispose]()));
    await this.#looking;
    await this.#save();
  }

  async #look(): Promise<void> {
    const { hidden, index } = this.#options;
    const revoked = await hidden?.();
    if (revoked !== undefined && revoked !== this.#revoked) {
      const before = this.#revoked;
      this.#revoked = revoked;
      for (const { id } of this.#entries()) {
        if (before.has(id) === revoked.has(id)) continue;
        const entry = index.get(id)!;
        if (!revoked.has(id)) this.shown(entry, { before: undefined, wasPostponed: false });
        else this.#endAll(entry);
      }
    }
    await this.#save();
  }

  #entries(): readonly ClusterEntry[] {
    using reading = this.#options.index.read();
    return reading.entries;
  }

  /** Ends what a cluster shows, then withdraws its news: so the end waits for as long as those have. */
  #endAll(entry: ClusterEntry) {
    const ended = this.#ends.all(entry);
    if (ended !== undefined) { for (const sink of this.#sinks) this.#end(sink, { id: entry.id, ended }); }
    this.#withdraw(entry.id);
  }

  #withdraw(id: string) {
    for (const { queue } of this.#sinks) queue.withdraw(id);
  }

  #end(sink: Sink, { id, ended }: { id: string; ended: EndedSeries }) {
    if (sink.queue.end(id, { ended, nowMs: performance.now() })) sink.wake();
    else this.#options.metrics.lostEnds(sink.report().url, ended.series);
  }

  /**
   * Keeps up to which time of arrival all that is shown is confirmed: of the news that wait, those that came first say so. A sink
   * gets what came later once more after a restart.
   */
  async #save(): Promise<void> {
    const { places, store, index, now = Date.now } = this.#options;
    if (this.#confirmed !== undefined || !this.#isToBeSaved) return;
    this.#isToBeSaved = false;
    for (const [i, { queue }] of this.#sinks.entries()) {
      let confirmedMs = now();
      for (const id of queue.unconfirmed()) {
        confirmedMs = Math.min(confirmedMs, index.get(id)?.receivedAtMs ?? Infinity);
      }
      try {
        await store.setMeta(keyOf(places[i].name), String(confirmedMs - LEEWAY_MS));
      } catch (error) {
        this.#isToBeSaved = true;
        // The store says so itself; the next look tries again.
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
    }
  }
}

/** Where in the store it is up to when a sink has confirmed all. */
function keyOf(name: string): string {
  return `sink ${name}`;
}
