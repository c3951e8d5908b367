/**
 * Delimited protobuf of metric families (`io.prometheus.client.MetricFamily`, proto2, each behind its varint length), from
 * and to the object model. The server's push path reads the same bytes without building objects: `server/ingest/`.
 *
 * @module
 */

import { HistogramReader, writeHistogram } from "./histogram_message.ts";
import {
  type HistogramValue,
  type Label,
  LimitError,
  type Metric,
  METRIC_TYPES,
  type MetricFamily,
  type MetricType,
  type ParseLimits,
  type SummaryValue,
} from "./metric_family.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf_wire.ts";

/** The media type of delimited families, as openshift/telemeter writes it. */
export const PROTOBUF_CONTENT_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** The field of `Metric` that carries the value, by the family's type. */
const VALUE_FIELD: Readonly<Record<MetricType, number>> = {
  gauge: 2,
  counter: 3,
  summary: 4,
  untyped: 5,
  histogram: 7,
  gauge_histogram: 7,
};

/** The field of the value that says when it began to count, by that of the value. */
const CREATED_FIELD: Readonly<Record<number, number | undefined>> = { 3: 3, 4: 4, 7: 15 };

/** A family's message, found but not yet read: the order of its fields is free, so its type may come last. */
interface FamilyHead {
  name: string;
  help?: string;
  type: MetricType | undefined;
  unit?: string;
  readonly metrics: [start: number, end: number][];
}

/**
 * Reads delimited families. An absent type is `counter`, as proto2 has it; an unknown type passes. Unknown fields are passed
 * over in families and labels; within a sample they may change what it means, so that it has a fault in place of a value.
 * Exemplars are passed over.
 *
 * @throws {SyntaxError} if the bytes are not delimited families, with the offset.
 * @throws {LimitError} if they hold more than a limit allows.
 */
export function decodeFamilies(bytes: Uint8Array, limits: ParseLimits): MetricFamily[] {
  const reader = new ProtobufReader(bytes);
  const families: MetricFamily[] = [];
  let series = 0;
  while (reader.at < bytes.length) {
    const end = reader.lengthEnd(bytes.length);
    if (families.length === limits.maxFamilies) {
      throw new LimitError(`Cannot take more than ${limits.maxFamilies} families`);
    }
    const { metrics, ...family } = readHead(reader, { end, limits, series });
    series += metrics.length;
    families.push({
      ...family,
      metrics: metrics.map(([start, end]) => readMetric(reader, { start, end, type: family.type, limits })),
    });
    reader.at = end;
  }
  return families;
}

/** Finds the parts of a family, when there have been `series` before it. */
function readHead(
  reader: ProtobufReader,
  { end, limits, series }: { end: number; limits: ParseLimits; series: number },
): FamilyHead {
  const head: FamilyHead = { name: "", type: "counter", metrics: [] };
  while (reader.next(end)) {
    const { field } = reader;
    if (field === 1) head.name = reader.string(end);
    else if (field === 2) head.help = reader.string(end);
    else if (field === 3) head.type = METRIC_TYPES[reader.varint(end)];
    else if (field === 4) {
      if (series + head.metrics.length === limits.maxSeries) {
        throw new LimitError(`Cannot take more than ${limits.maxSeries} series`);
      }
      const stop = reader.enter(end);
      head.metrics.push([reader.at, stop]);
      reader.at = stop;
    } else if (field === 5) head.unit = reader.string(end);
    else reader.skip(end);
  }
  return head;
}

function readMetric(
  reader: ProtobufReader,
  { start, end, type, limits }: { start: number; end: number; type: MetricType | undefined; limits: ParseLimits },
): Metric {
  const labels: Label[] = [];
  const valueField = type === undefined ? undefined : VALUE_FIELD[type];
  let parts: ValueReader | undefined;
  let timestampMs: number | undefined;
  reader.at = start;
  reader.hasUnknown = false;
  while (reader.next(end)) {
    const { field } = reader;
    if (field === 1) {
      if (labels.length === limits.maxLabels) {
        throw new LimitError(`Cannot take more than ${limits.maxLabels} labels on a series`);
      }
      labels.push(readLabel(reader, end));
    } else if (field === valueField) (parts ??= new ValueReader(field)).read(reader, end);
    else if (field === 6) timestampMs = reader.varint(end);
    else if (field <= 7) reader.skip(end);
    else reader.skipUnknown(end);
  }
  const value = reader.hasUnknown ? undefined : parts?.finish();
  return {
    labels,
    value,
    ...(reader.hasUnknown ? { fault: "unknown_field" } : value === undefined && parts ? { fault: "histogram" } : {}),
    ...(timestampMs === undefined ? {} : { timestampMs }),
    ...(parts?.createdMs === undefined ? {} : { createdMs: parts.createdMs }),
  };
}

function readLabel(reader: ProtobufReader, end: number): Label {
  let name = "", value = "";
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === 1) name = reader.string(stop);
    else if (reader.field === 2) value = reader.string(stop);
    else reader.skip(stop);
  }
  return { name, value };
}

/** The value of a sample, which may come in pieces: proto2 merges a message that is given twice. */
class ValueReader {
  createdMs: number | undefined;
  readonly #field: number;
  readonly #createdField: number | undefined;
  #number = 0;
  #count = 0;
  readonly #quantiles: { quantile: number; value: number }[] = [];
  readonly #histogram: HistogramReader | undefined;

  constructor(field: number) {
    this.#field = field;
    this.#createdField = CREATED_FIELD[field];
    if (field === VALUE_FIELD.histogram) this.#histogram = new HistogramReader();
  }

  read(reader: ProtobufReader, end: number) {
    for (const stop = reader.enter(end); reader.next(stop);) {
      if (reader.field === this.#createdField) this.createdMs = readTimestamp(reader, stop);
      else if (this.#histogram !== undefined) {
        if (this.#histogram.read(reader, stop)) continue;
        if (reader.field === 16) reader.skip(stop); // Exemplars, which change no number.
        else reader.skipUnknown(stop);
      } else if (this.#field === VALUE_FIELD.summary) this.#readSummary(reader, stop);
      else if (reader.field === 1) this.#number = reader.double(stop);
      else if (reader.field === 2 && this.#field === VALUE_FIELD.counter) reader.skip(stop); // An exemplar.
      else reader.skipUnknown(stop);
    }
  }

  finish(): Metric["value"] {
    if (this.#histogram !== undefined) return this.#histogram.finish();
    if (this.#field !== VALUE_FIELD.summary) return this.#number;
    return { count: this.#count, sum: this.#number, quantiles: this.#quantiles };
  }

  #readSummary(reader: ProtobufReader, end: number) {
    if (reader.field === 1) this.#count = reader.varint(end);
    else if (reader.field === 2) this.#number = reader.double(end);
    else if (reader.field === 3) this.#quantiles.push(readQuantile(reader, end));
    else reader.skipUnknown(end);
  }
}

function readQuantile(reader: ProtobufReader, end: number): { quantile: number; value: number } {
  let quantile = 0, value = 0;
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === 1) quantile = reader.double(stop);
    else if (reader.field === 2) value = reader.double(stop);
    else reader.skipUnknown(stop);
  }
  return { quantile, value };
}

/** A `google.protobuf.Timestamp` as milliseconds since the epoch, which is as exact as Prometheus takes it. */
function readTimestamp(reader: ProtobufReader, end: number): number {
  let seconds = 0, nanos = 0;
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === 1) seconds = reader.varint(stop);
    else if (reader.field === 2) nanos = reader.varint(stop);
    else reader.skip(stop);
  }
  return seconds * 1_000 + Math.trunc(nanos / 1e6);
}

/**
 * Writes delimited families; those without a type that we carry are left out, as are values that are undefined or not of
 * their family's type.
 *
 * @throws {RangeError} if a timestamp, or a count that is to be an integer, does not fit 64 bits.
 */
export function encodeFamilies(families: Iterable<MetricFamily>): Uint8Array {
  const out = new ProtobufWriter();
  for (const { name, help, type, unit, metrics } of families) {
    if (type === undefined) continue;
    const family = out.open();
    out.string(1, name);
    if (help !== undefined) out.string(2, help);
    out.varint(3, METRIC_TYPES.indexOf(type));
    for (const metric of metrics) {
      const start = out.openField(4);
      writeMetric(out, metric, type);
      out.close(start);
    }
    if (unit !== undefined) out.string(5, unit);
    out.close(family);
  }
  return out.take();
}

function writeMetric(out: ProtobufWriter, { labels, value, timestampMs, createdMs }: Metric, type: MetricType) {
  for (const { name, value } of labels) {
    const label = out.openField(1);
    out.string(1, name);
    out.string(2, value);
    out.close(label);
  }
  const field = VALUE_FIELD[type];
  if (value !== undefined && isOf(type, value)) {
    const start = out.openField(field);
    if (typeof value === "number") out.double(1, value);
    else if ("buckets" in value) writeHistogram(out, value);
    else writeSummary(out, value);
    const createdField = CREATED_FIELD[field];
    if (createdMs !== undefined && createdField !== undefined) writeTimestamp(out, createdField, createdMs);
    out.close(start);
  }
  if (timestampMs !== undefined) out.varint(6, timestampMs);
}

function isOf(type: MetricType, value: number | SummaryValue | HistogramValue): boolean {
  if (type === "summary") return typeof value === "object" && "quantiles" in value;
  if (type === "histogram" || type === "gauge_histogram") return typeof value === "object" && "buckets" in value;
  return typeof value === "number";
}

function writeSummary(out: ProtobufWriter, { count, sum, quantiles }: SummaryValue) {
  out.varint(1, count);
  out.double(2, sum);
  for (const { quantile, value } of quantiles) {
    const point = out.openField(3);
    out.double(1, quantile);
    out.double(2, value);
    out.close(point);
  }
}

function writeTimestamp(out: ProtobufWriter, field: number, ms: number) {
  const start = out.openField(field);
  const seconds = Math.floor(ms / 1_000);
  out.varint(1, seconds);
  out.varint(2, Math.floor((ms - seconds * 1_000) * 1e6));
  out.close(start);
}
