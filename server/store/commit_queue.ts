/**
 * Group commit: whatever waits while one commit runs goes into the next, so that one fsync serves many pushes.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import { COMMIT_BYTES, COMMIT_MUTATIONS, split } from "./commit_limits.ts";
import type { Mutation } from "./layout.ts";
import type { StoreMetrics } from "./metrics.ts";
import { type FailureReason, reasonOf, RETRY_AFTER_MS, StoreUnavailableError } from "./unavailable.ts";

/** Something to write. Its mutations come in an order of which every prefix leaves the store consistent. */
export interface Job {
  /** Jobs of one subject are committed one after another, in the order given. */
  readonly subject: string;
  /** Whether it may be in one commit with others of its subject of which the same is said. @default {false} */
  readonly shares?: boolean;
  /** About how many bytes it will write. */
  readonly bytes: number;
  /** What to write, asked for when all earlier jobs of its subject have ended; nothing else is written meanwhile. */
  plan(): readonly Mutation[] | Promise<readonly Mutation[]>;
  /** Told when all of it is durable, even if the caller has been refused meanwhile. */
  committed?(): void;
  /** Told when it failed: any prefix of it may be in the store. */
  failed?(): void;
}

/** Options of a {@linkcode CommitQueue}. */
export interface CommitQueueOptions {
  /** Names the store in errors. */
  readonly location: string;
  /** Counts commits and failures. */
  readonly metrics: StoreMetrics;
  /** Gets a line when writes fail and when they work again. */
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How many bytes may wait for their commit; more are refused. @default {67_108_864} */
  readonly maxQueuedBytes?: number;
  /** How long a write may take before those who wait for it are refused. @default {10_000} */
  readonly stallMs?: number;
  /** What a refused caller is told to wait, in milliseconds. @default {RETRY_AFTER_MS} */
  readonly retryAfterMs?: number;
}

/** Whether the last write went through, and if not, why and since when in milliseconds since the epoch. */
export type StoreHealth = { readonly ok: true } | {
  readonly ok: false;
  readonly reason: FailureReason;
  readonly sinceMs: number;
};

interface Waiting {
  readonly job: Job;
  readonly resolve: () => void;
  readonly reject: (error: StoreUnavailableError) => void;
  settled: boolean;
}

/** How often the log says that writes fail: on a disk that is nearly full every second write may. */
const TELL_EVERY_MS = 60_000;

/**
 * Writes jobs to Deno KV, one commit at a time.
 *
 * One at a time is also what keeps a push whole: Deno KV puts commits that wait together into one SQLite transaction, and
 * when one of them fails midway, what it had written so far is committed with the others.
 */
export class CommitQueue implements AsyncDisposable {
  readonly #kv: Deno.Kv;
  readonly #options: Required<CommitQueueOptions>;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #draining = false;
  #health: StoreHealth = { ok: true };
  #told = false;
  #toldAtMs = -Infinity;
  #stalled = false;
  #closed = false;

  /** Writes to the given Deno KV, which nobody else may write to. */
  constructor(kv: Deno.Kv, options: CommitQueueOptions) {
    const { maxQueuedBytes = 67_108_864, stallMs = 10_000, retryAfterMs = RETRY_AFTER_MS } = options;
    this.#kv = kv;
    this.#options = { ...options, maxQueuedBytes, stallMs, retryAfterMs };
  }

  /** The outcome of the last write. */
  get health(): StoreHealth {
    return this.#health;
  }

  /** True while a write runs that has taken longer than it may. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /**
   * Resolves when the job is durable.
   *
   * @throws {StoreUnavailableError} if it cannot be written now.
   */
  run(job: Job): Promise<void> {
    // A job alone may pass the bound, or the largest push could never be written.
    const full = this.#waitingBytes > 0 && this.#waitingBytes + job.bytes > this.#options.maxQueuedBytes;
    const reason = this.#closed ? "closed" : this.#stalled ? "stalled" : full ? "busy" : undefined;
    return reason === undefined ? this.#enqueue(job) : Promise.reject(this.#failure(reason));
  }

  /** Takes no more jobs and waits for those it has, unless the store has stalled. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#stalled) return;
    // Jobs end in order, and a stall refuses them all: when this one has ended, so have those before it.
    await this.#enqueue({ subject: "", bytes: 0, plan: () => [] }).catch(() => {});
  }

  #enqueue(job: Job): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ job, resolve, reject, settled: false });
    this.#waitingBytes += job.bytes;
    if (!this.#draining) void this.#drain();
    return promise;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    await null; // Lets all that this turn of the event loop brings join the first commit.
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      const error = await this.#commit(batch);
      if (error === undefined || batch.length === 1) this.#settle(batch, error);
      else for (const one of batch) this.#settle([one], await this.#commit([one]));
    }
    this.#draining = false;
  }

  /** As many jobs as fit one commit: one of a subject, or several that share it, and at least one. */
  #take(): Waiting[] {
    /** Whether the jobs of a subject that are in the batch share it. */
    const subjects = new Map<string, boolean>();
    let bytes = 0;
    let end = 0;
    for (const { job } of this.#waiting) {
      const { subject, shares = false } = job;
      const mustWait = subjects.has(subject) && !(shares && subjects.get(subject));
      if (end > 0 && (mustWait || bytes + job.bytes > COMMIT_BYTES || end === COMMIT_MUTATIONS)) break;
      subjects.set(subject, shares);
      bytes += job.bytes;
      end += 1;
    }
    const batch = this.#waiting.splice(0, end);
    for (const { job } of batch) this.#waitingBytes -= job.bytes;
    return batch;
  }

  /** Commits the jobs' mutations in order, in one commit if they fit, and returns what went wrong. */
  async #commit(batch: readonly Waiting[]): Promise<unknown> {
    const watchdog = setTimeout(() => this.#stall(batch), this.#options.stallMs);
    try {
      const mutations: Mutation[] = [];
      for (const { job } of batch) mutations.push(...await job.plan());
      for (const commit of split(mutations)) {
        const atomic = this.#kv.atomic();
        for (const { key, value } of commit) value === undefined ? atomic.delete(key) : atomic.set(key, value);
        const startedAt = performance.now();
        await atomic.commit();
        this.#options.metrics.committed((performance.now() - startedAt) / 1_000);
        this.#report(undefined);
      }
      return undefined;
    } catch (error) {
      return error ?? new Error("Unknown");
    } finally {
      clearTimeout(watchdog);
      this.#stalled = false;
    }
  }

  #settle(batch: readonly Waiting[], error: unknown): void {
    const reason = error === undefined ? undefined : reasonOf(error);
    if (reason !== undefined) this.#report(reason, error);
    for (const one of batch) {
      if (reason === undefined) one.job.committed?.();
      else one.job.failed?.();
      if (one.settled) continue;
      one.settled = true;
      if (reason === undefined) one.resolve();
      else one.reject(this.#failure(reason, error));
    }
  }

  /** Refuses all who wait, so that no request hangs on the disk. The write itself cannot be taken back. */
  #stall(batch: readonly Waiting[]): void {
    this.#stalled = true;
    this.#report("stalled");
    this.#waitingBytes = 0;
    for (const one of [...batch, ...this.#waiting.splice(0)]) {
      if (one.settled) continue;
      one.settled = true;
      one.reject(this.#failure("stalled"));
    }
  }

  #failure(reason: FailureReason, cause?: unknown): StoreUnavailableError {
    this.#options.metrics.failed(reason);
    return new StoreUnavailableError(reason, { ...this.#options, cause });
  }

  #report(reason: FailureReason | undefined, error?: unknown): void {
    const { log, now, location } = this.#options;
    if (reason === undefined) {
      this.#health = { ok: true };
      if (this.#told) log.info("Writes to the store again", { location });
      this.#told = false;
      return;
    }
    this.#health = { ok: false, reason, sinceMs: this.#health.ok ? now() : this.#health.sinceMs };
    if (Math.abs(now() - this.#toldAtMs) < TELL_EVERY_MS) return;
    this.#told = true;
    this.#toldAtMs = now();
    const { message } = new StoreUnavailableError(reason, this.#options);
    log.error("Refuses pushes as the store has failed", { location, reason, message, cause: String(error ?? "") });
  }
}
