/**
 * The client's metrics, by the names that operators alert on.
 *
 * @module
 */

import { Counter, Gauge, type Registry } from "prom-client";

/** What the client counts. */
export interface ClientMetrics {
  /** Samples of the last scrape. */
  readonly samples: Gauge;
  /** Samples of the last scrape that were not sent on. */
  readonly filteredSamples: Gauge;
  /** Forwards, whatever came of them. */
  readonly requests: Counter;
  /** Forwards that failed. */
  readonly requestsFailed: Counter;
  /** Hears the status of each scrape. */
  readonly onRetrieved: (status: number) => void;
  /** Hears the status of each push. */
  readonly onSent: (status: number) => void;
}

/** Registers the client's metrics. */
export function clientMetrics(registry: Registry): ClientMetrics {
  const registers = [registry];
  const byStatus = (name: string, help: string, client: string) => {
    const counter = new Counter({ name, help, labelNames: ["client", "status_code"], registers });
    return (status: number) => counter.inc({ client, status_code: String(status) });
  };
  return {
    samples: new Gauge({ name: "federate_samples", help: "The samples of the last scrape", registers }),
    filteredSamples: new Gauge({
      name: "federate_filtered_samples",
      help: "The samples of the last scrape that the rules kept back",
      registers,
    }),
    requests: new Counter({ name: "federate_requests_total", help: "Forwards, whatever came of them", registers }),
    requestsFailed: new Counter({
      name: "federate_requests_failed_total",
      help: "Forwards that failed at the scrape, the token exchange or the push",
      registers,
    }),
    onRetrieved: byStatus("metricsclient_request_retrieve", "Answers to scrapes by status", "federate_from"),
    onSent: byStatus("metricsclient_request_send", "Answers to pushes by status", "federate_to"),
  };
}
