/**
 * The client's metrics, by the names that operators alert on.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import { SAMPLE_RULE_NAMES, type SampleRule } from "../common/ingest/sample_rules.ts";
import type { Registry } from "../common/metrics.ts";
import type { ClockOwner } from "./clocks.ts";

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
  /** So many samples of a scrape are not sent as they break a rule, or are sent too late to be shown. */
  readonly onDropped: (reason: DropReason, count: number) => void;
  /** The clock of the source or of the server is so far ahead of ours, in milliseconds. */
  readonly onClock: (owner: ClockOwner, differenceMs: number) => void;
}

/** Why a sample is not sent or will not be shown. */
export type DropReason = SampleRule | "older_than_ttl";

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
  const dropped = new Counter({
    name: "telemeter_client_samples_dropped_total",
    help: "Samples that the server would leave out and that are not sent, by rule; and those sent too late to be shown",
    labelNames: ["reason"],
    registers,
  });
  for (const reason of [...SAMPLE_RULE_NAMES, "older_than_ttl"]) dropped.inc({ reason }, 0);
  const clocks = new Gauge({
    name: "telemeter_client_clock_difference_seconds",
    help: "How far the clock of the source and that of the server are ahead of the client's",
    labelNames: ["clock"],
    registers,
  });
  return {
    onDropped: (reason, count) => dropped.inc({ reason }, count),
    onClock: (clock, differenceMs) => clocks.set({ clock }, differenceMs / 1_000),
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
