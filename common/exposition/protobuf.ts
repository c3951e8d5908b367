/**
 * Delimited protobuf of metric families (`io.prometheus.client.MetricFamily`, proto2, each behind its varint length), from
 * and to the object model. The server's push path reads the same bytes without building objects: `server/ingest/`.
 *
 * @module
 */

import { type CountOptions, HistogramReader, uncounted, writeHistogram } from "./histogram_message.ts";
import type { EncodedLabels, LabelMemory } from "./label_memory.ts";
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
  UNLIMITED,
} from "./metric_family.ts";
import {
  COUNTER_EXEMPLAR,
  CREATED,
  DISTRIBUTION,
  FAMILY,
  HISTOGRAM,
  LABEL,
  METRIC,
  NUMBER,
  QUANTILE,
  TIMESTAMP,
  VALUE,
} from "./protobuf_fields.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf_wire.ts";
import { atOnce, type Steps } from "../steps.ts";

/** The media type of delimited families, as openshift/telemeter writes it. */
export const PROTOBUF_CONTENT_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** The last field of a sample that we know: those up to it hold values of other types, where not of the family's. */
const LAST_FIELD = VALUE.histogram;

const NO_LABELS: readonly Label[] = [];

/** The most that labels of one series may take for them to be remembered, in bytes. */
const LONGEST_REMEMBERED = 16_384;

/** How much is written in one step. */
const STEP_BYTES = 65_536;

/** A family's message, found but not yet read: the order of its fields is free, so its type may come last. */
interface FamilyHead {
  name: string;
  help?: string;
  type: MetricType | undefined;
  unit?: string;
  readonly metrics: [start: number, end: number][];
}

/** How {@linkcode decodeFamilies} reads. */
export interface DecodeOptions extends ParseLimits {
  /** Remembers labels from one page to the next. @default nothing is remembered */
  readonly labels?: LabelMemory;
}

/**
 * Reads delimited families. An absent type is `counter`, as proto2 has it; an unknown type passes. Unknown fields are passed
 * over in families and labels; within a sample they may change what it means, so that it has a fault in place of a value.
 * Exemplars are passed over.
 *
 * @throws {SyntaxError} if the bytes are not delimited families, with the offset.
 * @throws {LimitError} if they hold more than a limit allows.
 */
export function decodeFamilies(bytes: Uint8Array, { labels, ...limits }: DecodeOptions): MetricFamily[] {
  const reader = new ProtobufReader(bytes);
  labels?.open(bytes);
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
      metrics: metrics.map(([start, end]) =>
        readMetric(reader, { start, end, type: family.type, limits, memory: labels })
      ),
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
    if (field === FAMILY.name) head.name = reader.string(end);
    else if (field === FAMILY.help) head.help = reader.string(end);
    else if (field === FAMILY.type) head.type = METRIC_TYPES[reader.varint(end)];
    else if (field === FAMILY.metric) {
      if (series + head.metrics.length === limits.maxSeries) {
        throw new LimitError(`Cannot take more than ${limits.maxSeries} series`);
      }
      const stop = reader.enter(end);
      head.metrics.push([reader.at, stop]);
      reader.at = stop;
    } else if (field === FAMILY.unit) head.unit = reader.string(end);
    else reader.skip(end);
  }
  return head;
}

/**
 * Reads one sample of a family of the given type, from `start` to `end`.
 *
 * @throws {SyntaxError} {LimitError} as {@linkcode decodeFamilies} does.
 */
export function decodeMetric(
  bytes: Uint8Array,
  place: { start: number; end: number; type: MetricType; limits: ParseLimits },
): Metric {
  return readMetric(new ProtobufReader(bytes), place);
}

function readMetric(
  reader: ProtobufReader,
  { start, end, type, limits, memory }: {
    start: number;
    end: number;
    type: MetricType | undefined;
    limits: ParseLimits;
    memory?: LabelMemory;
  },
): Metric {
  const valueField = type === undefined ? undefined : VALUE[type];
  let parts: ValueReader | undefined;
  let timestampMs: number | undefined;
  reader.at = start;
  reader.hasUnknown = false;
  // Of all labels, if they stand together before all else as usual.
  const first = memory === undefined ? NO_LABELS : rememberedLabels(reader, { end, limits, memory });
  let more: Label[] | undefined;
  while (reader.next(end)) {
    const { field } = reader;
    if (field === METRIC.label) {
      more ??= [...first];
      if (more.length === limits.maxLabels) throw tooManyLabels(limits);
      more.push(readLabel(reader, end));
    } else if (field === valueField) (parts ??= new ValueReader(field)).read(reader, end);
    else if (field === METRIC.timestampMs) timestampMs = reader.varint(end);
    else if (field <= LAST_FIELD) reader.skip(end);
    else reader.skipUnknown(end);
  }
  const value = reader.hasUnknown ? undefined : parts?.finish();
  return {
    labels: more ?? first,
    value,
    ...(reader.hasUnknown
      ? { fault: "unknown_field" }
      : value === undefined && parts
      ? { fault: type === "summary" ? "summary" : "histogram" }
      : {}),
    ...(timestampMs === undefined ? {} : { timestampMs }),
    ...(parts?.createdMs === undefined ? {} : { createdMs: parts.createdMs }),
  };
}

/** Reads the labels from the cursor on, or remembers them. */
function rememberedLabels(
  reader: ProtobufReader,
  { end, limits, memory }: { end: number; limits: ParseLimits; memory: LabelMemory },
): readonly Label[] {
  const stop = reader.runEnd(METRIC.label, end);
  if (stop === reader.at || stop - reader.at > LONGEST_REMEMBERED) return NO_LABELS;
  const labels = memory.labels(reader.at, stop, () => {
    const read: Label[] = [];
    while (reader.next(stop)) {
      if (read.length === limits.maxLabels) throw tooManyLabels(limits);
      read.push(readLabel(reader, stop));
    }
    return read;
  });
  if (labels.length > limits.maxLabels) throw tooManyLabels(limits);
  reader.at = stop;
  return labels;
}

function tooManyLabels({ maxLabels }: ParseLimits): LimitError {
  return new LimitError(`Cannot take more than ${maxLabels} labels on a series`);
}

function readLabel(reader: ProtobufReader, end: number): Label {
  let name = "", value = "";
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === LABEL.name) name = reader.string(stop);
    else if (reader.field === LABEL.value) value = reader.string(stop);
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
  #count: number | undefined;
  readonly #quantiles: { quantile: number; value: number }[] = [];
  readonly #histogram: HistogramReader | undefined;

  constructor(field: number) {
    this.#field = field;
    this.#createdField = CREATED[field];
    if (field === VALUE.histogram) this.#histogram = new HistogramReader();
  }

  read(reader: ProtobufReader, end: number) {
    for (const stop = reader.enter(end); reader.next(stop);) {
      if (reader.field === this.#createdField) this.createdMs = readTimestamp(reader, stop);
      else if (this.#histogram !== undefined) {
        if (this.#histogram.read(reader, stop)) continue;
        if (reader.field === HISTOGRAM.exemplars) reader.skip(stop); // Exemplars, which change no number.
        else reader.skipUnknown(stop);
      } else if (this.#field === VALUE.summary) this.#readSummary(reader, stop);
      else if (reader.field === NUMBER) this.#number = reader.double(stop);
      else if (reader.field === COUNTER_EXEMPLAR && this.#field === VALUE.counter) reader.skip(stop);
      else reader.skipUnknown(stop);
    }
  }

  /** The value; undefined if a histogram contradicts itself, or if it or a summary has no count. */
  finish(): Metric["value"] {
    if (this.#histogram !== undefined) return this.#histogram.finish();
    if (this.#field !== VALUE.summary) return this.#number;
    const count = this.#count ?? uncounted(this.#number, this.#quantiles.map(({ value }) => value));
    return count === undefined ? undefined : { count, sum: this.#number, quantiles: this.#quantiles };
  }

  #readSummary(reader: ProtobufReader, end: number) {
    if (reader.field === DISTRIBUTION.count) this.#count = reader.varint(end);
    else if (reader.field === DISTRIBUTION.sum) this.#number = reader.double(end);
    else if (reader.field === DISTRIBUTION.point) this.#quantiles.push(readQuantile(reader, end));
    else reader.skipUnknown(end);
  }
}

function readQuantile(reader: ProtobufReader, end: number): { quantile: number; value: number } {
  let quantile = 0, value = 0;
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === QUANTILE.quantile) quantile = reader.double(stop);
    else if (reader.field === QUANTILE.value) value = reader.double(stop);
    else reader.skipUnknown(stop);
  }
  return { quantile, value };
}

/** A `google.protobuf.Timestamp` as milliseconds since the epoch, which is as exact as Prometheus takes it. */
function readTimestamp(reader: ProtobufReader, end: number): number {
  let seconds = 0, nanos = 0;
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === TIMESTAMP.seconds) seconds = reader.varint(stop);
    else if (reader.field === TIMESTAMP.nanos) nanos = reader.varint(stop);
    else reader.skip(stop);
  }
  return seconds * 1_000 + Math.trunc(nanos / 1e6);
}

/** How {@linkcode encodeFamilies} writes. */
export interface EncodeOptions extends CountOptions {
  /** Remembers what labels are in protobuf from one time to the next. @default nothing is remembered */
  readonly labels?: EncodedLabels;
}

/**
 * Writes delimited families; those without a type that we carry are left out, as are values that are undefined or not of
 * their family's type.
 *
 * @throws {RangeError} if a timestamp, or a count that is to be an integer, does not fit 64 bits.
 */
export function encodeFamilies(
  families: Iterable<MetricFamily>,
  options: EncodeOptions = {},
): Uint8Array<ArrayBuffer> {
  return atOnce(encodeFamiliesSteps(families, options));
}

/** Does what {@linkcode encodeFamilies} does in steps. */
export function* encodeFamiliesSteps(
  families: Iterable<MetricFamily>,
  { labels, wholeAsIntegers }: EncodeOptions = {},
): Steps<Uint8Array<ArrayBuffer>> {
  const out = new ProtobufWriter();
  let pauseAt = STEP_BYTES;
  for (const { name, help, type, unit, metrics } of families) {
    if (type === undefined) continue;
    const family = out.open();
    out.string(FAMILY.name, name);
    if (help !== undefined) out.string(FAMILY.help, help);
    out.varint(FAMILY.type, METRIC_TYPES.indexOf(type));
    for (const metric of metrics) {
      writeMetric(out, metric, { type, encoded: labels, wholeAsIntegers });
      if (out.length < pauseAt) continue;
      pauseAt = out.length + STEP_BYTES;
      yield;
    }
    if (unit !== undefined) out.string(FAMILY.unit, unit);
    out.close(family);
  }
  return out.take();
}

/**
 * Writes one sample as a field of the message of a family of the given type.
 *
 * @throws {RangeError} as {@linkcode encodeFamilies} does.
 */
export function encodeMetric(metric: Metric, type: MetricType): Uint8Array {
  const out = new ProtobufWriter();
  writeMetric(out, metric, { type });
  return out.take();
}

/**
 * Reads a sample as {@linkcode encodeMetric} writes it.
 *
 * @throws {SyntaxError} if it is none.
 */
export function decodeMetricField(field: Uint8Array, type: MetricType): Metric {
  const reader = new ProtobufReader(field);
  reader.next(field.length);
  const end = reader.enter(field.length);
  return readMetric(reader, { start: reader.at, end, type, limits: UNLIMITED });
}

/** A sample as {@linkcode encodeMetric} writes it, which has no time, with one in milliseconds since the epoch. */
export function timedMetric(field: Uint8Array, timestampMs: number): Uint8Array {
  const reader = new ProtobufReader(field);
  reader.next(field.length);
  reader.enter(field.length);
  const out = new ProtobufWriter();
  const metric = out.openField(FAMILY.metric);
  out.fields(field.subarray(reader.at));
  out.varint(METRIC.timestampMs, timestampMs);
  out.close(metric);
  return out.take();
}

/** The delimited message of a family whose samples are written already, as {@linkcode encodeMetric} writes them. */
export function encodeFamily(
  { name, type }: { readonly name: string; readonly type: MetricType },
  metrics: readonly Uint8Array[],
): Uint8Array {
  const out = new ProtobufWriter();
  const family = out.open();
  out.string(FAMILY.name, name);
  out.varint(FAMILY.type, METRIC_TYPES.indexOf(type));
  for (const metric of metrics) out.fields(metric);
  out.close(family);
  return out.take();
}

function writeMetric(
  out: ProtobufWriter,
  { labels, value, timestampMs, createdMs }: Metric,
  { type, encoded, wholeAsIntegers }: { type: MetricType; encoded?: EncodedLabels } & CountOptions,
) {
  const metric = out.openField(FAMILY.metric);
  const known = encoded?.get(labels);
  if (known !== undefined) out.fields(known);
  else {
    const start = out.length;
    for (const { name, value } of labels) {
      const label = out.openField(METRIC.label);
      out.string(LABEL.name, name);
      out.string(LABEL.value, value);
      out.close(label);
    }
    encoded?.set(labels, out.copyFrom(start));
  }
  const field = VALUE[type];
  if (value !== undefined && isOf(type, value)) {
    const start = out.openField(field);
    if (typeof value === "number") out.double(NUMBER, value);
    else if ("buckets" in value) writeHistogram(out, value, { wholeAsIntegers });
    else writeSummary(out, value);
    const createdField = CREATED[field];
    if (createdMs !== undefined && createdField !== undefined) writeTimestamp(out, createdField, createdMs);
    out.close(start);
  }
  if (timestampMs !== undefined) out.varint(METRIC.timestampMs, timestampMs);
  out.close(metric);
}

function isOf(type: MetricType, value: number | SummaryValue | HistogramValue): boolean {
  if (type === "summary") return typeof value === "object" && "quantiles" in value;
  if (type === "histogram" || type === "gauge_histogram") return typeof value === "object" && "buckets" in value;
  return typeof value === "number";
}

function writeSummary(out: ProtobufWriter, { count, sum, quantiles }: SummaryValue) {
  out.varint(DISTRIBUTION.count, count);
  out.double(DISTRIBUTION.sum, sum);
  for (const { quantile, value } of quantiles) {
    const point = out.openField(DISTRIBUTION.point);
    out.double(QUANTILE.quantile, quantile);
    out.double(QUANTILE.value, value);
    out.close(point);
  }
}

function writeTimestamp(out: ProtobufWriter, field: number, ms: number) {
  const start = out.openField(field);
  const seconds = Math.floor(ms / 1_000);
  out.varint(TIMESTAMP.seconds, seconds);
  out.varint(TIMESTAMP.nanos, Math.floor((ms - seconds * 1_000) * 1e6));
  out.close(start);
}
