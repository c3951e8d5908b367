/**
 * How much all clusters together may make the server hold. A push that would take it past that is refused, and what its
 * cluster had stays.
 *
 * @module
 */

import type { ClusterEntry, ExpositionIndex } from "../exposition/exposition_index.ts";
import type { PushStore } from "../store/push_store.ts";
import type { MemoryGuard } from "./memory_guard.ts";

/** A push that the server has no room for now. Room comes back as others send less or stay away. */
export class CapacityError extends Error {
  /** Stable, for the place that maps errors to HTTP statuses. */
  readonly code = "capacity";
  /** The name that stack traces show. */
  override readonly name = "CapacityError";
  /** What there is too much of, in a word for a metric. */
  readonly reason: "clusters" | "total_series" | "memory" | "work";

  /** Takes a message that the client may see. */
  constructor(reason: CapacityError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }

  /** Refuses as too much waits that takes long. */
  static ofWork(): CapacityError {
    return new CapacityError("work", "Cannot take the push as too many that take long wait already: try again later");
  }

  /** Refuses for want of memory. */
  static ofMemory(what: string): CapacityError {
    return new CapacityError("memory", `Cannot take ${what} as the server is short of memory: try again later`);
  }
}

/** Memory that a series may take on average; one of 521 in a usual push takes 320 bytes. */
const SERIES_BYTES = 1_024;

/** What a cluster may have more than before, as a share of that, while memory is short: usual ones vary by less. */
const SHORT_GROWTH = 1 / 8;

/** What may be held at most. */
export interface CapacityLimits {
  /** Clusters, in the index or the store; 0 for no limit. */
  readonly maxClusters: number;
  /** Series of all clusters, and a KiB of index for each, so that long ones do not take what memory there is; 0 for no limit. */
  readonly maxSeries: number;
}

/** What {@linkcode Capacity} works with. */
export interface CapacityOptions extends CapacityLimits {
  /** What is shown now. */
  readonly index: Pick<ExpositionIndex, "clusters" | "series" | "bytes" | "get">;
  /** What is on disk now: it keeps a cluster for longer whose samples were old on arrival. */
  readonly store: Pick<PushStore, "clusters" | "has">;
  /** What there is memory for. @default everything */
  readonly memory?: Pick<MemoryGuard, "state">;
}

/** Lets pushes in as long as there is room, counting those that are about to be held. */
export class Capacity {
  readonly #options: CapacityOptions;
  #limits: CapacityLimits;
  #arriving = { clusters: 0, series: 0, bytes: 0 };

  /** Watches over an index and a store. */
  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#limits = options;
  }

  /** Goes by other limits from now on; what is held already stays. */
  limitTo(limits: CapacityLimits): void {
    this.#limits = limits;
  }

  /**
   * Lets a cluster in that is held already, or for which there is room: asked before the body of its push is read.
   *
   * @throws {CapacityError} if there is none.
   */
  admit(id: string): void {
    const { index, store, memory } = this.#options;
    const { maxClusters } = this.#limits;
    // What is on disk alone takes as much memory as what is new.
    if ((memory?.state ?? "room") !== "room" && index.get(id) === undefined) {
      throw CapacityError.ofMemory("another cluster");
    }
    if (maxClusters === 0 || this.#holds(id)) return;
    if (Math.max(index.clusters, store.clusters) + this.#arriving.clusters < maxClusters) return;
    throw new CapacityError(
      "clusters",
      `Cannot take another cluster as the server already holds its limit of ${maxClusters}: try again later`,
    );
  }

  /**
   * Makes room for an entry until it is disposed of, when the entry is shown or its push has failed. One that takes no more
   * than what it replaces is always let in.
   *
   * @throws {CapacityError} if there is no room for it.
   */
  reserve(entry: Pick<ClusterEntry, "id" | "series" | "bytes">): Disposable {
    this.admit(entry.id);
    const { index, memory } = this.#options;
    const { maxSeries } = this.#limits;
    const before = index.get(entry.id);
    if (memory?.state === "full" || memory?.state === "short" && entry.bytes > (1 + SHORT_GROWTH) * before!.bytes) {
      throw CapacityError.ofMemory("the push");
    }
    const more = {
      clusters: this.#holds(entry.id) ? 0 : 1,
      series: Math.max(0, entry.series - (before?.series ?? 0)),
      bytes: Math.max(0, entry.bytes - (before?.bytes ?? 0)),
    };
    const arriving = this.#arriving;
    const tooMany = more.series > 0 && index.series + arriving.series + more.series > maxSeries;
    const tooLong = more.bytes > 0 && index.bytes + arriving.bytes + more.bytes > SERIES_BYTES * maxSeries;
    if (maxSeries > 0 && (tooMany || tooLong)) {
      const limit = tooMany ? `${maxSeries} series` : `${SERIES_BYTES * maxSeries} bytes of series`;
      throw new CapacityError(
        "total_series",
        `Cannot take the push as all clusters together would pass the server's limit of ${limit}: try again later`,
      );
    }
    this.#count(more, 1);
    let reserved = true;
    return {
      [Symbol.dispose]: () => {
        if (reserved) this.#count(more, -1);
        reserved = false;
      },
    };
  }

  #holds(id: string): boolean {
    const { index, store } = this.#options;
    return index.get(id) !== undefined || store.has(id);
  }

  #count({ clusters, series, bytes }: { clusters: number; series: number; bytes: number }, sign: 1 | -1) {
    this.#arriving.clusters += sign * clusters;
    this.#arriving.series += sign * series;
    this.#arriving.bytes += sign * bytes;
  }
}
