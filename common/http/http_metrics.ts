/**
 * What is counted of HTTP requests and connections.
 *
 * @module
 */

import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "../metrics.ts";
import {
  CONNECTION_METRICS,
  type ConnectionMetrics,
  type Cut,
  CUTS,
  type ShareKind,
  SHARES,
} from "./connection_counts.ts";

/** The methods that get a label of their own; all others share `other`. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The HTTP metrics of one program, registered once and shared by its listeners and handlers. */
export class HttpMetrics implements ConnectionMetrics {
  readonly #requests: Counter<"code" | "handler" | "method">;
  readonly #duration: Histogram<"code" | "handler" | "method">;
  readonly #refused: Counter<"listener" | "reason">;
  readonly #cut: Counter<"listener" | "reason">;
  readonly #open = new Map<string, () => number>();

  /** Registers the metrics. */
  constructor(registry: Registry) {
    const registers = [registry], open = this.#open;
    this.#requests = new Counter({
      name: "http_requests_total",
      help: "Requests answered, by status code, handler and method",
      labelNames: ["code", "handler", "method"],
      registers,
    });
    this.#duration = new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the headers of a request to the end of its response",
      labelNames: ["code", "handler", "method"],
      // openshift/telemeter's buckets from 0.25 up, and finer ones below: a push takes milliseconds here.
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    const labelNames = ["listener", "reason"] as const;
    this.#refused = new Counter({ ...CONNECTION_METRICS.refused, labelNames, registers });
    this.#cut = new Counter({ ...CONNECTION_METRICS.cut, labelNames, registers });
    new Gauge({
      ...CONNECTION_METRICS.open,
      labelNames: ["listener"],
      registers,
      collect() {
        this.reset();
        for (const [listener, count] of open) this.set({ listener }, count());
      },
    });
  }

  /** Counts a request that took so long. */
  observe({ code, handler, method, seconds }: {
    code: number;
    handler: string;
    method: string;
    seconds: number;
  }): void {
    const labels = { code: String(code), handler, method: METHODS.has(method) ? method.toLowerCase() : "other" };
    this.#requests.inc(labels);
    this.#duration.observe(labels, seconds);
  }

  /** Counts a connection that was not let in. */
  refused(listener: string, reason: ShareKind): void {
    this.#refused.inc({ listener, reason });
  }

  /** Counts a connection that was cut. */
  cut(listener: string, reason: Cut): void {
    this.#cut.inc({ listener, reason });
  }

  /** Shows how many connections a listener has open until the returned function is called, and from now on what is counted. */
  watchOpen(listener: string, count: () => number): () => void {
    for (const reason of SHARES) this.#refused.inc({ listener, reason }, 0);
    for (const reason of CUTS) this.#cut.inc({ listener, reason }, 0);
    this.#open.set(listener, count);
    return () => void this.#open.delete(listener);
  }
}
