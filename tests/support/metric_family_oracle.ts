/**
 * Delimited `io.prometheus.client.MetricFamily` by protobufjs and the published schema, from and to the object model: an
 * independent reading of the bytes that `common/exposition/protobuf.ts` and the server's ingest read and write.
 *
 * @module
 */

import protobuf from "protobufjs";
import type {
  HistogramValue,
  Metric,
  MetricFamily,
  MetricType,
  NativeBuckets,
} from "../../common/exposition/metric_family.ts";

// prometheus/client_model `io/prometheus/client/metrics.proto` of 2025, whole.
const { root } = protobuf.parse(`
  syntax = "proto2";
  package io.prometheus.client;
  message LabelPair { optional string name = 1; optional string value = 2; }
  enum MetricType { COUNTER = 0; GAUGE = 1; SUMMARY = 2; UNTYPED = 3; HISTOGRAM = 4; GAUGE_HISTOGRAM = 5; }
  message Timestamp { optional int64 seconds = 1; optional int32 nanos = 2; }
  message Exemplar { repeated LabelPair label = 1; optional double value = 2; optional Timestamp timestamp = 3; }
  message Gauge { optional double value = 1; }
  message Counter {
    optional double value = 1;
    optional Exemplar exemplar = 2;
    optional Timestamp created_timestamp = 3;
  }
  message Quantile { optional double quantile = 1; optional double value = 2; }
  message Summary {
    optional uint64 sample_count = 1;
    optional double sample_sum = 2;
    repeated Quantile quantile = 3;
    optional Timestamp created_timestamp = 4;
  }
  message Untyped { optional double value = 1; }
  message Bucket {
    optional uint64 cumulative_count = 1;
    optional double cumulative_count_float = 4;
    optional double upper_bound = 2;
    optional Exemplar exemplar = 3;
  }
  message BucketSpan { optional sint32 offset = 1; optional uint32 length = 2; }
  message Histogram {
    optional uint64 sample_count = 1;
    optional double sample_count_float = 4;
    optional double sample_sum = 2;
    repeated Bucket bucket = 3;
    optional Timestamp created_timestamp = 15;
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
    repeated Exemplar exemplars = 16;
  }
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

const TYPES: readonly (MetricType | undefined)[] = [
  "counter",
  "gauge",
  "summary",
  "untyped",
  "histogram",
  "gauge_histogram",
  undefined,
];

/** What protobufjs makes of a timestamp. */
interface WireTimestamp {
  readonly seconds?: number;
  readonly nanos?: number;
}

/** What protobufjs makes of a histogram. */
interface WireHistogram {
  readonly sampleCount?: number;
  readonly sampleCountFloat?: number;
  readonly sampleSum?: number;
  readonly bucket?: readonly {
    readonly cumulativeCount?: number;
    readonly cumulativeCountFloat?: number;
    readonly upperBound?: number;
    readonly exemplar?: unknown;
  }[];
  readonly createdTimestamp?: WireTimestamp;
  readonly schema?: number;
  readonly zeroThreshold?: number;
  readonly zeroCount?: number;
  readonly zeroCountFloat?: number;
  readonly negativeSpan?: readonly { readonly offset?: number; readonly length?: number }[];
  readonly negativeDelta?: readonly number[];
  readonly negativeCount?: readonly number[];
  readonly positiveSpan?: readonly { readonly offset?: number; readonly length?: number }[];
  readonly positiveDelta?: readonly number[];
  readonly positiveCount?: readonly number[];
  readonly exemplars?: readonly unknown[];
}

/** What protobufjs makes of a metric. */
export interface WireMetric {
  readonly label?: readonly { readonly name?: string; readonly value?: string }[];
  readonly gauge?: { readonly value?: number };
  readonly counter?: {
    readonly value?: number;
    readonly exemplar?: unknown;
    readonly createdTimestamp?: WireTimestamp;
  };
  readonly untyped?: { readonly value?: number };
  readonly summary?: {
    readonly sampleCount?: number;
    readonly sampleSum?: number;
    readonly quantile?: readonly { readonly quantile?: number; readonly value?: number }[];
    readonly createdTimestamp?: WireTimestamp;
  };
  readonly histogram?: WireHistogram;
  readonly timestampMs?: number;
}

/** What protobufjs makes of a family. */
export interface WireFamily {
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
      metrics: (wire.metric ?? []).map((metric) => {
        const created = (metric.counter ?? metric.summary ?? metric.histogram)?.createdTimestamp;
        return {
          labels: (metric.label ?? []).map(({ name = "", value = "" }) => ({ name, value })),
          value: valueOf(metric, type),
          ...(metric.timestampMs === undefined ? {} : { timestampMs: metric.timestampMs }),
          ...(created === undefined ? {} : { createdMs: (created.seconds ?? 0) * 1e3 + (created.nanos ?? 0) / 1e6 }),
        };
      }),
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
  if (type === "histogram" || type === "gauge_histogram") return metric.histogram && histogramOf(metric.histogram);
  return metric[type] && (metric[type].value ?? 0);
}

/** A histogram whose fields agree: counts are all integers, or all floating-point numbers. */
function histogramOf(wire: WireHistogram): HistogramValue {
  const isFloat = wire.sampleCountFloat !== undefined;
  const native = wire.schema === undefined ? undefined : {
    schema: wire.schema,
    zeroThreshold: wire.zeroThreshold ?? 0,
    zeroCount: (isFloat ? wire.zeroCountFloat : wire.zeroCount) ?? 0,
    positive: {
      spans: (wire.positiveSpan ?? []).map(({ offset = 0, length = 0 }) => ({ offset, length })),
      counts: isFloat ? wire.positiveCount ?? [] : undone(wire.positiveDelta ?? []),
    },
    negative: {
      spans: (wire.negativeSpan ?? []).map(({ offset = 0, length = 0 }) => ({ offset, length })),
      counts: isFloat ? wire.negativeCount ?? [] : undone(wire.negativeDelta ?? []),
    },
  };
  return {
    count: (isFloat ? wire.sampleCountFloat : wire.sampleCount) ?? 0,
    sum: wire.sampleSum ?? 0,
    buckets: (wire.bucket ?? []).map(({ cumulativeCount = 0, cumulativeCountFloat = 0, upperBound = 0 }) => ({
      upperBound,
      count: isFloat ? cumulativeCountFloat : cumulativeCount,
    })),
    ...(isFloat ? { isFloat } : {}),
    ...(native === undefined ? {} : { native }),
  };
}

function undone(deltas: readonly number[]): number[] {
  return deltas.map((_, i) => deltas.slice(0, i + 1).reduce((sum, delta) => sum + delta, 0));
}

function deltas(counts: readonly number[]): number[] {
  return counts.map((count, i) => i === 0 ? count : count - counts[i - 1]);
}

/** Writes families as a delimited stream, with what `change` makes of each of their metrics. */
export function oracleEncode(
  families: readonly MetricFamily[],
  change: (metric: WireMetric) => WireMetric = (metric) => metric,
): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { name, help, type, unit, metrics } of families) {
    const metric = metrics.map(({ labels, value, timestampMs, createdMs }) =>
      change({
        label: labels,
        timestampMs,
        ...(type === undefined || value === undefined ? {} : { [wireName(type)]: wireValue(value, createdMs) }),
      })
    );
    Family.encodeDelimited(Family.create({ name, help, type: TYPES.indexOf(type), metric, unit }), writer);
  }
  return writer.finish();
}

function wireName(type: MetricType): keyof WireMetric {
  return type === "gauge_histogram" ? "histogram" : type;
}

function wireValue(value: NonNullable<Metric["value"]>, createdMs: number | undefined): Record<string, unknown> {
  const created = createdMs === undefined ? {} : {
    createdTimestamp: {
      seconds: Math.floor(createdMs / 1e3),
      nanos: (createdMs - Math.floor(createdMs / 1e3) * 1e3) * 1e6,
    },
  };
  if (typeof value === "number") return { value, ...created };
  if ("quantiles" in value) {
    return { sampleCount: value.count, sampleSum: value.sum, quantile: value.quantiles, ...created };
  }
  const { count, sum, buckets, isFloat, native } = value;
  const side = (name: "positive" | "negative", { spans, counts }: NativeBuckets) => ({
    [`${name}Span`]: spans,
    [`${name}${isFloat ? "Count" : "Delta"}`]: isFloat ? counts : deltas(counts),
  });
  return {
    [isFloat ? "sampleCountFloat" : "sampleCount"]: count,
    sampleSum: sum,
    bucket: buckets.map(({ upperBound, count }) => ({
      upperBound,
      [isFloat ? "cumulativeCountFloat" : "cumulativeCount"]: count,
    })),
    ...(native === undefined ? {} : {
      schema: native.schema,
      zeroThreshold: native.zeroThreshold,
      [isFloat ? "zeroCountFloat" : "zeroCount"]: native.zeroCount,
      ...side("positive", native.positive),
      ...side("negative", native.negative),
    }),
    ...created,
  };
}
