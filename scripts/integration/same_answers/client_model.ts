/**
 * What an instrumented program answers to a scrape in protobuf, written by protobufjs and the published schema: independent of
 * the codec that the trial is to prove.
 *
 * @module
 */

import protobuf from "protobufjs";

// prometheus/client_model `io/prometheus/client/metrics.proto`: what the families of the trial use.
const { root } = protobuf.parse(`
  syntax = "proto2";
  package io.prometheus.client;
  message LabelPair { optional string name = 1; optional string value = 2; }
  enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; GAUGE_HISTOGRAM = 5; }
  message Gauge { optional double value = 1; }
  message Counter { optional double value = 1; }
  message Untyped { optional double value = 1; }
  message Quantile { optional double quantile = 1; optional double value = 2; }
  message Summary { optional uint64 sample_count = 1; optional double sample_sum = 2; repeated Quantile quantile = 3; }
  message Bucket { optional uint64 cumulative_count = 1; optional double upper_bound = 2; }
  message BucketSpan { optional sint32 offset = 1; optional uint32 length = 2; }
  message Histogram {
    optional uint64 sample_count = 1;
    optional double sample_count_float = 4;
    optional double sample_sum = 2;
    repeated Bucket bucket = 3;
    optional sint32 schema = 5;
    optional double zero_threshold = 6;
    optional uint64 zero_count = 7;
    optional double zero_count_float = 8;
    repeated BucketSpan negative_span = 9;
    repeated sint64 negative_delta = 10;
    repeated double negative_count = 11;
    repeated BucketSpan positive_span = 12;
    repeated sint64 positive_delta = 13;
    repeated double positive_count = 14;
  }
  message Metric {
    repeated LabelPair label = 1;
    optional Gauge gauge = 2;
    optional Counter counter = 3;
    optional Summary summary = 4;
    optional Untyped untyped = 5;
    optional Histogram histogram = 7;
  }
  message MetricFamily {
    optional string name = 1;
    optional string help = 2;
    optional MetricType type = 3;
    repeated Metric metric = 4;
  }
`);
const Family = root.lookupType("io.prometheus.client.MetricFamily");

/** What {@linkcode encodePage} writes. */
export const PAGE_CONTENT_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8";

/** The buckets of one side of a native histogram, all in one span; whole counts are written as deltas. */
export interface NativeSide {
  /** The index of the first bucket. */
  readonly offset: number;
  /** Observations in each bucket. */
  readonly counts: readonly number[];
}

/** The native form of a histogram. */
export interface NativeForm {
  /** The resolution: bounds grow by the factor 2^(2^-schema). */
  readonly schema: number;
  /** Half the width of the zero bucket. */
  readonly zeroThreshold: number;
  /** Observations in the zero bucket. */
  readonly zeroCount: number;
  /** Observations above the zero bucket. */
  readonly positive?: NativeSide;
  /** Observations below the zero bucket. */
  readonly negative?: NativeSide;
}

/** A histogram: classic buckets, which are cumulative, or native ones, or both. */
export interface ExposedHistogram {
  /** How many observations there were. */
  readonly count: number;
  /** What they add up to. */
  readonly sum: number;
  /** The classic form: how many observations were at most each bound. */
  readonly classic?: readonly { readonly upperBound: number; readonly count: number }[];
  /** The native form. */
  readonly native?: NativeForm;
  /** Whether counts are written as floating-point numbers. */
  readonly isFloat?: boolean;
}

/** A summary. */
export interface ExposedSummary {
  /** How many observations there were. */
  readonly count: number;
  /** What they add up to. */
  readonly sum: number;
  /** Values by quantile. */
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
}

/** One sample: its labels and value. */
export interface ExposedMetric<Value> {
  /** Values by name. */
  readonly labels?: Readonly<Record<string, string>>;
  /** As the family's type has it. */
  readonly value: Value;
}

/** One family of a page. */
export type ExposedFamily =
  & { readonly name: string }
  & (
    | { readonly type: "counter" | "gauge" | "untyped"; readonly metrics: readonly ExposedMetric<number>[] }
    | { readonly type: "summary"; readonly metrics: readonly ExposedMetric<ExposedSummary>[] }
    | { readonly type: "histogram" | "gauge_histogram"; readonly metrics: readonly ExposedMetric<ExposedHistogram>[] }
  );

/** Writes families as delimited protobuf. */
export function encodePage(families: readonly ExposedFamily[]): Uint8Array<ArrayBuffer> {
  const writer = protobuf.Writer.create();
  for (const { name, type, metrics } of families) {
    const metric = metrics.map(({ labels = {}, value }) => ({
      label: Object.entries(labels).map(([name, value]) => ({ name, value })),
      ...valueFields(type, value),
    }));
    const message = Family.fromObject({ name, help: `A ${type} of the trial.`, type: type.toUpperCase(), metric });
    Family.encodeDelimited(message, writer);
  }
  return new Uint8Array(writer.finish());
}

function valueFields(
  type: ExposedFamily["type"],
  value: number | ExposedSummary | ExposedHistogram,
): Record<string, unknown> {
  if (typeof value === "number") return { [type]: { value } };
  if ("quantiles" in value) {
    return { summary: { sampleCount: value.count, sampleSum: value.sum, quantile: value.quantiles } };
  }
  return { histogram: histogramFields(value) };
}

function histogramFields({ count, sum, classic = [], native, isFloat = false }: ExposedHistogram) {
  return {
    [isFloat ? "sampleCountFloat" : "sampleCount"]: count,
    sampleSum: sum,
    bucket: classic.map(({ upperBound, count }) => ({ upperBound, cumulativeCount: count })),
    ...(native === undefined ? {} : {
      schema: native.schema,
      zeroThreshold: native.zeroThreshold,
      [isFloat ? "zeroCountFloat" : "zeroCount"]: native.zeroCount,
      ...sideFields("positive", native.positive, { isFloat }),
      ...sideFields("negative", native.negative, { isFloat }),
    }),
  };
}

function sideFields(
  side: "positive" | "negative",
  buckets: NativeSide | undefined,
  { isFloat }: { isFloat: boolean },
): Record<string, unknown> {
  if (buckets === undefined) return {};
  const { offset, counts } = buckets;
  const span = { [`${side}Span`]: [{ offset, length: counts.length }] };
  if (isFloat) return { ...span, [`${side}Count`]: counts };
  return { ...span, [`${side}Delta`]: counts.map((count, index) => count - (counts[index - 1] ?? 0)) };
}
