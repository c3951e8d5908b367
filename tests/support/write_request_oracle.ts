/**
 * Requests of remote write by protobufjs, snappyjs and the published schemas: an independent writer of what `common/remote_write/`
 * reads, and an independent reader of what it writes.
 *
 * @module
 */

import protobuf from "protobufjs";
import snappy from "snappyjs";
import type { Label } from "../../common/exposition/metric_family.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";

const HISTOGRAM = `
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }
  message Histogram {
    oneof count { uint64 count_int = 1; double count_float = 2; }
    double sum = 3;
    sint32 schema = 4;
    double zero_threshold = 5;
    oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
    repeated BucketSpan negative_spans = 8;
    repeated sint64 negative_deltas = 9;
    repeated double negative_counts = 10;
    repeated BucketSpan positive_spans = 11;
    repeated sint64 positive_deltas = 12;
    repeated double positive_counts = 13;
    int32 reset_hint = 14;
    int64 timestamp = 15;
    repeated double custom_values = 16;
    int64 start_timestamp = 17;
  }`;

// prompb/remote.proto and prompb/types.proto of Prometheus.
const first = protobuf.parse(`
  syntax = "proto3";
  package prometheus;
  ${HISTOGRAM}
  message Label { string name = 1; string value = 2; }
  message Sample { double value = 1; int64 timestamp = 2; }
  message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
  message TimeSeries {
    repeated Label labels = 1;
    repeated Sample samples = 2;
    repeated Exemplar exemplars = 3;
    repeated Histogram histograms = 4;
  }
  message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
  message WriteRequest { repeated TimeSeries timeseries = 1; reserved 2; repeated MetricMetadata metadata = 3; }
`).root.lookupType("prometheus.WriteRequest");

// prompb/io/prometheus/write/v2/types.proto of Prometheus.
const second = protobuf.parse(`
  syntax = "proto3";
  package io.prometheus.write.v2;
  ${HISTOGRAM}
  message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
  message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
  message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
  message TimeSeries {
    repeated uint32 labels_refs = 1;
    repeated Sample samples = 2;
    repeated Histogram histograms = 3;
    repeated Exemplar exemplars = 4;
    Metadata metadata = 5;
    int64 created_timestamp = 6;
  }
  message Request { reserved 1 to 3; repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
`).root.lookupType("io.prometheus.write.v2.Request");

/** Stands for the value by which a series says that it has ended, whose bits protobufjs does not keep apart from others. */
export const STALE = -1.2345678901234567e300;

const STAND_IN = new Uint8Array(Float64Array.of(STALE).buffer);
const STALE_BITS = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f);

/** The bytes with each occurrence of some, as many as those that take their place, replaced. */
function replaced(bytes: Uint8Array, sought: Uint8Array, by: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  for (let at = 0; at + sought.length <= copy.length; at++) {
    if (sought.every((byte, i) => copy[at + i] === byte)) copy.set(by, at);
  }
  return copy;
}

/** A native histogram as it is on the wire. */
export interface OracleHistogram {
  readonly countInt?: number;
  readonly countFloat?: number;
  readonly sum: number;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCountInt?: number;
  readonly zeroCountFloat?: number;
  readonly positiveSpans?: readonly { readonly offset: number; readonly length: number }[];
  readonly positiveDeltas?: readonly number[];
  readonly positiveCounts?: readonly number[];
  readonly negativeSpans?: readonly { readonly offset: number; readonly length: number }[];
  readonly negativeDeltas?: readonly number[];
  readonly negativeCounts?: readonly number[];
  readonly resetHint?: number;
  readonly customValues?: readonly number[];
  readonly timestamp: number;
}

/** A series of a request. */
export interface OracleSeries {
  readonly labels: readonly Label[];
  readonly samples?: readonly { readonly value: number; readonly timestamp: number }[];
  readonly histograms?: readonly OracleHistogram[];
  readonly exemplars?: number;
  /** In 2.0 alone. */
  readonly type?: number;
}

/** What 1.0 says of a metric. */
export interface OracleMetadata {
  readonly type: number;
  readonly metricFamilyName: string;
}

/** A request, uncompressed. */
export function oracleWriteRequest(
  series: readonly OracleSeries[],
  { version, metadata = [] }: { version: WriteVersion; metadata?: readonly OracleMetadata[] },
): Uint8Array {
  if (version === "1.0") {
    const timeseries = series.map(({ labels, samples, histograms, exemplars = 0 }) => {
      return { labels, samples, histograms, exemplars: Array.from({ length: exemplars }, () => ({ value: 1 })) };
    });
    return replaced(first.encode({ timeseries, metadata }).finish(), STAND_IN, STALE_BITS);
  }
  const symbols = [""];
  const numbers = new Map([["", 0]]);
  const number = (text: string) => {
    const known = numbers.get(text) ?? symbols.push(text) - 1;
    numbers.set(text, known);
    return known;
  };
  const timeseries = series.map(({ labels, samples, histograms, exemplars = 0, type }) => ({
    labelsRefs: labels.flatMap(({ name, value }) => [number(name), number(value)]),
    samples,
    histograms,
    exemplars: Array.from({ length: exemplars }, () => ({ value: 1 })),
    ...type === undefined ? {} : { metadata: { type, helpRef: number("What it says") } },
  }));
  return replaced(second.encode({ timeseries, symbols }).finish(), STAND_IN, STALE_BITS);
}

/** A series that was read. */
export interface ReadSeries {
  /** Names and values, in the order in which they stand. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** Its samples; the value is "stale" where the series ends. */
  readonly samples: readonly { readonly value: number | "stale"; readonly timestampMs: number }[];
  /** Its native histograms, as protobufjs has them; the sum is {@linkcode STALE} where the series ends. */
  // deno-lint-ignore no-explicit-any
  readonly histograms: readonly any[];
  /** The number of its type, in version 2.0. */
  readonly type?: number;
}

/** Reads a request as it was sent: one block of snappy. */
export function decodeWriteRequest(body: Uint8Array, version: WriteVersion): ReadSeries[] {
  const bytes = replaced(snappy.uncompress(body) as Uint8Array, STALE_BITS, STAND_IN);
  const message = version === "1.0" ? first : second;
  const { symbols, timeseries } = message.toObject(message.decode(bytes), { longs: String, defaults: true });
  // deno-lint-ignore no-explicit-any
  return timeseries.map(({ labels, labelsRefs, samples, histograms, metadata }: any) => ({
    labels: version === "1.0"
      // deno-lint-ignore no-explicit-any
      ? labels.map(({ name, value }: any) => [name, value])
      : Array.from(
        { length: labelsRefs.length / 2 },
        (_, i) => [symbols[labelsRefs[2 * i]], symbols[labelsRefs[2 * i + 1]]],
      ),
    samples: samples.map(readSample),
    histograms,
    ...metadata ? { type: metadata.type } : {},
  }));
}

function readSample({ value, timestamp }: { value: number; timestamp: string }) {
  return { value: value === STALE ? "stale" : value, timestampMs: Number(timestamp) };
}
