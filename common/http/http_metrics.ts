/**
 * What is counted of HTTP requests and connections.
 *
 * @module
 */

import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "../metrics.ts";
import { CUTS } from "./connection.ts";
import { SHARES } from "./connection_places.ts";

/** The methods that get a label of their own; all others share `other`. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The HTTP metrics of one program, registered once and shared by its listeners and handlers. */
export class HttpMetrics {
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
      help: "Requests answered, by status code, handler and method.",
      labelNames: ["code", "handler", "method"],
      registers,
    });
    this.#duration = new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the headers of a request to the end of its response.",
      labelNames: ["code", "handler", "method"],
      // openshift/telemeter's buckets from 0.25 up, and finer ones below: a push takes milliseconds here.
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#refused = new Counter({
      name: "telemeter_http_connections_refused_total",
      help:
        "Connections closed at once because there were too many, in all, from their address or from its network, and none gave way.",
      labelNames: ["listener", "reason"],
      registers,
    });
    this.#cut = new Counter({
      name: "telemeter_http_connections_cut_total",
      help:
        "Connections that the server cut because they were slow, idle or broke the protocol, or gave way to others (room_…), by reason.",
      labelNames: ["listener", "reason"],
      registers,
    });
    new Gauge({
      name: "telemeter_http_connections",
      help: "Open connections.",
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
  refused(listener: string, reason: string): void {
    this.#refused.inc({ listener, reason });
  }

  /** Counts a connection that was cut. */
  cut(listener: string, reason: string): void {
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
