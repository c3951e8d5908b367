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
import { Family, Sample, type WireFamily, type WireHistogram, type WireMetric } from "./metric_family_schema.ts";

/** The wire type of messages. */
const BYTES = 2;
/** What a sample says goes without these, whatever they hold. */
const BESIDE_THE_VALUE: ReadonlySet<string> = new Set(["LabelPair", "Exemplar", "Timestamp"]);

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** What stands for a text that is not UTF-8: no UTF-8 is it. */
export const NOT_UTF8 = "\ud800";

const TYPES: readonly (MetricType | undefined)[] = [
  "counter",
  "gauge",
  "summary",
  "untyped",
  "histogram",
  "gauge_histogram",
  undefined,
];

/**
 * Reads delimited families; throws what protobufjs throws. Fields that proto2 leaves absent get its defaults, and a name or
 * value that is not UTF-8 is {@linkcode NOT_UTF8}. A sample with a field that is not known where it may change what the
 * sample says has a fault in place of a value, as has one whose histogram contradicts itself.
 */
export function oracleDecode(bytes: Uint8Array): MetricFamily[] {
  const reader = protobuf.Reader.create(bytes);
  const families: MetricFamily[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const wire: WireFamily = Family.toObject(Family.decodeDelimited(reader), { longs: Number });
    const type = TYPES[wire.type ?? 0];
    const isUnknown = unknownSamples(bytes.subarray(start, reader.pos), type);
    families.push({
      name: textOf(wire.name),
      ...(wire.help === undefined ? {} : { help: wire.help }),
      type,
      ...(wire.unit === undefined ? {} : { unit: wire.unit }),
      metrics: (wire.metric ?? []).map((metric, i) => {
        const created = (metric.counter ?? metric.summary ?? metric.histogram)?.createdTimestamp;
        return {
          labels: (metric.label ?? []).map(({ name, value }) => ({ name: textOf(name), value: textOf(value) })),
          ...(isUnknown[i] ? { value: undefined, fault: "unknown_field" } : valueOf(metric, type)),
          ...(metric.timestampMs === undefined ? {} : { timestampMs: metric.timestampMs }),
          ...(created === undefined ? {} : { createdMs: (created.seconds ?? 0) * 1e3 + (created.nanos ?? 0) / 1e6 }),
        };
      }),
    });
  }
  return families;
}

/** Delimited families as they are on the wire. */
export function wireFamilies(bytes: Uint8Array): WireFamily[] {
  const reader = protobuf.Reader.create(bytes);
  const families: WireFamily[] = [];
  while (reader.pos < reader.len) families.push(Family.toObject(Family.decodeDelimited(reader), { longs: Number }));
  return families;
}

function textOf(bytes: Uint8Array = new Uint8Array()): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return NOT_UTF8;
  }
}

/** Of each sample of a delimited family, whether it has a field that the schema does not. */
function unknownSamples(family: Uint8Array, type: MetricType | undefined): boolean[] {
  const reader = protobuf.Reader.create(family);
  reader.uint32();
  const unknown: boolean[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (Family.fieldsById[tag >>> 3]?.name !== "metric") reader.skipType(tag & 7);
    else unknown.push(hasUnknown(reader, { end: reader.uint32() + reader.pos, message: Sample, type }));
  }
  return unknown;
}

/** Whether a message has a field that its schema does not, or has a message with one; `type` is of the sample it is. */
function hasUnknown(
  reader: protobuf.Reader,
  { end, message, type }: { end: number; message: protobuf.Type; type?: MetricType },
): boolean {
  let found = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = message.fieldsById[tag >>> 3]?.resolve();
    // The server takes what is beside a counter's value for unknown where that is no message.
    found ||= field === undefined || (message.name === "Counter" && field.id > 1 && (tag & 7) !== BYTES);
    const inner = field?.resolvedType;
    const isOther = message === Sample && (type === undefined || field?.name !== wireName(type));
    if (!(inner instanceof protobuf.Type) || isOther || BESIDE_THE_VALUE.has(inner.name)) reader.skipType(tag & 7);
    else found = hasUnknown(reader, { end: reader.uint32() + reader.pos, message: inner }) || found;
  }
  return found;
}

function valueOf(metric: WireMetric, type: MetricType | undefined): Pick<Metric, "value" | "fault"> {
  if (type === undefined) return { value: undefined };
  if (type === "summary") {
    return {
      value: metric.summary && {
        count: metric.summary.sampleCount ?? 0,
        sum: metric.summary.sampleSum ?? 0,
        quantiles: (metric.summary.quantile ?? []).map(({ quantile = 0, value = 0 }) => ({ quantile, value })),
      },
    };
  }
  if (type !== "histogram" && type !== "gauge_histogram") return { value: metric[type] && (metric[type].value ?? 0) };
  if (metric.histogram === undefined) return { value: undefined };
  const value = histogramOf(metric.histogram);
  return value === undefined ? { value, fault: "histogram" } : { value };
}

/** What is exact of counts that come as differences. */
const MAX_NATIVE_COUNT = 2 ** 51;

/**
 * A histogram: native if anything but its schema says so, or if it is empty but for that. A count that is a double stands over the integer beside it, unless
 * it is 0; one of them makes all of them doubles, which differences cannot be. Undefined for what contradicts itself.
 */
function histogramOf(wire: WireHistogram): HistogramValue | undefined {
  const { sampleCount, sampleCountFloat, positiveSpan = [], negativeSpan = [] } = wire;
  const { positiveDelta = [], negativeDelta = [], positiveCount = [], negativeCount = [] } = wire;
  const standing = (integer = 0, double = 0) => double === 0 ? integer : double;
  const isFloat = (sampleCountFloat !== undefined && sampleCount === undefined) ||
    [
      sampleCountFloat,
      wire.zeroCountFloat,
      ...(wire.bucket ?? []).map(({ cumulativeCountFloat }) => cumulativeCountFloat),
    ]
      .some((count = 0) => count !== 0) ||
    positiveCount.length + negativeCount.length > 0;
  const hasDeltas = positiveDelta.length + negativeDelta.length > 0;
  if (isFloat && hasDeltas) return undefined;
  const isNative = positiveSpan.length + negativeSpan.length + positiveCount.length + negativeCount.length > 0 ||
    hasDeltas || standing(wire.zeroThreshold) !== 0 || standing(wire.zeroCount, wire.zeroCountFloat) !== 0 ||
    // As Prometheus federates one that is empty.
    (wire.schema !== undefined && standing(sampleCount, sampleCountFloat) === 0 && (wire.bucket ?? []).length === 0);
  const classic = {
    count: standing(sampleCount, sampleCountFloat),
    sum: wire.sampleSum ?? 0,
    buckets: (wire.bucket ?? []).map(({ cumulativeCount, cumulativeCountFloat, upperBound = 0 }) => ({
      upperBound,
      count: standing(cumulativeCount, cumulativeCountFloat),
    })),
    ...(isFloat ? { isFloat } : {}),
  };
  if (!isNative) return classic;
  const { schema = 0 } = wire;
  const side = (
    spans: NonNullable<WireHistogram["positiveSpan"]>,
    deltas: readonly number[],
    counts: readonly number[],
  ) => ({
    spans: spans.map(({ offset = 0, length = 0 }) => ({ offset, length })),
    counts: deltas.length > 0 ? undone(deltas) : [...counts],
  });
  const positive = side(positiveSpan, positiveDelta, positiveCount);
  const negative = side(negativeSpan, negativeDelta, negativeCount);
  const isInRange = [positive, negative].every(({ spans, counts }) =>
    spans.every(({ offset, length }) => offset === (offset | 0) && length === length >>> 0) &&
    (!hasDeltas || counts.every((count) => Math.abs(count) <= MAX_NATIVE_COUNT))
  );
  if (!isInRange || schema !== (schema | 0)) return undefined;
  const zeroCount = standing(wire.zeroCount, wire.zeroCountFloat);
  return { ...classic, native: { schema, zeroThreshold: wire.zeroThreshold ?? 0, zeroCount, positive, negative } };
}

function undone(deltas: readonly number[]): number[] {
  let count = 0;
  return deltas.map((delta) => count += delta);
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
        label: labels.map(({ name, value }) => ({ name: utf8.encode(name), value: utf8.encode(value) })),
        timestampMs,
        ...(type === undefined || value === undefined ? {} : { [wireName(type)]: wireValue(value, createdMs) }),
      })
    );
    const own = { name: utf8.encode(name), help, type: TYPES.indexOf(type), unit };
    Family.encodeDelimited(Family.create({ ...own, metric }), writer);
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
