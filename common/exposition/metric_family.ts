/**
 * The metric families of the Prometheus data model, as `io.prometheus.client.MetricFamily` carries them.
 *
 * @module
 */
// The object model, used where a rule needs strings: the client's transforms, the text format, tests. The server's push
// path works on the encoded bytes and never builds these.

/** The types of a family that Telemeter carries, by their number in `io.prometheus.client.MetricType`. */
export const METRIC_TYPES = ["counter", "gauge", "summary", "untyped", "histogram"] as const;

/** The type of a family. */
export type MetricType = (typeof METRIC_TYPES)[number];

/** The types whose samples are several lines of text each. */
export type DistributionType = "histogram" | "summary";

/** Whether the samples of a type are several lines of text each. */
export function isDistribution(type: MetricType): type is DistributionType {
  return type === "histogram" || type === "summary";
}

/** The label that tells the points of a sample apart, which is the type's own. */
export const POINT_LABEL: Readonly<Record<DistributionType, string>> = { histogram: "le", summary: "quantile" };

/** What the names of lines end with that are a part of a sample. */
export const SUFFIX = { bucket: "_bucket", count: "_count", sum: "_sum" } as const;

/** What the names of a family's lines end with, by type; the empty text stands for the name itself. */
export const LINE_SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  summary: ["", SUFFIX.count, SUFFIX.sum],
  histogram: [SUFFIX.bucket, SUFFIX.count, SUFFIX.sum],
};

/** One label; names are unique within a sample. */
export interface Label {
  /** In the charset `[a-zA-Z_][a-zA-Z0-9_]*` where it was checked. */
  readonly name: string;
  /** Any Unicode; an empty value is the same as no label. */
  readonly value: string;
}

/** The value of a summary. `quantiles` ascend. */
export interface SummaryValue {
  /** How many observations there were. */
  readonly count: number;
  /** What they add up to. */
  readonly sum: number;
  /** Values by quantile, from 0 to 1. */
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
}

/** The value of a histogram. Counts are cumulative and bounds ascend; the `+Inf` bucket may be absent. */
export interface HistogramValue {
  /** How many observations there were. */
  readonly count: number;
  /** What they add up to. */
  readonly sum: number;
  /** How many observations were at most the bound. */
  readonly buckets: readonly { readonly upperBound: number; readonly count: number }[];
}

/** One sample of a family; `value` is a number for a counter, gauge or untyped family. */
export interface Metric {
  /** In the order in which they came. */
  readonly labels: readonly Label[];
  /** Undefined where the sample carries no value of its family's type. */
  readonly value: number | SummaryValue | HistogramValue | undefined;
  /** Milliseconds since the epoch. */
  readonly timestampMs?: number;
}

/** A family: all samples of one name. `type` is undefined where the wire carries a type that we do not. */
export interface MetricFamily {
  /** The metric's name. */
  readonly name: string;
  /** What the metric says of itself. */
  readonly help?: string;
  /** The type of all its samples. */
  readonly type: MetricType | undefined;
  /** The unit of its values. */
  readonly unit?: string;
  /** In the order in which they came. */
  readonly metrics: readonly Metric[];
}

/** How much a decoder may take in before it refuses the input; it counts before it allocates. */
export interface ParseLimits {
  /** Families of one input. */
  readonly maxFamilies: number;
  /** Samples over all families. */
  readonly maxSeries: number;
  /** Labels of one sample. */
  readonly maxLabels: number;
}

/** Input that is well-formed so far but passes a limit. The message names the limit and its value. */
export class LimitError extends RangeError {
  /** Stable, for the place that maps errors to HTTP statuses. */
  readonly code = "limit";
  /** The name that stack traces show. */
  override readonly name = "LimitError";
}
