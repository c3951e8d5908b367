/**
 * What is still to be sent to one sink: which clusters have news, and which of their series have ended.
 *
 * News are not kept here: a cluster's newest push is in the index, and what it replaces there is never sent. So a sink that is down
 * costs a small object a cluster, whatever is pushed meanwhile. Ends are kept, as nothing else has them, up to a bound.
 *
 * @module
 */

import type { EndedSeries } from "../../common/remote_write/ended_series.ts";

/** A cluster with something to be sent. */
export interface Waiting {
  /** The cluster id. */
  readonly id: string;
  /** Since when it waits, in milliseconds of a clock that only goes forward. */
  readonly sinceMs: number;
  /** Whether what it shows is to be sent. */
  readonly hasNews: boolean;
  /** Series that have ended, in the order in which they did; they go before the news. */
  readonly ended: readonly EndedSeries[];
  /** Whether no other cluster may be in its request, as the sink refused one with several. */
  readonly isAlone: boolean;
}

/** The most memory of series that have ended, in bytes. */
export const MAX_ENDED_BYTES = 16 * 1_048_576;

/** The queue of one sink. A cluster that is taken is not handed out again before it is done or put back. */
export class SinkQueue {
  readonly #waiting = new Map<string, Waiting>();
  readonly #taken = new Map<string, Waiting>();
  readonly #maxEndedBytes: number;
  #endedBytes = 0;

  /** Keeps at most so many bytes of series that have ended. */
  constructor({ maxEndedBytes = MAX_ENDED_BYTES }: { maxEndedBytes?: number } = {}) {
    this.#maxEndedBytes = maxEndedBytes;
  }

  /** How many clusters have something to be sent, those on their way included. */
  get clusters(): number {
    let both = 0;
    for (const id of this.#taken.keys()) if (this.#waiting.has(id)) both++;
    return this.#waiting.size + this.#taken.size - both;
  }

  /** The memory of series that have ended, in bytes. */
  get endedBytes(): number {
    return this.#endedBytes;
  }

  /** Since when the oldest of them waits; undefined if none does. */
  get oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const all of [this.#waiting, this.#taken]) {
      for (const { sinceMs } of all.values()) if (oldest === undefined || sinceMs < oldest) oldest = sinceMs;
    }
    return oldest;
  }

  /** The ids of clusters whose news are not confirmed. */
  *unconfirmed(): Generator<string> {
    for (const all of [this.#waiting, this.#taken]) for (const { id, hasNews } of all.values()) if (hasNews) yield id;
  }

  /** A cluster has news. Returns whether they take the place of others that were never sent. */
  news(id: string, nowMs: number): boolean {
    const known = this.#waiting.get(id);
    this.#waiting.set(id, known === undefined ? waitingOf(id, nowMs) : { ...known, hasNews: true });
    return known?.hasNews ?? false;
  }

  /** Series of a cluster have ended. False if there is no room to keep that in mind. */
  end(id: string, { ended, nowMs }: { ended: EndedSeries; nowMs: number }): boolean {
    if (this.#endedBytes + ended.bytes > this.#maxEndedBytes) return false;
    this.#endedBytes += ended.bytes;
    const known = this.#waiting.get(id) ?? { ...waitingOf(id, nowMs), hasNews: false };
    this.#waiting.set(id, { ...known, ended: [...known.ended, ended] });
    return true;
  }

  /** What a cluster shows is not for us to send any more, or again if it is on its way; its ends still are. */
  withdraw(id: string): void {
    const taken = this.#taken.get(id);
    if (taken !== undefined) this.#taken.set(id, { ...taken, hasNews: false });
    const known = this.#waiting.get(id);
    if (known === undefined) return;
    if (known.ended.length === 0) this.#waiting.delete(id);
    else this.#waiting.set(id, { ...known, hasNews: false });
  }

  /** The cluster that has waited for the longest, of those of whom nothing is on its way, if `fits` has room for it. */
  take(fits: (waiting: Waiting) => boolean = () => true): Waiting | undefined {
    for (const waiting of this.#waiting.values()) {
      if (this.#taken.has(waiting.id)) continue;
      if (!fits(waiting)) return undefined;
      // Looking at what it shows may have told of more.
      const latest = this.#waiting.get(waiting.id) ?? waiting;
      this.#waiting.delete(latest.id);
      this.#taken.set(latest.id, latest);
      return latest;
    }
    return undefined;
  }

  /** What was taken is settled: sent, or given up. */
  done({ id, ended }: Waiting): void {
    this.#taken.delete(id);
    for (const { bytes } of ended) this.#endedBytes -= bytes;
  }

  /** What was taken is to be tried again, if need be alone. Returns whether newer news take the place of those that it had. */
  putBack(taken: Waiting, { isAlone = taken.isAlone }: { isAlone?: boolean } = {}): boolean {
    const { id } = taken;
    // Its news may have been withdrawn since.
    const { hasNews: hadNews } = this.#taken.get(id) ?? taken;
    this.#taken.delete(id);
    const later = this.#waiting.get(id);
    if (!hadNews && taken.ended.length === 0) return false;
    this.#waiting.set(id, {
      ...taken,
      hasNews: hadNews || (later?.hasNews ?? false),
      ended: [...taken.ended, ...later?.ended ?? []],
      isAlone,
    });
    return hadNews && (later?.hasNews ?? false);
  }
}

function waitingOf(id: string, nowMs: number): Waiting {
  return { id, sinceMs: nowMs, hasNews: true, ended: [], isAlone: false };
}
