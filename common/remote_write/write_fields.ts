/**
 * Fields of `prometheus.WriteRequest` (remote write 1.0, `prompb/remote.proto` and `types.proto` of Prometheus) and of
 * `io.prometheus.write.v2.Request` (2.0, `prompb/io/prometheus/write/v2/types.proto`), as far as Telemeter carries them.
 *
 * @module
 */

import type { MetricType } from "../exposition/metric_family.ts";

/** The protocol's two messages, by the versions that they came with. */
export const WRITE_VERSIONS = ["1.0", "2.0"] as const;

/** One of {@linkcode WRITE_VERSIONS}. */
export type WriteVersion = typeof WRITE_VERSIONS[number];

/** The media type of both messages. */
export const WRITE_CONTENT_TYPE = "application/x-protobuf";

/** What its parameter `proto` calls them. */
export const WRITE_MESSAGES: Readonly<Record<WriteVersion, string>> = {
  "1.0": "prometheus.WriteRequest",
  "2.0": "io.prometheus.write.v2.Request",
};

/** The fields of a request of 1.0. */
export const REQUEST_1 = { timeseries: 1, metadata: 3 } as const;

/** The fields of a series of 1.0. */
export const SERIES_1 = { label: 1, sample: 2, exemplar: 3, histogram: 4 } as const;

/** The fields of what 1.0 says of a metric. */
export const METADATA_1 = { type: 1, name: 2 } as const;

/** The fields of a request of 2.0. */
export const REQUEST_2 = { symbol: 4, timeseries: 5 } as const;

/** The fields of a series of 2.0. */
export const SERIES_2 = { labelReferences: 1, sample: 2, histogram: 3, exemplar: 4, metadata: 5 } as const;

/** The field of what 2.0 says of a series' metric. */
export const METADATA_2 = { type: 1 } as const;

/** The fields of a sample, of both. */
export const SAMPLE = { value: 1, timestampMs: 2 } as const;

/** The fields of a native histogram, of both. */
export const WRITE_HISTOGRAM = {
  count: 1,
  countFloat: 2,
  sum: 3,
  schema: 4,
  zeroThreshold: 5,
  zeroCount: 6,
  zeroCountFloat: 7,
  negative: { span: 8, delta: 9, count: 10 },
  positive: { span: 11, delta: 12, count: 13 },
  resetHint: 14,
  timestampMs: 15,
  customValues: 16,
} as const;

/** What {@linkcode WRITE_HISTOGRAM.resetHint} is of a gauge histogram. */
export const GAUGE_HINT = 3;

/** The schema of native histograms whose bounds are given one by one. */
export const CUSTOM_BUCKETS: number = -53;

/**
 * The types of metrics by their numbers in both messages, as far as a series of one line can have them: parts of histograms
 * and summaries come apart, one series a line.
 */
export const WRITE_TYPES: readonly (MetricType | undefined)[] = [undefined, "counter", "gauge"];

/** The value by which a series says that it has ended, in the bits of a double: one of the values that are no number. */
export const STALE = { low: 2, high: 0x7ff00000 } as const;
