/**
 * What the store knows in memory of the pushes that it holds: sizes, ages, and where it is unsure.
 *
 * @module
 */

/** What is remembered of one push. */
export interface StoredSize {
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** Of its body. */
  readonly bytes: number;
  /** Whether its body lies in chunks. */
  readonly chunked: boolean;
}

/** What is remembered of the deltas of one cluster. */
export interface StoredLog {
  /** Of all of them, as they lie in the store. */
  readonly bytes: number;
  /** A number that is greater than all of theirs. */
  readonly next: number;
}

/** How many clusters are remembered as unsure; what others may have left behind waits for the next start. */
export const MAX_UNSURE = 10_000;

/** What is stored, by cluster id. Pure: it reads no clock. */
export class StoredIndex {
  readonly #held = new Map<string, StoredSize>();
  readonly #logs = new Map<string, StoredLog>();
  readonly #unsure = new Set<string>();
  #bytes = 0;

  /** How many pushes are held. */
  get size(): number {
    return this.#held.size;
  }

  /** The bytes of their bodies, and of deltas. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is, or may be, something of the cluster in the store. */
  has(id: string): boolean {
    return this.#held.has(id) || this.#unsure.has(id);
  }

  /** Whether there are, or may be, chunks of the cluster in the store. */
  hasChunks(id: string): boolean {
    return this.#held.get(id)?.chunked === true || this.#unsure.has(id);
  }

  /** Whether there are, or may be, deltas of the cluster in the store. */
  hasLog(id: string): boolean {
    return this.#logs.has(id) || this.#unsure.has(id);
  }

  /** When the newest came of what a cluster has; 0 if it has nothing. */
  receivedAtMs(id: string): number {
    return this.#held.get(id)?.receivedAtMs ?? 0;
  }

  /** The bytes of a cluster's push. */
  bytesOf(id: string): number {
    return this.#held.get(id)?.bytes ?? 0;
  }

  /** What is remembered of the deltas of a cluster. */
  logOf(id: string): StoredLog | undefined {
    return this.#logs.get(id);
  }

  /** Remembers what a cluster has, and has nothing but, with its deltas. */
  set(id: string, held: StoredSize, log?: StoredLog): void {
    this.delete(id);
    this.#held.set(id, held);
    if (log !== undefined) this.#logs.set(id, log);
    this.#bytes += held.bytes + (log?.bytes ?? 0);
  }

  /** Remembers a delta. */
  append(id: string, { number, bytes, receivedAtMs }: { number: number; bytes: number; receivedAtMs: number }): void {
    const { bytes: before, next } = this.#logs.get(id) ?? { bytes: 0, next: 0 };
    const held = this.#held.get(id) ?? { bytes: 0, chunked: false, receivedAtMs };
    this.#held.set(id, { ...held, receivedAtMs: Math.max(held.receivedAtMs, receivedAtMs) });
    this.#logs.set(id, { bytes: before + bytes, next: Math.max(next, number + 1) });
    this.#bytes += bytes;
  }

  /** Remembers that a cluster has nothing. */
  delete(id: string): void {
    this.#bytes -= (this.#held.get(id)?.bytes ?? 0) + (this.#logs.get(id)?.bytes ?? 0);
    this.#held.delete(id);
    this.#logs.delete(id);
    this.#unsure.delete(id);
  }

  /** Remembers that a write for a cluster failed or was cut off: a part of it may lie in the store, or all of it. */
  doubt(id: string): void {
    if (this.#unsure.size < MAX_UNSURE) this.#unsure.add(id);
  }

  /** Some of the clusters that are in doubt. */
  unsure(limit: number): string[] {
    return [...this.#unsure.values().take(limit)];
  }

  /** Whether a cluster's push is as old as the TTL or older. */
  isExpired(id: string, { nowMs, ttlMs }: { nowMs: number; ttlMs: number }): boolean {
    const held = this.#held.get(id);
    return held !== undefined && nowMs - held.receivedAtMs >= ttlMs;
  }

  /** The clusters whose push is expired. */
  expired(clock: { nowMs: number; ttlMs: number }): string[] {
    return [...this.#held.keys().filter((id) => this.isExpired(id, clock))];
  }

  /**
   * Makes what seems to come from the future count from now. It does so when the clock was set back, and would stay for
   * too long.
   */
  settle(nowMs: number): void {
    for (const [id, held] of this.#held) {
      if (held.receivedAtMs > nowMs) this.#held.set(id, { ...held, receivedAtMs: nowMs });
    }
  }
}
