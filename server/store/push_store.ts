/**
 * What the server must not lose: the newest accepted push of each cluster, as it was received, in Deno KV.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";
import { Aside } from "./aside.ts";
import { bytesOf } from "./commit_limits.ts";
import { CommitQueue, type CommitQueueOptions, type Job, type StoreHealth } from "./commit_queue.ts";
import { StoredIndex } from "./stored_index.ts";
import { type OpenKv, openKvFile } from "./kv_file.ts";
import { type KvRemotePlace, openKvRemote } from "./kv_remote.ts";
import { appendJob, compactJob, type Context, putJob, removeJob, tidyJob } from "./jobs.ts";
import { Keys, type Mutation, type StoredDelta, type StoredPush, VALUE_BYTES } from "./layout.ts";
import { StoreMetrics, type StoreSizes } from "./metrics.ts";
import { readDeltas, readEntries, readGenerations, readHeadOf, readPushOf } from "./read.ts";
import { reasonOf, RETRY_AFTER_MS, StoreUnavailableError } from "./unavailable.ts";

export type { StoreHealth } from "./commit_queue.ts";
export type { StoredDelta, StoredPush } from "./layout.ts";
export type { StoreSizes } from "./metrics.ts";
export { StoreUnavailableError } from "./unavailable.ts";

/** Options of {@linkcode PushStore.open}. */
export interface PushStoreOptions extends Pick<CommitQueueOptions, "maxQueuedBytes" | "stallMs" | "retryAfterMs"> {
  /** A directory for this server alone, or a KV Connect URL. */
  readonly place: { readonly dir: string } | KvRemotePlace;
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

/** The longest small value of the server's own that the store takes, in bytes of UTF-8. */
export const MAX_META_BYTES: number = VALUE_BYTES;

/** Under which key a store keeps what the wall clock said last, in milliseconds since the epoch. */
const WALL_CLOCK = "wall clock";

/** How often it is kept, in milliseconds: after a restart with a clock that was set back, a push may be shown for so much longer. */
const WALL_CLOCK_EVERY_MS = 60_000;

// A sweep goes on in steps of this many clusters, which share a commit and do not fill the queue.
const SWEEP_STEP = 500;

/**
 * Holds one push a cluster. Once {@linkcode PushStore.load} has ended it takes puts and deletes, and those of one cluster
 * take effect in the order of the calls. Disposing of it writes what it has taken, then closes.
 */
export class PushStore implements AsyncDisposable {
  readonly #options: PushStoreOptions;
  readonly #open: OpenKv;
  readonly #context: Context;
  readonly #metrics: StoreMetrics;
  readonly #queue: CommitQueue;
  #wallKeptMs = 0;
  readonly #stored = new StoredIndex();
  // Starts anywhere, so that chunks which a crash left behind do not pass for those of a later push.
  #generation = crypto.getRandomValues(new Uint32Array(1))[0] * 2 ** 20;
  #loaded = false;
  #sweeping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(open: OpenKv, options: PushStoreOptions, metrics: StoreMetrics) {
    this.#options = options;
    this.#open = open;
    const keys = new Keys(options.namespace ?? "telemeter");
    this.#context = { kv: open.kv, keys, stored: this.#stored };
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
      ? await openKvRemote(place)
      : await openKvFile(place.dir, { log, now, onSetAside: () => metrics.fileSetAside() });
    return new PushStore(open, options, metrics);
  }

  /** The outcome of the last write. As long as it is a failure, each sweep tries whether writes work again. */
  get health(): StoreHealth {
    return this.#queue.health;
  }

  /** How many clusters the store holds something of. */
  get clusters(): number {
    return this.#stored.size;
  }

  /** Whether the store holds something of a cluster, or may do so. */
  has(id: string): boolean {
    return this.#stored.has(id);
  }

  /** What the store holds now. */
  sizes(): StoreSizes {
    return { entries: this.#stored.size, bytes: this.#stored.bytes, fileBytes: this.#open.fileBytes() };
  }

  /**
   * Yields every push that is held and not expired, by id, then all deltas, by id and number. What does not check out is set aside and counted, and what a
   * crash left half-written is removed. Must run to its end before the first put or delete, and once. A push is as old as it was
   * when the store was last in use, whatever the clock says that this process starts with.
   *
   * @throws {StoreUnavailableError} if the store cannot be read at all.
   */
  async *load(): AsyncGenerator<StoredPush | StoredDelta, void, void> {
    if (this.#loaded) throw new Error("Cannot load a store twice");
    const { now, ttlMs } = this.#options;
    const { kv, keys } = this.#context;
    const generations = new Map<string, number>(), throughs = new Map<string, number>();
    const usedAtMs = Number(await this.getMeta(WALL_CLOCK) ?? 0);
    const ageOf = ({ receivedAtMs }: StoredPush) => Math.max(0, now() - receivedAtMs, usedAtMs - receivedAtMs);
    const write = (mutations: readonly Mutation[]) => this.#tryToWrite(mutations);
    const aside = new Aside({ ...this.#options, kv, keys, metrics: this.#metrics, write });
    try {
      for await (const entry of readEntries(kv, keys)) {
        const { id, found } = entry;
        if ("fault" in found) {
          await aside.add(entry, found.fault);
          continue;
        }
        if (found.generation !== undefined) generations.set(id, found.generation);
        const { push } = found;
        const ageMs = ageOf(push), receivedAtMs = now() - ageMs;
        const { through } = push;
        if (through !== undefined) throughs.set(id, through);
        const held = { receivedAtMs, bytes: push.body.length, chunked: found.generation !== undefined };
        // Of a log that has given way to the push the numbers still count.
        this.#stored.set(id, held, through === undefined ? undefined : { bytes: 0, next: through });
        if (ageMs < ttlMs) yield { ...push, receivedAtMs };
      }
      for await (const entry of readDeltas(kv, keys.all("delta"))) {
        const { id, found, bytes } = entry;
        if ("fault" in found) {
          await aside.add(entry, found.fault);
          continue;
        }
        const { delta } = found, { number } = delta;
        const receivedAtMs = now() - ageOf(delta);
        this.#stored.append(id, { number, bytes, receivedAtMs });
        if (number >= (throughs.get(id) ?? 0)) yield { ...delta, receivedAtMs };
        // A crash kept it from going with its compaction.
        else this.#stored.doubt(id);
      }
      for await (const { id, generation } of readGenerations(kv, keys)) {
        if (generation === undefined || generations.get(id) !== generation) this.#stored.doubt(id);
      }
      await aside.finish();
    } catch (error) {
      throw this.#unavailable(error);
    }
    this.#loaded = true;
    this.#wallKeptMs = now();
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
    await this.#queue.run(putJob(this.#context, { push, generation: ++this.#generation }));
  }

  /**
   * Appends to the deltas of a cluster, which come after its push. Resolves when it is durable.
   *
   * @throws {StoreUnavailableError} {TypeError} {LimitError} as {@linkcode PushStore.put} does.
   */
  async append(delta: StoredDelta): Promise<void> {
    this.#mustBeLoaded();
    await this.#queue.run(appendJob(this.#context, delta));
  }

  /**
   * Holds what a cluster shows in place of its push and of the deltas that it holds. Resolves when it is durable.
   *
   * @throws {StoreUnavailableError} {TypeError} {LimitError} as {@linkcode PushStore.put} does.
   */
  async compact(push: StoredPush & { readonly through: number }): Promise<void> {
    this.#mustBeLoaded();
    await this.#queue.run(compactJob(this.#context, { push, generation: ++this.#generation }));
    this.#metrics.compacted();
  }

  /** What is stored of a cluster that has deltas: bytes of its push and of those, and the number of the next. */
  logOf(id: string): { readonly pushBytes: number; readonly bytes: number; readonly next: number } | undefined {
    const log = this.#stored.logOf(id);
    return log && { ...log, pushBytes: this.#stored.bytesOf(id) };
  }

  /**
   * Reads the deltas of a cluster that its push does not hold, in their order; those are left out that do not check out.
   *
   * @throws {StoreUnavailableError} if the store cannot be read now.
   */
  async *deltasOf(id: string): AsyncGenerator<StoredDelta, void, void> {
    this.#mustBeLoaded();
    const { kv, keys } = this.#context;
    try {
      const { push: { through = 0 } = {} } = await readHeadOf(kv, { keys, id }) ?? {};
      for await (const { found } of readDeltas(kv, keys.deltas(id))) {
        if ("delta" in found && found.delta.number >= through) yield found.delta;
      }
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /**
   * Reads what a cluster has: nothing if that does not check out.
   *
   * @throws {StoreUnavailableError} if the store cannot be read now.
   */
  async get(id: string): Promise<StoredPush | undefined> {
    this.#mustBeLoaded();
    try {
      return await readPushOf(this.#context.kv, { keys: this.#context.keys, id });
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /**
   * Removes what a cluster has, if anything. Resolves when that is durable.
   *
   * @throws {StoreUnavailableError} if it cannot be written now.
   */
  async delete(id: string): Promise<void> {
    this.#mustBeLoaded();
    await this.#queue.run(removeJob(this.#context, { id }));
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
    this.#mustBeLoaded();
    this.#timer ??= setInterval(() => void this.sweep(), intervalMs);
  }

  /** Reads a small value of the server's own. */
  async getMeta(key: string): Promise<string | undefined> {
    try {
      const { value } = await this.#context.kv.get(this.#context.keys.meta(key));
      return value instanceof Uint8Array ? new TextDecoder().decode(value) : undefined;
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /**
   * Stores a small value of the server's own. Resolves when it is durable.
   *
   * @throws {StoreUnavailableError} if it cannot be written now.
   * @throws {RangeError} if it is longer than {@linkcode MAX_META_BYTES}.
   */
  async setMeta(key: string, text: string): Promise<void> {
    const value = new TextEncoder().encode(text);
    if (value.length > MAX_META_BYTES) {
      throw new RangeError(`Cannot store ${value.length} bytes under '${key}': the limit is ${MAX_META_BYTES}`);
    }
    const mutation: Mutation = { key: this.#context.keys.meta(key), value };
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
    if (!this.health.ok) await this.setMeta("store probe", String(nowMs));
    const clock = { nowMs, ttlMs: this.#options.ttlMs };
    this.#stored.settle(nowMs);
    const due = this.#stored.expired(clock);
    for (let at = 0; at < due.length; at += SWEEP_STEP) {
      await this.#runAll(
        due.slice(at, at + SWEEP_STEP).map((id) =>
          removeJob(this.#context, {
            id,
            // A put may have been taken meanwhile.
            onlyIf: () => this.#stored.isExpired(id, clock),
            removed: () => this.#metrics.expired(),
          })
        ),
      );
    }
    await this.#runAll(this.#stored.unsure(SWEEP_STEP).map((id) => tidyJob(this.#context, id)));
    if (this.#stored.size > 0 && Math.abs(nowMs - this.#wallKeptMs) >= WALL_CLOCK_EVERY_MS) {
      await this.setMeta(WALL_CLOCK, String(nowMs));
      this.#wallKeptMs = nowMs;
    }
  }

  /** Waits for all of them before it throws for one. */
  async #runAll(jobs: readonly Job[]): Promise<void> {
    for (const result of await Promise.allSettled(jobs.map((job) => this.#queue.run(job)))) {
      if (result.status === "rejected") throw result.reason;
    }
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
