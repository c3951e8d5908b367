/**
 * What the store shows on `/metrics`.
 *
 * @module
 */

import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What a store holds. */
export interface StoreSizes {
  /** Pushes, one a cluster. */
  readonly entries: number;
  /** Of their bodies. */
  readonly bytes: number;
  /** Of the store's files; undefined where it has none. */
  readonly fileBytes?: number;
}

/** The store's metrics, registered when constructed. */
export class StoreMetrics {
  /** Durable commits. */
  readonly commits: Counter;
  /** How long they take. */
  readonly commitSeconds: Histogram;
  /** Writes refused or failed. */
  readonly failures: Counter<"reason">;
  /** Entries that did not check out. */
  readonly entriesSetAside: Counter;
  /** Files that were garbled. */
  readonly filesSetAside: Counter;
  /** Pushes removed by age. */
  readonly expired: Counter;

  /** Asked at each scrape; set once the store is open. */
  sizes: () => StoreSizes = () => ({ entries: 0, bytes: 0 });

  /** Registers them. */
  constructor(registry: Registry) {
    const registers = [registry];
    this.commits = new Counter({
      name: "telemeter_store_commits_total",
      help: "Durable commits; one carries all that waited while the one before it ran",
      registers,
    });
    this.commitSeconds = new Histogram({
      name: "telemeter_store_commit_seconds",
      help: "How long a durable commit takes",
      // Half a millisecond is one push on a good disk, 10 s is where a write counts as stalled.
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10],
      registers,
    });
    this.failures = new Counter({
      name: "telemeter_store_failures_total",
      help: "Writes refused or failed, by reason",
      labelNames: ["reason"],
      registers,
    });
    this.entriesSetAside = new Counter({
      name: "telemeter_store_set_aside_total",
      help: "Entries that did not check out at start",
      registers,
    });
    this.filesSetAside = new Counter({
      name: "telemeter_store_files_set_aside_total",
      help: "Store files that were garbled at start",
      registers,
    });
    this.expired = new Counter({
      name: "telemeter_store_expired_total",
      help: "Pushes removed because they were older than the TTL",
      registers,
    });
    const gauge = (name: string, help: string, value: () => number | undefined) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          const now = value();
          if (now !== undefined) this.set(now);
        },
      });
    gauge("telemeter_store_entries", "Clusters whose push is held", () => this.sizes().entries);
    gauge("telemeter_store_bytes", "Bytes of the bodies held", () => this.sizes().bytes);
    gauge("telemeter_store_file_bytes", "Bytes of the store's files", () => this.sizes().fileBytes);
  }
}
