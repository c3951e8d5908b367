/**
 * The published schema of `io.prometheus.client.MetricFamily`, whole, for protobufjs, and what that makes of a message.
 *
 * @module
 */

import protobuf from "protobufjs";

// prometheus/client_model `io/prometheus/client/metrics.proto` of 2025, whole, but for types that are the same on the wire and
// lose nothing: names and values are bytes, since protobufjs replaces what is not UTF-8, and integers have 64 bits, since it
// cuts off what is beyond 32.
const { root } = protobuf.parse(`
  syntax = "proto2";
  package io.prometheus.client;
  message LabelPair { optional bytes name = 1; optional bytes value = 2; }
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
  message BucketSpan { optional sint64 offset = 1; optional uint64 length = 2; }
  message Histogram {
    optional uint64 sample_count = 1;
    optional double sample_count_float = 4;
    optional double sample_sum = 2;
    repeated Bucket bucket = 3;
    optional Timestamp created_timestamp = 15;
    optional sint64 schema = 5;
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
    optional bytes name = 1;
    optional string help = 2;
    optional int64 type = 3; // COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM from 0 on.
    repeated Metric metric = 4;
    optional string unit = 5;
  }
`);
/** A family. */
export const Family: protobuf.Type = root.lookupType("io.prometheus.client.MetricFamily");
/** A sample of one. */
export const Sample: protobuf.Type = root.lookupType("io.prometheus.client.Metric");

/** What protobufjs makes of a timestamp. */
export interface WireTimestamp {
  readonly seconds?: number;
  readonly nanos?: number;
}

/** What protobufjs makes of a histogram. */
export interface WireHistogram {
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
  readonly label?: readonly { readonly name?: Uint8Array; readonly value?: Uint8Array }[];
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
  readonly name?: Uint8Array;
  readonly help?: string;
  readonly type?: number;
  readonly metric?: readonly WireMetric[];
  readonly unit?: string;
}
