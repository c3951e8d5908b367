/**
 * What leaves for a server of what the rules have kept: labelled as the token says, in names and forms that the server takes,
 * and without the samples that it would leave out, found by the server's own code.
 *
 * @module
 */

import type { Metric, MetricFamily } from "../common/exposition/metric_family.ts";
import { escapeFamilies } from "../common/exposition/escape_families.ts";
import { MAX_NAME_BYTES } from "../common/exposition/names.ts";
import type { EncodedLabels } from "../common/exposition/label_memory.ts";
import { encodeFamilies } from "../common/exposition/protobuf.ts";
import { Ingester } from "../common/ingest/ingester.ts";
import { Losses } from "../common/ingest/losses.ts";
import type { TimedFamilies } from "../common/ingest/sample_runs.ts";
import { plainText } from "../common/plain_text.ts";
import { type LeftOut, SAMPLE_RULES, type SampleRule } from "../common/ingest/sample_rules.ts";
import { type ServerAbilities, UNKNOWN_SERVER } from "../common/ingest/server_abilities.ts";
import { dedupe } from "./transforms/dedupe.ts";
import { dropEmpty } from "./transforms/drop_empty.ts";
import { type Account, countSamples, type Transform } from "./transforms/pipeline.ts";
import { setLabels } from "./transforms/set_labels.ts";

/** How old a sample may be for a server to take it, in milliseconds: 24 hours. */
const MAX_AGE_MS = 86_400_000;

/** What a push may grow by from one to the next without being moved. */
const SPARE_BYTES = 4_096;

/** What a server that does not say that it takes it does not get, by the rule of the account that it falls under. */
export const BEYOND_SERVER = {
  native_histogram: "native histograms (the server does not say that it takes them)",
  utf8_name: "underscores (the server does not say that it takes UTF-8 names, and others have the name)",
} as const;

/** Where the push goes. */
export interface Destination {
  /** The labels of the token. */
  readonly labels: ReadonlyMap<string, string>;
  /** What the server takes. */
  readonly server: ServerAbilities;
  /** The server's clock, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A push that is ready to leave. */
export interface Outgoing {
  /** Its families. */
  readonly families: readonly MetricFamily[];
  /** The same, as delimited protobuf. */
  readonly encoded: Uint8Array;
  /** The same, as lines with their times: a view that holds until the next push is prepared. */
  readonly lines: TimedFamilies;
  /** What the server would leave out, and so is not sent. */
  readonly leftOut: LeftOut;
  /** Lines that the server would be too late to show. */
  readonly stale: number;
}

/** Prepares pushes. */
export class OutgoingPushes {
  readonly #encodedLabels: EncodedLabels = new WeakMap();
  /** The length of the last push, which the next one will have as well. */
  #encodedBytes = 0;
  #labelling: { readonly labels: ReadonlyMap<string, string>; readonly rule: Transform } | undefined;
  #checker: { readonly key: string; readonly ingester: Ingester } | undefined;

  /** Prepares what is left of a scrape for a destination; `account` hears what was done to it. */
  prepare(kept: readonly MetricFamily[], { labels, server, nowMs }: Destination, account: Account): Outgoing {
    const forServer = [this.#labellingWith(labels)];
    if (!server.takesNativeHistograms) forServer.push(dropNative);
    if (!server.takesUtf8Names) forServer.push(escapeNames);
    const labelled = [...forServer, dropEmpty].reduce((passed, rule) => rule(passed, account), kept);
    const lost = new Map<number, Set<number>>();
    let checked = labelled;
    const losses = new Losses(({ rule, family, sample, what }) => {
      const samples = lost.get(family);
      if (samples === undefined) lost.set(family, new Set([sample]));
      else samples.add(sample);
      account.drop({ ...describeRule(rule, what), metric: checked[family].name });
    });
    const wanted = checked = withoutUnknownTypes(labelled, losses);
    lost.clear();
    const encoded = this.#encode(wanted);
    if (encoded.length === 0) return { families: wanted, encoded, lines: NO_LINES, leftOut: losses.leftOut, stale: 0 };
    const lines = this.#ingesterFor(server).ingest(encoded, { identity: labels, nowMs, losses });
    const { stale, leftOut } = lines;
    const usable = lost.size === 0 ? wanted : wanted.map((family, i) => {
      const samples = lost.get(i);
      return samples ? { ...family, metrics: family.metrics.filter((_, at) => !samples.has(at)) } : family;
    }).filter(({ metrics }) => metrics.length > 0);
    // Only now, since a twin that cannot be used replaces nothing.
    const families = dedupe(usable, account);
    const isWhole = countSamples(families) === countSamples(wanted);
    return { families, encoded: isWhole ? encoded : this.#encode(families), lines, leftOut, stale };
  }

  #encode(families: readonly MetricFamily[]): Uint8Array<ArrayBuffer> {
    const roomBytes = this.#encodedBytes + SPARE_BYTES;
    const encoded = encodeFamilies(families, { labels: this.#encodedLabels, roomBytes });
    this.#encodedBytes = encoded.length;
    return encoded;
  }

  /** The rule that sets the labels of a token: the same as long as the token is, as it remembers what it has set. */
  #labellingWith(labels: ReadonlyMap<string, string>): Transform {
    if (this.#labelling?.labels !== labels) {
      this.#labelling = { labels, rule: setLabels(labels, { origin: "token label" }) };
    }
    return this.#labelling.rule;
  }

  /** The check by which a server with these limits goes. Limits of the push as a whole are the server's own to tell. */
  #ingesterFor({ takesAnyTimestamps, maxLabels, maxAheadMs, ttlMs }: ServerAbilities): Ingester {
    const key = `${takesAnyTimestamps} ${maxLabels} ${maxAheadMs} ${ttlMs}`;
    if (this.#checker?.key !== key) {
      const ingester = new Ingester({
        set: new Map(),
        elide: new Set(),
        always: new Set(),
        limits: { maxFamilies: Infinity, maxSeries: Infinity, maxLabels },
        maxTextBytes: Infinity,
        maxLabelBytes: MAX_NAME_BYTES,
        maxNameBytes: MAX_NAME_BYTES,
        maxAgeMs: MAX_AGE_MS,
        maxAheadMs,
        ttlMs,
        honorTimestamps: !takesAnyTimestamps,
      });
      this.#checker = { key, ingester };
    }
    return this.#checker.ingester;
  }
}

/** Where a push goes that no server has been asked for yet. */
export const NOWHERE: Omit<Destination, "nowMs"> = { labels: new Map(), server: UNKNOWN_SERVER };

/** Who takes whatever we have: a receiver of remote write that gives no tokens, and in a dry run whoever it may be. */
export const ANYWHERE: Omit<Destination, "nowMs"> = {
  labels: new Map(),
  server: { ...UNKNOWN_SERVER, takesUtf8Names: true, takesNativeHistograms: true },
};

const NO_LINES: TimedFamilies = {
  text: new Uint8Array(),
  blocks: [],
  runs: new Uint32Array(),
  natives: new Uint8Array(),
  baseMs: 0,
};

/** A rule for samples as the account has it, with what is wrong and what mends that. */
export function describeRule(rule: SampleRule, what: string): { readonly rule: string; readonly why: string } {
  const { what: usual, mend } = SAMPLE_RULES[rule];
  return { rule: `rule ${rule} (${usual})`, why: what === usual ? mend : `${what}; ${mend}` };
}

/** What can be written: a type that is not known has no number. */
function withoutUnknownTypes(families: readonly MetricFamily[], losses: Losses): readonly MetricFamily[] {
  return families.filter(({ name, type, metrics }, family) => {
    if (type !== undefined) return true;
    const { what } = SAMPLE_RULES.family_type;
    metrics.forEach((_, sample) => losses.note({ rule: "family_type", what, family, sample, series: plainText(name) }));
    return false;
  });
}

/** Drops native histograms, and those that count by floating-point numbers: an old server would show them with a count of 0. */
const dropNative: Transform = (families, account) =>
  families.map((family) => {
    if (family.type !== "histogram" && family.type !== "gauge_histogram") return family;
    const metrics = family.type === "gauge_histogram" ? [] : family.metrics.filter(({ value }) => !isNewForm(value));
    if (metrics.length === family.metrics.length) return family;
    const dropped = family.metrics.length - metrics.length;
    const why =
      "the server does not say that it takes native histograms, or counts that are no whole numbers: update it";
    account.drop({ rule: BEYOND_SERVER.native_histogram, metric: family.name, why }, dropped);
    return { ...family, metrics };
  });

/** Whether it is a histogram in a form that old servers do not know. What is no histogram at all falls under a rule for samples. */
function isNewForm(value: Metric["value"]): boolean {
  return typeof value === "object" && "buckets" in value && (value.native !== undefined || value.isFloat === true);
}

/** Writes underscores for what not every server takes in names. */
const escapeNames: Transform = (families, account) =>
  escapeFamilies(families, ({ what, metric, escaped }) => {
    const rule = BEYOND_SERVER.utf8_name;
    const why = `with underscores it would be ${escaped}, as others are: update the server, or rename one of them`;
    if (what === "label") account.add(rule, "truncated", 1);
    else account.drop({ rule, metric, why });
  });
