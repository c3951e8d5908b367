/**
 * What the server must not lose: the newest accepted push of each cluster, as it was received, in Deno KV.
 *
 * @module
 */

import type { Registry } from "prom-client";
import type { Logger } from "../common/log.ts";
import { bytesOf } from "./store/commit_limits.ts";
import { CommitQueue, type CommitQueueOptions, type StoreHealth } from "./store/commit_queue.ts";
import { Holdings } from "./store/holdings.ts";
import { type OpenKv, openKvFile } from "./store/kv_file.ts";
import { openKvRemote } from "./store/kv_remote.ts";
import { type Head, Keys, layPush, type Mutation, type StoredPush, VALUE_BYTES } from "./store/layout.ts";
import { StoreMetrics, type StoreSizes } from "./store/metrics.ts";
import { readEntries, type ReadEntry, readGenerations, readHeadOf, strayChunks } from "./store/read.ts";
import { reasonOf, RETRY_AFTER_MS, StoreUnavailableError } from "./store/unavailable.ts";

export type { StoreHealth } from "./store/commit_queue.ts";
export type { PushVersion, StoredPush } from "./store/layout.ts";
export type { StoreSizes } from "./store/metrics.ts";
export { StoreUnavailableError } from "./store/unavailable.ts";

/** Options of {@linkcode PushStore.open}. */
export interface PushStoreOptions extends Pick<CommitQueueOptions, "maxQueuedBytes" | "stallMs" | "retryAfterMs"> {
  /** A directory for this server alone, or a KV Connect URL. */
  readonly place: { readonly dir: string } | { readonly url: URL };
  /** Keeps servers apart that share a remote Deno KV: each needs its own. @default {"telemeter"} */
  readonly namespace?: string;
  /** How long a push is held after it was received. */
  readonly ttlMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Gets a line when the store fails, when it works again, and for what was garbled. */
  readonly log: Logger;
  /** Gets the metrics named `telemeter_store_…`. */
  readonly registry: Registry;
}

/** How often expired pushes are removed, in milliseconds. */
export const SWEEP_INTERVAL_MS = 15_000;

/** How many entries that did not check out are kept for a person to look at. */
export const KEPT_ASIDE = 100;

/** The longest small value that the store keeps for the server, in bytes of UTF-8. */
export const MAX_META_BYTES: number = VALUE_BYTES;

// A sweep goes on in steps of this many clusters, which share a commit and do not fill the queue.
const SWEEP_STEP = 500;

/**
 * Holds one push a cluster. Once {@linkcode PushStore.load} has ended it takes puts and deletes, and those of one cluster
 * take effect in the order of the calls. Disposing of it writes what it has taken, then closes.
 */
export class PushStore implements AsyncDisposable {
  readonly #options: PushStoreOptions;
  readonly #open: OpenKv;
  readonly #kv: Deno.Kv;
  readonly #keys: Keys;
  readonly #metrics: StoreMetrics;
  readonly #queue: CommitQueue;
  readonly #holdings = new Holdings();
  // Starts anywhere, so that chunks which a crash left behind do not pass for those of a later push.
  #generation = crypto.getRandomValues(new Uint32Array(1))[0] * 2 ** 20;
  #loaded = false;
  #sweeping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(open: OpenKv, options: PushStoreOptions, metrics: StoreMetrics) {
    this.#options = options;
    this.#open = open;
    this.#kv = open.kv;
    this.#keys = new Keys(options.namespace ?? "telemeter");
    this.#metrics = metrics;
    metrics.sizes = () => this.sizes();
    this.#queue = new CommitQueue(open.kv, { ...options, location: open.location, metrics });
  }

  /**
   * Opens the store and creates what is missing. A garbled file is replaced by one with what can be read of it.
   *
   * @throws {UsageError} if the place cannot be used.
   */
  static async open(options: PushStoreOptions): Promise<PushStore> {
    const { place, log, now, registry } = options;
    const metrics = new StoreMetrics(registry);
    const open = "url" in place
      ? await openKvRemote(place.url)
      : await openKvFile(place.dir, { log, now, onSetAside: () => metrics.filesSetAside.inc() });
    return new PushStore(open, options, metrics);
  }

  /** The outcome of the last write. As long as it is a failure, each sweep tries whether writes work again. */
  get health(): StoreHealth {
    return this.#queue.health;
  }

  /** What the store holds now. */
  sizes(): StoreSizes {
    return { entries: this.#holdings.size, bytes: this.#holdings.bytes, fileBytes: this.#open.fileBytes() };
  }

  /**
   * Yields every push that is held and not expired, by id. What does not check out is set aside and counted, and what a
   * crash left half-written is removed. Must run to its end before the first put or delete, and once.
   *
   * @throws {StoreUnavailableError} if the store cannot be read at all.
   */
  async *load(): AsyncGenerator<StoredPush, void, void> {
    if (this.#loaded) throw new Error("Cannot load a store twice");
    const { now, ttlMs, log } = this.#options;
    const generations = new Map<string, number>();
    const faults: { id: string; fault: string }[] = [];
    try {
      for await (const entry of readEntries(this.#kv, this.#keys)) {
        const { id, found } = entry;
        if ("fault" in found) {
          faults.push({ id, fault: found.fault });
          await this.#setAside(entry, { keep: faults.length <= KEPT_ASIDE });
          continue;
        }
        if (found.generation !== undefined) generations.set(id, found.generation);
        const { push } = found;
        const receivedAtMs = Math.min(push.receivedAtMs, now());
        this.#holdings.set(id, { receivedAtMs, bytes: push.body.length, chunked: found.generation !== undefined });
        if (now() - receivedAtMs < ttlMs) yield { ...push, receivedAtMs };
      }
      for await (const { id, generation } of readGenerations(this.#kv, this.#keys)) {
        if (generation === undefined || generations.get(id) !== generation) this.#holdings.doubt(id);
      }
      if (faults.length > 0) await this.#trimAside();
    } catch (error) {
      throw this.#unavailable(error);
    }
    this.#loaded = true;
    if (faults.length > 0) {
      const examples = JSON.stringify(faults.slice(0, 3));
      log.error("Set entries of the store aside as they did not check out", { entries: faults.length, examples });
    }
    await this.sweep();
  }

  /**
   * Holds a push in place of what its cluster had. Resolves when it is durable.
   *
   * @throws {StoreUnavailableError} if it cannot be written now; what the cluster had stays.
   * @throws {TypeError} if the id is not Unicode of 1 to 255 bytes.
   * @throws {LimitError} if the push is larger than the store takes, which is 32 MiB.
   */
  async put(push: StoredPush): Promise<void> {
    this.#mustBeLoaded();
    const { id, receivedAtMs, body } = push;
    const generation = ++this.#generation;
    const mutations = layPush(push, { keys: this.#keys, generation });
    await this.#queue.run({
      subject: id,
      bytes: mutations.reduce((sum, mutation) => sum + bytesOf(mutation), 0),
      plan: () =>
        this.#holdings.hasChunks(id) ? this.#followedByCleanup(mutations, { id, keep: generation }) : mutations,
      committed: () => this.#holdings.set(id, { receivedAtMs, bytes: body.length, chunked: mutations.length > 1 }),
      failed: () => this.#holdings.doubt(id),
    });
  }

  /**
   * Removes what a cluster has, if anything. Resolves when that is durable.
   *
   * @throws {StoreUnavailableError} if it cannot be written now.
   */
  async delete(id: string): Promise<void> {
    this.#mustBeLoaded();
    await this.#remove(id);
  }

  /**
   * Removes expired pushes, looks after what failed writes left behind and, if the last write failed, tries another.
   * Never throws: what cannot be done now is for the next sweep.
   */
  sweep(): Promise<void> {
    this.#mustBeLoaded();
    this.#sweeping ??= this.#sweep().catch((error) => {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }).finally(() => this.#sweeping = undefined);
    return this.#sweeping;
  }

  /** Sweeps now and then, until the store is disposed of. */
  startSweeping({ intervalMs = SWEEP_INTERVAL_MS }: { intervalMs?: number } = {}): void {
    this.#timer ??= setInterval(() => void this.sweep(), intervalMs);
  }

  /** Reads a small value of the server's own. */
  async getMeta(key: string): Promise<string | undefined> {
    try {
      const { value } = await this.#kv.get(this.#keys.meta(key));
      return value instanceof Uint8Array ? new TextDecoder().decode(value) : undefined;
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /**
   * Keeps a small value of the server's own. Resolves when it is durable.
   *
   * @throws {StoreUnavailableError} if it cannot be written now.
   * @throws {RangeError} if it is longer than {@linkcode MAX_META_BYTES}.
   */
  async setMeta(key: string, text: string): Promise<void> {
    const value = new TextEncoder().encode(text);
    if (value.length > MAX_META_BYTES) {
      throw new RangeError(`Cannot keep ${value.length} bytes under '${key}': the limit is ${MAX_META_BYTES}`);
    }
    const mutation: Mutation = { key: this.#keys.meta(key), value };
    await this.#queue.run({ subject: `meta ${key}`, bytes: bytesOf(mutation), plan: () => [mutation] });
  }

  /** Writes what was taken, and closes. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
    await this.#queue[Symbol.asyncDispose]();
    // Closing waits for a write that runs, for ever if that hangs, and the process is about to end anyway.
    if (!this.#queue.stalled) this.#open[Symbol.dispose]();
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#options.now();
    if (!this.health.ok) await this.setMeta("probe", String(nowMs));
    const clock = { nowMs, ttlMs: this.#options.ttlMs };
    this.#holdings.settle(nowMs);
    const due = this.#holdings.expired(clock);
    for (let at = 0; at < due.length; at += SWEEP_STEP) {
      // A put may have been taken meanwhile, so each is asked about again when its turn has come.
      const onlyIf = (id: string) => this.#holdings.isExpired(id, clock);
      await all(due.slice(at, at + SWEEP_STEP).map((id) => this.#remove(id, { onlyIf })));
    }
    await all(this.#holdings.unsure(SWEEP_STEP).map((id) => this.#tidy(id)));
  }

  /** Removes what a cluster has, if anything, and as expired if a condition is given and holds. */
  #remove(id: string, { onlyIf }: { onlyIf?: (id: string) => boolean } = {}): Promise<void> {
    const head: Mutation = { key: this.#keys.head(id) };
    let removes = false;
    return this.#queue.run({
      subject: id,
      bytes: bytesOf(head),
      plan: () => {
        removes = onlyIf ? onlyIf(id) : this.#holdings.has(id);
        if (!removes) return [];
        return this.#holdings.hasChunks(id) ? this.#followedByCleanup([head], { id }) : [head];
      },
      committed: () => {
        if (!removes) return;
        if (onlyIf) this.#metrics.expired.inc();
        this.#holdings.delete(id);
      },
      failed: () => this.#holdings.doubt(id),
    });
  }

  /** Learns from the store what a cluster has after a failed write, and removes all but that. */
  #tidy(id: string): Promise<void> {
    let head: Head | undefined;
    return this.#queue.run({
      subject: id,
      bytes: 0,
      plan: async () => {
        head = await readHeadOf(this.#kv, { keys: this.#keys, id });
        return await this.#followedByCleanup([], { id, keep: head?.chunked?.generation });
      },
      committed: () => {
        this.#holdings.delete(id);
        if (head === undefined) return;
        const { push, chunked } = head;
        this.#holdings.set(id, {
          receivedAtMs: push.receivedAtMs,
          bytes: chunked?.bytes ?? push.body.length,
          chunked: chunked !== undefined,
        });
      },
    });
  }

  async #followedByCleanup(
    mutations: readonly Mutation[],
    { id, keep }: { id: string; keep?: number },
  ): Promise<Mutation[]> {
    return [...mutations, ...await strayChunks(this.#kv, { keys: this.#keys, id, keep })];
  }

  async #setAside({ id, key, value }: ReadEntry, { keep }: { keep: boolean }): Promise<void> {
    this.#metrics.entriesSetAside.inc();
    const aside: Mutation[] = keep && value instanceof Uint8Array
      ? [{ key: this.#keys.aside(this.#options.now(), id), value }]
      : [];
    await this.#tryToWrite([...aside, { key }]);
  }

  async #trimAside(): Promise<void> {
    const keys = await Array.fromAsync(this.#kv.list({ prefix: this.#keys.all("aside") }), ({ key }) => ({ key }));
    if (keys.length > KEPT_ASIDE) await this.#tryToWrite(keys.slice(0, -KEPT_ASIDE));
  }

  /** Writes what can as well be written at the next start. */
  async #tryToWrite(mutations: readonly Mutation[]): Promise<void> {
    await this.#queue.run({ subject: "", bytes: 0, plan: () => mutations }).catch(() => {});
  }

  #mustBeLoaded(): void {
    if (!this.#loaded) throw new Error("Cannot change the store before load() has ended");
  }

  #unavailable(error: unknown): StoreUnavailableError {
    if (error instanceof StoreUnavailableError) return error;
    const { retryAfterMs = RETRY_AFTER_MS } = this.#options;
    return new StoreUnavailableError(reasonOf(error), { location: this.#open.location, retryAfterMs, cause: error });
  }
}

async function all(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}
