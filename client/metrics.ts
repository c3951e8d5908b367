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
  /** A forward failed at a stage. */
  readonly onFailure: (stage: ForwardStage) => void;
  /** A scrape was read, or a push was taken, at a time in milliseconds since the epoch. */
  readonly onDone: (what: "scrape" | "push", nowMs: number) => void;
  /** A scrape was answered with this status. */
  readonly onRetrieved: (status: number) => void;
  /** A push was answered with this status. */
  readonly onSent: (status: number) => void;
  /** So many samples of a scrape are not sent as they break a rule or the server is too old, or are sent in vain. */
  readonly onDropped: (reason: DropReason, count: number) => void;
  /** The clock of the source or of the server is so far ahead of ours, in milliseconds. */
  readonly onClock: (owner: ClockOwner, differenceMs: number) => void;
}

/** The stages of a forward: what it did when it failed. */
export const FORWARD_STAGES = ["scrape", "rules", "exchange", "push"] as const;

/** One of {@linkcode FORWARD_STAGES}. */
export type ForwardStage = typeof FORWARD_STAGES[number];

/** Why a sample is not sent or will not be shown. */
export type DropReason = SampleRule | keyof typeof BEYOND_SERVER | "older_than_ttl";

/** Registers the client's metrics. */
export function clientMetrics(registry: FamilyRegistry): ClientMetrics {
  const labelled = { labelled: true };
  // Names of openshift/telemeter stay for those who alert on them; beside each stands one that keeps to the conventions.
  const byStatus = (name: string, help: string, { client, twin }: { client: string; twin: string }) => {
    const counter = registry.counter({ name, help: `${help}; the same as ${twin}` }, labelled);
    const conventional = registry.counter({ name: twin, help }, labelled);
    return (status: number) => {
      counter.add(1, { client, status_code: String(status) });
      conventional.add(1, { status_code: String(status) });
    };
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
  const byStage = registry.counter({
    name: "telemeter_client_forwards_failed_total",
    help: "Forwards that failed, by the stage at which they did",
  }, labelled);
  for (const stage of FORWARD_STAGES) byStage.add(0, { stage });
  const done = {
    scrape: registry.gauge({
      name: "telemeter_client_last_scrape_timestamp_seconds",
      help: "When the source was last read, in seconds since the epoch; 0 before the first time",
    }),
    push: registry.gauge({
      name: "telemeter_client_last_push_timestamp_seconds",
      help: "When a push was last taken, in seconds since the epoch; 0 before the first time",
    }),
  };
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
    onFailure: (stage) => {
      failures.add(1);
      byStage.add(1, { stage });
    },
    onDone: (what, nowMs) => done[what].set(nowMs / 1_000),
    onRetrieved: byStatus("metricsclient_request_retrieve", "Answers to scrapes, by status", {
      client: "federate_from",
      twin: "telemeter_client_scrape_answers_total",
    }),
    onSent: byStatus("metricsclient_request_send", "Answers to pushes, by status", {
      client: "federate_to",
      twin: "telemeter_client_push_answers_total",
    }),
  };
}

/** Registers the metrics of the process that runs the client, which starts now. */
export function addProcessMetrics(registry: FamilyRegistry): void {
  for (const { name, help, type, read } of processMetrics({ startedAtMs: Date.now() })) {
    registry.read(() => ({ name, help, type, metrics: read().map(({ labels, value }) => metricOf(labels, value)) }));
  }
}
