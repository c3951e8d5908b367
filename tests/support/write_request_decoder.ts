/**
 * Requests of remote write read by snappyjs and protobufjs with the published schemas: independent of what writes them.
 *
 * @module
 */

import protobuf from "protobufjs";
import snappy from "snappyjs";
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
  }`;

// prompb/remote.proto, prompb/types.proto and prompb/io/prometheus/write/v2/types.proto of Prometheus. Values are read as bits,
// as protobufjs does not keep apart those that are no number.
const { root } = protobuf.parse(`
  syntax = "proto3";
  ${HISTOGRAM}
  message Label { string name = 1; string value = 2; }
  message Sample { fixed64 value = 1; int64 timestamp = 2; }
  message First { repeated Label labels = 1; repeated Sample samples = 2; repeated Histogram histograms = 4; }
  message WriteRequest { repeated First timeseries = 1; }
  message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
  message Second {
    repeated uint32 labels_refs = 1;
    repeated Sample samples = 2;
    repeated Histogram histograms = 3;
    Metadata metadata = 5;
  }
  message Request { repeated string symbols = 4; repeated Second timeseries = 5; }
`);

const STALE_BITS = 0x7ff0000000000002n;

/** A series of a request. */
export interface ReadSeries {
  /** Names and values, in the order in which they stand. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** Its samples; the value is "stale" where the series ends. */
  readonly samples: readonly { readonly value: number | "stale"; readonly timestampMs: number }[];
  /** Its native histograms, as protobufjs has them. */
  // deno-lint-ignore no-explicit-any
  readonly histograms: readonly any[];
  /** The number of its type, in version 2.0. */
  readonly type?: number;
}

/** Reads a request as it was sent. */
export function decodeWriteRequest(body: Uint8Array, version: WriteVersion): ReadSeries[] {
  const bytes = snappy.uncompress(body) as Uint8Array;
  // deno-lint-ignore no-explicit-any
  const read = (type: string): any =>
    root.lookupType(type).toObject(root.lookupType(type).decode(bytes), { longs: String, defaults: true });
  if (version === "1.0") {
    // deno-lint-ignore no-explicit-any
    return read("WriteRequest").timeseries.map(({ labels, samples, histograms }: any) => ({
      // deno-lint-ignore no-explicit-any
      labels: labels.map(({ name, value }: any) => [name, value]),
      samples: samples.map(sampleOf),
      histograms,
    }));
  }
  const { symbols, timeseries } = read("Request");
  // deno-lint-ignore no-explicit-any
  return timeseries.map(({ labelsRefs, samples, histograms, metadata }: any) => ({
    labels: Array.from(
      { length: labelsRefs.length / 2 },
      (_, i) => [symbols[labelsRefs[2 * i]], symbols[labelsRefs[2 * i + 1]]],
    ),
    samples: samples.map(sampleOf),
    histograms,
    ...metadata === null ? {} : { type: metadata.type },
  }));
}

function sampleOf({ value, timestamp }: { value: string; timestamp: string }) {
  const bits = BigInt(value);
  return {
    value: bits === STALE_BITS ? "stale" : new Float64Array(BigUint64Array.of(bits).buffer)[0],
    timestampMs: Number(timestamp),
  };
}
