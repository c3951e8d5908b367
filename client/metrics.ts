/**
 * The client's metrics, by the names that operators alert on.
 *
 * @module
 */

import { SAMPLE_RULE_NAMES, type SampleRule } from "../common/ingest/sample_rules.ts";
import { type FamilyRegistry, metricOf } from "../common/exposition/family_registry.ts";
import { processMetrics } from "../common/process_metrics.ts";
import type { ClockOwner } from "./clocks.ts";
import { BEYOND_SERVER } from "./outgoing.ts";

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
  /** So many samples of a scrape are not sent as they break a rule or the server is too old, or are sent in vain. */
  readonly onDropped: (reason: DropReason, count: number) => void;
  /** The clock of the source or of the server is so far ahead of ours, in milliseconds. */
  readonly onClock: (owner: ClockOwner, differenceMs: number) => void;
}

/** Why a sample is not sent or will not be shown. */
export type DropReason = SampleRule | keyof typeof BEYOND_SERVER | "older_than_ttl";

/** Registers the client's metrics. */
export function clientMetrics(registry: FamilyRegistry): ClientMetrics {
  const labelled = { labelled: true };
  const byStatus = (name: string, help: string, client: string) => {
    const counter = registry.counter({ name, help }, labelled);
    return (status: number) => counter.add(1, { client, status_code: String(status) });
  };
  const samples = registry.gauge({ name: "federate_samples", help: "Samples of the last scrape" });
  const filtered = registry.gauge({
    name: "federate_filtered_samples",
    help: "Samples of the last scrape that the rules held back",
  });
  const forwards = registry.counter({
    name: "federate_requests_total",
    help: "Forwards, whether or not they succeeded",
  });
  const failures = registry.counter({
    name: "federate_requests_failed_total",
    help: "Forwards that failed at the scrape, the token exchange or the push",
  });
  const dropped = registry.counter({
    name: "telemeter_client_samples_dropped_total",
    help:
      "Samples that the server would leave out, or is too old for, and that are not sent; and those sent too late to be shown",
  }, labelled);
  for (const reason of [...SAMPLE_RULE_NAMES, ...Object.keys(BEYOND_SERVER), "older_than_ttl"]) {
    dropped.add(0, { reason });
  }
  const clocks = registry.gauge({
    name: "telemeter_client_clock_difference_seconds",
    help: "How far the clock of the source and that of the server are ahead of the client's",
  }, labelled);
  return {
    onDropped: (reason, count) => dropped.add(count, { reason }),
    onClock: (clock, differenceMs) => clocks.set(differenceMs / 1_000, { clock }),
    onSamples: ({ scraped, kept }) => {
      samples.set(scraped);
      filtered.set(scraped - kept);
    },
    onForward: () => forwards.add(1),
    onFailure: () => failures.add(1),
    onRetrieved: byStatus("metricsclient_request_retrieve", "Answers to scrapes, by status", "federate_from"),
    onSent: byStatus("metricsclient_request_send", "Answers to pushes, by status", "federate_to"),
  };
}

/** Registers the metrics of the process that runs the client, which starts now. */
export function addProcessMetrics(registry: FamilyRegistry): void {
  for (const { name, help, type, read } of processMetrics({ startedAtMs: Date.now() })) {
    registry.read(() => ({ name, help, type, metrics: read().map(({ labels, value }) => metricOf(labels, value)) }));
  }
}
