/**
 * The metric families of the Prometheus data model, as `io.prometheus.client.MetricFamily` carries them.
 *
 * @module
 */
// The object model, used where a rule needs strings: the client's transforms, the text format, tests. The server's push
// path works on the encoded bytes and never builds these.

/** The types of a family that Telemeter carries, by their number in `io.prometheus.client.MetricType`. */
export const METRIC_TYPES = ["counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram"] as const;

/** The type of a family. */
export type MetricType = (typeof METRIC_TYPES)[number];

/** The types whose samples are several lines of text each. */
export type DistributionType = "histogram" | "gauge_histogram" | "summary";

/** Whether the samples of a type are several lines of text each. */
export function isDistribution(type: MetricType): type is DistributionType {
  return type === "histogram" || type === "gauge_histogram" || type === "summary";
}

/** The label that tells the points of a sample apart, which is the type's own. */
export const POINT_LABEL: Readonly<Record<DistributionType, string>> = {
  histogram: "le",
  gauge_histogram: "le",
  summary: "quantile",
};

/** What the names of lines end with that are a part of a sample. */
export const SUFFIX = { bucket: "_bucket", count: "_count", sum: "_sum" } as const;

/** What the names of a family's lines end with, by type; the empty text stands for the name itself. */
export const LINE_SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  summary: ["", SUFFIX.count, SUFFIX.sum],
  histogram: [SUFFIX.bucket, SUFFIX.count, SUFFIX.sum],
  gauge_histogram: [SUFFIX.bucket, SUFFIX.count, SUFFIX.sum],
};

/** One label; names are unique within a sample. */
export interface Label {
  /** Any Unicode; `[a-zA-Z_][a-zA-Z0-9_]*` where readers take nothing else. */
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

/**
 * The value of a histogram or gauge histogram: classic, native, or both of the same observations. Counts of the classic
 * buckets are cumulative and their bounds ascend; the `+Inf` bucket may be absent.
 */
export interface HistogramValue {
  /** How many observations there were. */
  readonly count: number;
  /** What they add up to. */
  readonly sum: number;
  /** How many observations were at most the bound: the classic buckets. */
  readonly buckets: readonly { readonly upperBound: number; readonly count: number }[];
  /** True where counts are floating-point numbers, as they are once a Prometheus has computed with them. */
  readonly isFloat?: boolean;
  /** The buckets of a native histogram. */
  readonly native?: NativeHistogram;
}

/** The buckets of a native histogram (`model/histogram` of Prometheus). */
export interface NativeHistogram {
  /** The resolution: from -4 to 8 bounds grow by the factor 2^(2^-schema); -53 says that bounds are given one by one. */
  readonly schema: number;
  /** Half the width of the zero bucket. */
  readonly zeroThreshold: number;
  /** Observations in the zero bucket. */
  readonly zeroCount: number;
  /** Observations above the zero bucket. */
  readonly positive: NativeBuckets;
  /** Observations below the zero bucket. */
  readonly negative: NativeBuckets;
}

/** One side of a native histogram. */
export interface NativeBuckets {
  /**
   * Where buckets stand: each span is so many in a row, so far behind the last bucket of the span before, or behind bucket 0.
   * One of no length at offset 0 marks a native histogram that has no observations yet.
   */
  readonly spans: readonly { readonly offset: number; readonly length: number }[];
  /** Observations in each bucket, of all spans one after the other; not cumulative. */
  readonly counts: readonly number[];
}

/** Why a sample has no value although it carries one. */
export type MetricFault =
  /** It has a field that we do not know, and so may mean something else than it seems to. */
  | "unknown_field"
  /** Its histogram contradicts itself, counts beyond what is exact, or has no count. */
  | "histogram"
  /** Its summary has no count. */
  | "summary";

/** One sample of a family; `value` is a number for a counter, gauge or untyped family. */
export interface Metric {
  /** In the order in which they came. */
  readonly labels: readonly Label[];
  /** Undefined where the sample carries no value of its family's type, or one that cannot be trusted. */
  readonly value: number | SummaryValue | HistogramValue | undefined;
  /** Why there is no value, unless there simply is none of the family's type. */
  readonly fault?: MetricFault;
  /** Milliseconds since the epoch. */
  readonly timestampMs?: number;
  /** When a counter, summary or histogram began to count, in milliseconds since the epoch. */
  readonly createdMs?: number;
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

/** What we wrote ourselves needs no limits when it is read again. */
export const UNLIMITED: ParseLimits = { maxFamilies: Infinity, maxSeries: Infinity, maxLabels: Infinity };

/** The limits that an operator may raise. */
export const RAISED_LIMITS = ["bytes", "decompressedBytes", "families", "series", "labels"] as const;

/** How something is over a limit. */
export interface PassedLimit {
  /** Which limit; undefined for one that nobody can raise. */
  readonly limit?: (typeof RAISED_LIMITS)[number];
  /** How much there is, if that is known. */
  readonly sent?: number;
}

/** Input that is well-formed so far but passes a limit. The message names the limit and its value. */
export class LimitError extends RangeError {
  /** Stable, for the place that maps errors to HTTP statuses. */
  readonly code = "limit";
  /** The name that stack traces show. */
  override readonly name = "LimitError";
  /** Which limit that is, for programs. */
  readonly passed: PassedLimit;

  /** Takes a message that the sender may see. */
  constructor(message: string, passed: PassedLimit) {
    super(message);
    this.passed = passed;
  }
}

/** A body holds more bytes than the limit, once it is uncompressed. */
export class UncompressedLimitError extends LimitError {
  /** Takes the limit, in bytes. */
  constructor(limitBytes: number) {
    super(`Cannot uncompress the body as it holds more than ${limitBytes} bytes`, { limit: "decompressedBytes" });
  }
}

/** Something has more series than the limit. */
export class SeriesLimitError extends LimitError {
  /** The most series that there may be. */
  readonly maxSeries: number;

  /** Says what it is, as in "a push", and how many series that has, if that is known. */
  constructor(maxSeries: number, { what, series }: { readonly what?: string; readonly series?: number } = {}) {
    const thing = what === undefined ? "" : `${what} of `;
    super(
      `Cannot take ${thing}more than ${maxSeries} series${series === undefined ? "" : `: there are ${series}`}`,
      { limit: "series", sent: series },
    );
    this.maxSeries = maxSeries;
  }
}
