/**
 * What is counted of sinks.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import type { Registry } from "../../common/metrics.ts";

/** What is looked at when metrics are asked for. */
export interface WatchedSink {
  /** Clusters with something that it has not confirmed. */
  readonly waiting: number;
  /** For how long the oldest of them waits, in seconds. */
  readonly lagSeconds: number;
  /** When it last took a request as a whole, in milliseconds since the epoch. */
  readonly lastSuccessMs: number | undefined;
  /** How it is. */
  readonly state: string;
  /** Memory of series that have ended, in bytes. */
  readonly endedBytes: number;
}

/** The metrics `telemeter_sink_…`, each by sink. */
export class SinkMetrics {
  readonly #sent: Counter<"sink">;
  readonly #failed: Counter<"sink">;
  readonly #dropped: Counter<"sink" | "status">;
  readonly #conflated: Counter<"sink">;
  readonly #lostEnds: Counter<"sink">;
  readonly #delivery: Gauge<"sink">;
  readonly #sinks = new Map<string, () => WatchedSink>();
  readonly #registers: Registry[];

  /** Registers them. */
  constructor(registry: Registry) {
    const registers = this.#registers = [registry];
    const labelNames = ["sink"] as const;
    this.#sent = new Counter({
      name: "telemeter_sink_samples_sent_total",
      help: "Samples that a sink has taken, ends of series included",
      labelNames,
      registers,
    });
    this.#failed = new Counter({
      name: "telemeter_sink_samples_failed_total",
      help: "Samples in requests to a sink that are sent again later, as it did not answer, or with 429 or 5xx",
      labelNames,
      registers,
    });
    this.#dropped = new Counter({
      name: "telemeter_sink_samples_dropped_total",
      help: "Samples that a sink refuses for good, by the status of its answer",
      labelNames: ["sink", "status"],
      registers,
    });
    this.#conflated = new Counter({
      name: "telemeter_sink_conflated_total",
      help: "Pushes that a newer one of their cluster replaced before they were sent to a sink",
      labelNames,
      registers,
    });
    this.#lostEnds = new Counter({
      name: "telemeter_sink_ends_dropped_total",
      help: "Ends of series that a sink is not told of, as too many wait for it",
      labelNames,
      registers,
    });
    this.#delivery = new Gauge({
      name: "telemeter_sink_delivery_seconds",
      help: "Time from a push to its confirmation by a sink, of those confirmed last",
      labelNames,
      registers,
    });
    const gauges: [name: string, help: string, value: (sink: WatchedSink) => number][] = [
      ["telemeter_sink_waiting", "Clusters with something that a sink has not confirmed", ({ waiting }) => waiting],
      ["telemeter_sink_lag_seconds", "For how long the oldest of them waits", ({ lagSeconds }) => lagSeconds],
      [
        "telemeter_sink_refuses",
        "1 while a sink refuses all that it is sent, as when credentials or a path are wrong",
        ({ state }) => state === "refuses" ? 1 : 0,
      ],
      ["telemeter_sink_queue_bytes", "Memory of ends of series that wait for a sink", ({ endedBytes }) => endedBytes],
      [
        "telemeter_sink_last_success_timestamp_seconds",
        "When a sink last took a request as a whole; 0 if it never did",
        ({ lastSuccessMs = 0 }) => lastSuccessMs / 1_000,
      ],
    ];
    const sinks = this.#sinks;
    for (const [name, help, value] of gauges) {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          for (const [sink, look] of sinks) this.set({ sink }, value(look()));
        },
      });
    }
  }

  /** Looks at the memory that is taken for all of them whenever metrics are asked for, in bytes. */
  watchCache(look: () => number): void {
    new Gauge({
      name: "telemeter_sink_series_cache_bytes",
      help: "Memory of what is known of the series of clusters, so that their lines are not read again for each push",
      registers: this.#registers,
      collect() {
        this.set(look());
      },
    });
  }

  /** Looks at a sink whenever metrics are asked for; its counters stand at 0 from now on. */
  watch(sink: string, look: () => WatchedSink): void {
    this.#sinks.set(sink, look);
    for (const counter of [this.#sent, this.#failed, this.#conflated, this.#lostEnds]) counter.inc({ sink }, 0);
    this.#dropped.inc({ sink, status: "400" }, 0);
  }

  /** It has taken samples. */
  sent(sink: string, samples: number): void {
    this.#sent.inc({ sink }, samples);
  }

  /** A request failed, and is sent again. */
  failed(sink: string, samples: number): void {
    this.#failed.inc({ sink }, samples);
  }

  /** It refuses samples for good. */
  dropped(sink: string, { status, samples }: { status: string; samples: number }): void {
    this.#dropped.inc({ sink, status }, samples);
  }

  /** A push was replaced before it was sent. */
  conflated(sink: string): void {
    this.#conflated.inc({ sink });
  }

  /** There is no room for ends of series. */
  lostEnds(sink: string, series: number): void {
    this.#lostEnds.inc({ sink }, series);
  }

  /** What was pushed so long ago is confirmed. */
  delivered(sink: string, afterMs: number): void {
    this.#delivery.set({ sink }, afterMs / 1_000);
  }
}
