/**
 * Delimited `io.prometheus.client.MetricFamily` by protobufjs and the published schema, from and to the object model: an
 * independent reading of the bytes that `common/exposition/protobuf.ts` and the server's ingest read and write.
 *
 * @module
 */

import protobuf from "protobufjs";
import type { Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";

// prometheus/client_model `io/prometheus/client/metrics.proto`, without exemplars and native histograms.
const { root } = protobuf.parse(`
  syntax = "proto2";
  package io.prometheus.client;
  message LabelPair { optional string name = 1; optional string value = 2; }
  enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; GAUGE_HISTOGRAM = 5; }
  message Gauge { optional double value = 1; }
  message Counter { optional double value = 1; }
  message Quantile { optional double quantile = 1; optional double value = 2; }
  message Summary {
    optional uint64 sample_count = 1;
    optional double sample_sum = 2;
    repeated Quantile quantile = 3;
  }
  message Untyped { optional double value = 1; }
  message Bucket { optional uint64 cumulative_count = 1; optional double upper_bound = 2; }
  message Histogram { optional uint64 sample_count = 1; optional double sample_sum = 2; repeated Bucket bucket = 3; }
  message Metric {
    repeated LabelPair label = 1;
    optional Gauge gauge = 2;
    optional Counter counter = 3;
    optional Summary summary = 4;
    optional Untyped untyped = 5;
    optional Histogram histogram = 7;
    optional int64 timestamp_ms = 6;
  }
  message MetricFamily {
    optional string name = 1;
    optional string help = 2;
    optional MetricType type = 3;
    repeated Metric metric = 4;
    optional string unit = 5;
  }
`);
const Family = root.lookupType("io.prometheus.client.MetricFamily");

const TYPES: readonly (MetricType | undefined)[] = ["counter", "gauge", "summary", "untyped", "histogram", undefined];

/** What protobufjs makes of a metric. */
interface WireMetric {
  readonly label?: readonly { readonly name?: string; readonly value?: string }[];
  readonly gauge?: { readonly value?: number };
  readonly counter?: { readonly value?: number };
  readonly untyped?: { readonly value?: number };
  readonly summary?: {
    readonly sampleCount?: number;
    readonly sampleSum?: number;
    readonly quantile?: readonly { readonly quantile?: number; readonly value?: number }[];
  };
  readonly histogram?: {
    readonly sampleCount?: number;
    readonly sampleSum?: number;
    readonly bucket?: readonly { readonly cumulativeCount?: number; readonly upperBound?: number }[];
  };
  readonly timestampMs?: number;
}

/** What protobufjs makes of a family. */
interface WireFamily {
  readonly name?: string;
  readonly help?: string;
  readonly type?: number;
  readonly metric?: readonly WireMetric[];
  readonly unit?: string;
}

/** Reads delimited families; throws what protobufjs throws. Fields that proto2 leaves absent get its defaults. */
export function oracleDecode(bytes: Uint8Array): MetricFamily[] {
  const reader = protobuf.Reader.create(bytes);
  const families: MetricFamily[] = [];
  while (reader.pos < reader.len) {
    const wire: WireFamily = Family.toObject(Family.decodeDelimited(reader), { longs: Number });
    const type = TYPES[wire.type ?? 0];
    families.push({
      name: wire.name ?? "",
      ...(wire.help === undefined ? {} : { help: wire.help }),
      type,
      ...(wire.unit === undefined ? {} : { unit: wire.unit }),
      metrics: (wire.metric ?? []).map((metric) => ({
        labels: (metric.label ?? []).map(({ name = "", value = "" }) => ({ name, value })),
        value: valueOf(metric, type),
        ...(metric.timestampMs === undefined ? {} : { timestampMs: metric.timestampMs }),
      })),
    });
  }
  return families;
}

function valueOf(metric: WireMetric, type: MetricType | undefined): Metric["value"] {
  if (type === undefined) return undefined;
  if (type === "summary") {
    return metric.summary && {
      count: metric.summary.sampleCount ?? 0,
      sum: metric.summary.sampleSum ?? 0,
      quantiles: (metric.summary.quantile ?? []).map(({ quantile = 0, value = 0 }) => ({ quantile, value })),
    };
  }
  if (type === "histogram") {
    return metric.histogram && {
      count: metric.histogram.sampleCount ?? 0,
      sum: metric.histogram.sampleSum ?? 0,
      buckets: (metric.histogram.bucket ?? []).map(({ cumulativeCount: count = 0, upperBound = 0 }) => ({
        upperBound,
        count,
      })),
    };
  }
  return metric[type] && (metric[type].value ?? 0);
}

/** Writes families as a delimited stream. */
export function oracleEncode(families: readonly MetricFamily[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { name, help, type, unit, metrics } of families) {
    const metric = metrics.map(({ labels, value, timestampMs }) => ({
      label: labels,
      timestampMs,
      ...(type === undefined || value === undefined ? {} : { [type]: wireValue(value) }),
    }));
    Family.encodeDelimited(Family.create({ name, help, type: TYPES.indexOf(type), metric, unit }), writer);
  }
  return writer.finish();
}

function wireValue(value: NonNullable<Metric["value"]>): Record<string, unknown> {
  if (typeof value === "number") return { value };
  const whole = { sampleCount: value.count, sampleSum: value.sum };
  if ("quantiles" in value) return { ...whole, quantile: value.quantiles };
  return {
    ...whole,
    bucket: value.buckets.map(({ upperBound, count }) => ({ upperBound, cumulativeCount: count })),
  };
}
