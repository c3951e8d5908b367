/**
 * Fields of `io.prometheus.client.MetricFamily` and of the messages in it (proto2, `metrics.proto` of client_model), as far as
 * Telemeter carries them.
 *
 * @module
 */

import type { MetricType } from "./metric_family.ts";

/** Wire types of the protobuf encoding that Telemeter reads; groups are long deprecated and refused. */
export const VARINT = 0;
/** Eight bytes. */
export const FIXED64 = 1;
/** A length, and so many bytes: a text or a message. */
export const BYTES = 2;
/** Four bytes. */
export const FIXED32 = 5;

/** The fields of a family. */
export const FAMILY = { name: 1, help: 2, type: 3, metric: 4, unit: 5 } as const;

/** The fields of a sample besides its value. */
export const METRIC = { label: 1, timestampMs: 6 } as const;

/** The field of a sample that carries the value, by the family's type; all are messages. */
export const VALUE: Readonly<Record<MetricType, number>> = {
  gauge: 2,
  counter: 3,
  summary: 4,
  untyped: 5,
  histogram: 7,
  gauge_histogram: 7,
};

/** The fields of a label. */
export const LABEL = { name: 1, value: 2 } as const;

/** The field of the value of a counter, gauge or untyped sample, a double. */
export const NUMBER = 1;

/** The field of a counter that holds an exemplar. */
export const COUNTER_EXEMPLAR = 2;

/** The fields that say when a value began to count, by that of the value in its sample. */
export const CREATED: Readonly<Record<number, number | undefined>> = {
  [VALUE.counter]: 3,
  [VALUE.summary]: 4,
  [VALUE.histogram]: 15,
};

/** The fields of a time. */
export const TIMESTAMP = { seconds: 1, nanos: 2 } as const;

/** The fields of a summary and of a histogram; a point is a quantile or a bucket. */
export const DISTRIBUTION = { count: 1, sum: 2, point: 3 } as const;

/** The fields of a quantile, both doubles. */
export const QUANTILE = { quantile: 1, value: 2 } as const;

/** The fields of a bucket: a varint, a double, a message, and a double. */
export const BUCKET = { count: 1, upperBound: 2, exemplar: 3, countFloat: 4 } as const;

/** The fields of a histogram besides those that a summary has: a float count, native buckets, and exemplars. */
export const HISTOGRAM = {
  countFloat: 4,
  schema: 5,
  zeroThreshold: 6,
  zeroCount: 7,
  zeroCountFloat: 8,
  negative: { span: 9, delta: 10, count: 11 },
  positive: { span: 12, delta: 13, count: 14 },
  exemplars: 16,
} as const;

/** The fields of a span of native buckets. */
export const SPAN = { offset: 1, length: 2 } as const;

/** What stands before a field: its number and its wire type. */
export function tagOf(field: number, wire: number): number {
  return 8 * field + wire;
}
