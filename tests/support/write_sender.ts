/**
 * Sends requests of remote write to a server, as Prometheus does: uncompressed requests are made by protobufjs.
 *
 * @module
 */

import { gzipSync, zstdCompressSync } from "node:zlib";
import { snappyCompress } from "hysnappy";
import type { WriteEncoding } from "../../common/remote_write/body_encoding.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { type OracleMetadata, type OracleSeries, oracleWriteRequest } from "./write_request_oracle.ts";

/** How a request is sent. */
export interface SendOptions {
  /** @default {"1.0"} */
  readonly version?: WriteVersion;
  /** @default {"snappy"} */
  readonly encoding?: WriteEncoding;
  /** What 1.0 says of metrics. */
  readonly metadata?: readonly OracleMetadata[];
}

const CONTENT_TYPE: Readonly<Record<WriteVersion, string>> = {
  "1.0": "application/x-protobuf",
  "2.0": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
};

const COMPRESS: Readonly<Record<WriteEncoding, (bytes: Uint8Array) => Uint8Array>> = {
  snappy: snappyCompress,
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
};

/** The headers and the body of a request. */
export function writeRequest(
  series: readonly OracleSeries[],
  { version = "1.0", encoding = "snappy", metadata }: SendOptions = {},
): { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> } {
  const body = COMPRESS[encoding](oracleWriteRequest(series, { version, metadata }));
  const headers = {
    "content-type": CONTENT_TYPE[version],
    "content-encoding": encoding,
    "x-prometheus-remote-write-version": version === "1.0" ? "0.1.0" : "2.0.0",
    "user-agent": "a test",
  };
  return { headers, body: Uint8Array.from(body) };
}

/** A series with one sample. */
export function oneSample(
  labels: Readonly<Record<string, string>>,
  sample: { readonly value: number; readonly timestamp: number },
): OracleSeries {
  return { labels: Object.entries(labels).map(([name, value]) => ({ name, value })), samples: [sample] };
}

/** A series with one native histogram, of 7 observations that come to 18.4. */
export function oneNative(labels: Readonly<Record<string, string>>, timestamp: number): OracleSeries {
  const { labels: named } = oneSample(labels, { value: 0, timestamp });
  return {
    labels: named,
    histograms: [{
      countInt: 7,
      sum: 18.4,
      schema: 1,
      zeroThreshold: 0.001,
      zeroCountInt: 2,
      positiveSpans: [{ offset: 0, length: 2 }, { offset: 1, length: 2 }],
      positiveDeltas: [1, 1, -1, 0],
      timestamp,
    }],
  };
}
