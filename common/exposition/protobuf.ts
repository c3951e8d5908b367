/**
 * Delimited protobuf of metric families (`io.prometheus.client.MetricFamily`, proto2, each behind its varint length), from
 * and to the object model. Pushes are checked without building objects: `common/ingest/`.
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
import { keepCompiled } from "../keep_compiled.ts";
import { atOnce, type Steps } from "../steps.ts";

/** The media type of delimited families, as openshift/telemeter writes it. */
export const PROTOBUF_CONTENT_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** The last field of a sample that we know: those up to it hold values of other types, where not of the family's. */
const LAST_FIELD = VALUE.histogram;

const NO_LABELS: readonly Label[] = [];

/** How much is written in one step. */
const STEP_BYTES = 65_536;

/** A family's message, found but not yet read: the order of its fields is free, so its type may come last. */
interface FamilyHead {
  name: string;
  help?: string;
  type: MetricType | undefined;
  unit?: string;
  /** Where each sample starts and ends, one after the other. */
  readonly places: number[];
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
  const samples = new MetricReader(reader, { limits, memory: labels });
  // With the page, which the memory holds as well.
  if (labels !== undefined) keepCompiled(samples);
  const families: MetricFamily[] = [];
  let series = 0;
  while (reader.at < bytes.length) {
    const end = reader.lengthEnd(bytes.length);
    if (families.length === limits.maxFamilies) {
      throw new LimitError(`Cannot take more than ${limits.maxFamilies} families`, { limit: "families" });
    }
    const { places, ...family } = readHead(reader, { end, limits, series });
    series += places.length / 2;
    const metrics: Metric[] = [];
    for (let i = 0; i < places.length; i += 2) {
      reader.at = places[i];
      metrics.push(samples.read(places[i + 1], family.type));
    }
    families.push({ ...family, metrics });
    reader.at = end;
  }
  return families;
}

/** Finds the parts of a family, when there have been `series` before it. */
function readHead(
  reader: ProtobufReader,
  { end, limits, series }: { end: number; limits: ParseLimits; series: number },
): FamilyHead {
  const head: FamilyHead = { name: "", type: "counter", places: [] };
  while (reader.next(end)) {
    const { field } = reader;
    if (field === FAMILY.name) head.name = reader.string(end);
    else if (field === FAMILY.help) head.help = reader.string(end);
    else if (field === FAMILY.type) head.type = METRIC_TYPES[reader.varint(end)];
    else if (field === FAMILY.metric) {
      if (series + head.places.length / 2 === limits.maxSeries) {
        throw new LimitError(`Cannot take more than ${limits.maxSeries} series`, { limit: "series" });
      }
      const stop = reader.enter(end);
      head.places.push(reader.at, stop);
      reader.at = stop;
    } else if (field === FAMILY.unit) head.unit = reader.string(end);
    else reader.skip(end); // A field of the family, none of which changes the numbers in its samples.
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
  { start, end, type, limits }: { start: number; end: number; type: MetricType; limits: ParseLimits },
): Metric {
  const reader = new ProtobufReader(bytes);
  reader.at = start;
  return new MetricReader(reader, { limits }).read(end, type);
}

/** Reads samples one after the other, with little garbage: a page has many. */
class MetricReader {
  readonly #reader: ProtobufReader;
  readonly #limits: ParseLimits;
  readonly #memory: LabelMemory | undefined;
  readonly #value = new ValueReader();

  constructor(reader: ProtobufReader, { limits, memory }: { limits: ParseLimits; memory?: LabelMemory }) {
    this.#reader = reader;
    this.#limits = limits;
    this.#memory = memory;
  }

  /** Reads the sample of a family of the given type that goes from the cursor to `end`. */
  read(end: number, type: MetricType | undefined): Metric {
    const reader = this.#reader, value = this.#value;
    const valueField = type === undefined ? undefined : VALUE[type];
    let timestampMs: number | undefined;
    reader.hasUnknown = false;
    value.start(valueField);
    // Of all labels, if they stand together before all else as usual.
    const first = this.#memory === undefined ? NO_LABELS : this.#rememberedLabels(this.#memory, end);
    let more: Label[] | undefined;
    while (reader.next(end)) {
      const { field } = reader;
      if (field === METRIC.label) {
        more ??= [...first];
        this.#readLabel(more, end);
      } else if (field === valueField) value.read(reader, end);
      else if (field === METRIC.timestampMs) timestampMs = reader.varint(end);
      else if (field <= LAST_FIELD) reader.skip(end); // A value of another type: by the family's type it is not the number.
      else reader.skipUnknown(end);
    }
    const labels = more ?? first;
    const { createdMs } = value;
    if (reader.hasUnknown) {
      return optional({ labels, value: undefined, fault: "unknown_field" }, { timestampMs, createdMs });
    }
    const found = value.finish();
    if (found === undefined && value.isThere) {
      const fault = type === "summary" ? "summary" : "histogram";
      return optional({ labels, value: found, fault }, { timestampMs, createdMs });
    }
    if (createdMs !== undefined) return optional({ labels, value: found }, { timestampMs, createdMs });
    return timestampMs === undefined ? { labels, value: found } : { labels, value: found, timestampMs };
  }

  /** Reads the labels from the cursor on, or remembers them. */
  #rememberedLabels(memory: LabelMemory, end: number): readonly Label[] {
    const reader = this.#reader;
    const stop = reader.runEnd(METRIC.label, end);
    if (stop === reader.at) return NO_LABELS;
    const labels = memory.labels(reader.at, stop, this.#readLabels);
    if (labels.length > this.#limits.maxLabels) throw tooManyLabels(this.#limits);
    reader.at = stop;
    return labels;
  }

  /** Reads nothing but labels from the cursor on. */
  readonly #readLabels = (end: number): readonly Label[] => {
    const labels: Label[] = [];
    while (this.#reader.next(end)) this.#readLabel(labels, end);
    return labels;
  };

  #readLabel(labels: Label[], end: number): void {
    if (labels.length === this.#limits.maxLabels) throw tooManyLabels(this.#limits);
    labels.push(readLabel(this.#reader, end));
  }
}

/** A sample with what few samples have. */
function optional(
  metric: Metric,
  { timestampMs, createdMs }: { timestampMs: number | undefined; createdMs: number | undefined },
): Metric {
  return {
    ...metric,
    ...(timestampMs === undefined ? {} : { timestampMs }),
    ...(createdMs === undefined ? {} : { createdMs }),
  };
}

function tooManyLabels({ maxLabels }: ParseLimits): LimitError {
  return new LimitError(`Cannot take more than ${maxLabels} labels on a series`, { limit: "labels" });
}

function readLabel(reader: ProtobufReader, end: number): Label {
  let name = "", value = "";
  for (const stop = reader.enter(end); reader.next(stop);) {
    if (reader.field === LABEL.name) name = reader.string(stop);
    else if (reader.field === LABEL.value) value = reader.string(stop);
    else reader.skip(stop); // A field of the label, which stands beside the number and not in it.
  }
  return { name, value };
}

/** The value of a sample, which may come in pieces: proto2 merges a message that is given twice. */
class ValueReader {
  /** When it began to count. */
  createdMs: number | undefined;
  /** Whether there was any of it. */
  isThere = false;
  #field: number | undefined;
  #createdField: number | undefined;
  #number = 0;
  #count: number | undefined;
  #quantiles: { quantile: number; value: number }[] = [];
  #histogram: HistogramReader | undefined;

  /** Starts on another value, that of the given field. */
  start(field: number | undefined): void {
    this.createdMs = undefined;
    this.isThere = false;
    this.#field = field;
    this.#createdField = field === undefined ? undefined : CREATED[field];
    this.#number = 0;
    this.#count = undefined;
    if (field === VALUE.summary) this.#quantiles = [];
    this.#histogram = field === VALUE.histogram ? new HistogramReader() : undefined;
  }

  /** Reads a piece. */
  read(reader: ProtobufReader, end: number): void {
    this.isThere = true;
    for (const stop = reader.enter(end); reader.next(stop);) {
      if (reader.field === this.#createdField) this.createdMs = readTimestamp(reader, stop);
      else if (this.#histogram !== undefined) {
        if (this.#histogram.read(reader, stop)) continue;
        if (reader.field === HISTOGRAM.exemplars) reader.skip(stop); // Exemplars, which change no number.
        else reader.skipUnknown(stop);
      } else if (this.#field === VALUE.summary) this.#readSummary(reader, stop);
      else if (reader.field === NUMBER) this.#number = reader.double(stop);
      else if (reader.field === COUNTER_EXEMPLAR && this.#field === VALUE.counter) reader.skip(stop); // Which changes no number.
      else reader.skipUnknown(stop);
    }
  }

  /** The value; undefined if there is none, if a histogram contradicts itself, or if it or a summary has no count. */
  finish(): Metric["value"] {
    if (!this.isThere) return undefined;
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
    else reader.skip(stop); // A field of the time since when the number counts, which is the same number all the same.
  }
  return seconds * 1_000 + Math.trunc(nanos / 1e6);
}

/** How {@linkcode encodeFamilies} writes. */
export interface EncodeOptions extends CountOptions {
  /** Remembers what labels are in protobuf from one time to the next. @default nothing is remembered */
  readonly labels?: EncodedLabels;
  /** How much is made room for at first, in bytes. @default 4 KiB */
  readonly roomBytes?: number;
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
  { labels, wholeAsIntegers, roomBytes }: EncodeOptions = {},
): Steps<Uint8Array<ArrayBuffer>> {
  const out = new ProtobufWriter(roomBytes);
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
  return new MetricReader(reader, { limits: UNLIMITED }).read(reader.enter(field.length), type);
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
