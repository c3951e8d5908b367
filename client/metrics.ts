/**
 * The client's metrics, by the names that operators alert on.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import type { Registry } from "../common/metrics.ts";

/** What the client counts: each function hears of one kind of event. */
export interface ClientMetrics {
  /** A scrape brought so many samples, of which the rules kept so many. */
  readonly onSamples: (counts: { scraped: number; kept: number }) => void;
  /** A forward begins. */
  readonly onForward: () => void;
  /** A forward failed. */
  readonly onFailure: () => void;
  /** A scrape was answered with this status. */
  readonly onRetrieved: (status: number) => void;
  /** A push was answered with this status. */
  readonly onSent: (status: number) => void;
}

/** Registers the client's metrics. */
export function clientMetrics(registry: Registry): ClientMetrics {
  const registers = [registry];
  const byStatus = (name: string, help: string, client: string) => {
    const counter = new Counter({ name, help, labelNames: ["client", "status_code"], registers });
    return (status: number) => counter.inc({ client, status_code: String(status) });
  };
  const samples = new Gauge({ name: "federate_samples", help: "Samples of the last scrape", registers });
  const filtered = new Gauge({
    name: "federate_filtered_samples",
    help: "Samples of the last scrape that the rules held back",
    registers,
  });
  const forwards = new Counter({
    name: "federate_requests_total",
    help: "Forwards, whether or not they succeeded",
    registers,
  });
  const failures = new Counter({
    name: "federate_requests_failed_total",
    help: "Forwards that failed at the scrape, the token exchange or the push",
    registers,
  });
  return {
    onSamples: ({ scraped, kept }) => {
      samples.set(scraped);
      filtered.set(scraped - kept);
    },
    onForward: () => forwards.inc(),
    onFailure: () => failures.inc(),
    onRetrieved: byStatus("metricsclient_request_retrieve", "Answers to scrapes, by status", "federate_from"),
    onSent: byStatus("metricsclient_request_send", "Answers to pushes, by status", "federate_to"),
  };
}
