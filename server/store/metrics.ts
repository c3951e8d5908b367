/**
 * What the store shows on `/metrics`.
 *
 * @module
 */

import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { FAILURE_REASONS, type FailureReason } from "./unavailable.ts";

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
  readonly #commits: Counter;
  readonly #commitSeconds: Histogram;
  readonly #failures: Counter<"reason">;
  readonly #entriesSetAside: Counter;
  readonly #filesSetAside: Counter;
  readonly #expired: Counter;
  readonly #compactions: Counter;
  /** Asked at each scrape; set once the store is open. */
  sizes: () => StoreSizes = () => ({ entries: 0, bytes: 0 });

  /** Registers them. */
  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    this.#commits = counter(
      "telemeter_store_commits_total",
      "Durable commits; each carries all writes that waited while the one before it ran",
    );
    this.#commitSeconds = new Histogram({
      name: "telemeter_store_commit_seconds",
      help: "How long a durable commit takes",
      // Half a millisecond is one push on a good disk, 10 s is where a write counts as stalled.
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10],
      registers,
    });
    this.#failures = new Counter({
      name: "telemeter_store_failures_total",
      help: "Writes that were refused or failed, by reason",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of FAILURE_REASONS) this.#failures.inc({ reason }, 0);
    this.#entriesSetAside = counter("telemeter_store_set_aside_total", "Entries that failed their checks at start");
    this.#filesSetAside = counter("telemeter_store_files_set_aside_total", "Store files that were garbled at start");
    this.#expired = counter("telemeter_store_expired_total", "Pushes removed because they were older than the TTL");
    this.#compactions = counter(
      "telemeter_store_compactions_total",
      "Logs of remote write that gave way to what their clusters show",
    );
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
    gauge("telemeter_store_entries", "Clusters whose push is stored", () => this.sizes().entries);
    gauge("telemeter_store_bytes", "Bytes of the stored bodies, and of logs of remote write", () => this.sizes().bytes);
    gauge("telemeter_store_file_bytes", "Bytes of the store's files", () => this.sizes().fileBytes);
  }

  /** A commit became durable. */
  committed(seconds: number): void {
    this.#commits.inc();
    this.#commitSeconds.observe(seconds);
  }

  /** A write was refused or failed. */
  failed(reason: FailureReason): void {
    this.#failures.inc({ reason });
  }

  /** An entry did not check out. */
  entrySetAside(): void {
    this.#entriesSetAside.inc();
  }

  /** A file was garbled. */
  fileSetAside(): void {
    this.#filesSetAside.inc();
  }

  /** The log of a cluster gave way to what that shows. */
  compacted(): void {
    this.#compactions.inc();
  }

  /** A push was removed because of its age. */
  expired(): void {
    this.#expired.inc();
  }
}
