/**
 * Delimited protobuf of metric families (`io.prometheus.client.MetricFamily`, proto2, each behind its varint length), from
 * and to the object model. The server's push path reads the same bytes without building objects: `server/ingest/`.
 *
 * @module
 */

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
import {
  BUCKET,
  BYTES,
  DISTRIBUTION,
  FAMILY,
  FIXED32,
  FIXED64,
  LABEL,
  METRIC,
  NUMBER,
  QUANTILE,
  tagOf,
  VALUE,
  VARINT,
} from "./protobuf_fields.ts";

/** The media type of delimited families, as openshift/telemeter writes it. */
export const PROTOBUF_CONTENT_TYPE =
  "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

const utf8Encoder = new TextEncoder();

/** A family's message, found but not yet read: the order of its fields is free, so its type may come last. */
interface FamilyHead {
  name: string;
  help?: string;
  type: MetricType | undefined;
  unit?: string;
  readonly metrics: [start: number, end: number][];
}

/**
 * Reads delimited families. An absent type is `counter`, as proto2 has it; an unknown type and unknown fields pass.
 *
 * @throws {SyntaxError} if the bytes are not delimited families, with the offset.
 * @throws {LimitError} if they hold more than a limit allows.
 */
export function decodeFamilies(bytes: Uint8Array, limits: ParseLimits): MetricFamily[] {
  const reader = new Reader(bytes);
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
  reader: Reader,
  { end, limits, series }: { end: number; limits: ParseLimits; series: number },
): FamilyHead {
  const head: FamilyHead = { name: "", type: "counter", metrics: [] };
  while (reader.at < end) {
    const [field, wire] = reader.tag(end);
    if (field === FAMILY.name) head.name = reader.string(wire, end);
    else if (field === FAMILY.help) head.help = reader.string(wire, end);
    else if (field === FAMILY.type) head.type = METRIC_TYPES[reader.varint(wire, end)];
    else if (field === FAMILY.metric) {
      if (series + head.metrics.length === limits.maxSeries) {
        throw new LimitError(`Cannot take more than ${limits.maxSeries} series`);
      }
      head.metrics.push(reader.span(wire, end));
    } else if (field === FAMILY.unit) head.unit = reader.string(wire, end);
    else reader.skip(wire, end);
  }
  return head;
}

function readMetric(
  reader: Reader,
  { start, end, type, limits }: { start: number; end: number; type: MetricType | undefined; limits: ParseLimits },
): Metric {
  const labels: Label[] = [];
  const values: [number, number][] = [];
  let timestampMs: number | undefined;
  for (reader.at = start; reader.at < end;) {
    const [field, wire] = reader.tag(end);
    if (field === METRIC.label) {
      if (labels.length === limits.maxLabels) {
        throw new LimitError(`Cannot take more than ${limits.maxLabels} labels on a series`);
      }
      labels.push(readLabel(reader, reader.span(wire, end)));
    } else if (type !== undefined && field === VALUE[type]) values.push(reader.span(wire, end));
    else if (field === METRIC.timestampMs) timestampMs = reader.varint(wire, end);
    else reader.skip(wire, end);
  }
  return { labels, value: readValue(reader, type, values), ...(timestampMs === undefined ? {} : { timestampMs }) };
}

function readLabel(reader: Reader, [start, end]: [number, number]): Label {
  let name = "", value = "";
  for (reader.at = start; reader.at < end;) {
    const [field, wire] = reader.tag(end);
    if (field === LABEL.name) name = reader.string(wire, end);
    else if (field === LABEL.value) value = reader.string(wire, end);
    else reader.skip(wire, end);
  }
  reader.at = end;
  return { name, value };
}

/** Reads a value that may come in pieces: proto2 merges a message that is given twice. */
function readValue(reader: Reader, type: MetricType | undefined, spans: readonly [number, number][]): Metric["value"] {
  if (spans.length === 0) return undefined;
  if (type !== "summary" && type !== "histogram") {
    let value = 0;
    for (const [start, end] of spans) {
      for (reader.at = start; reader.at < end;) {
        const [field, wire] = reader.tag(end);
        if (field === NUMBER) value = reader.double(wire, end);
        else reader.skip(wire, end);
      }
    }
    return value;
  }
  let count = 0, sum = 0;
  const points: { key: number; value: number }[] = [];
  const readPoint = (end: number) => {
    const point = { key: 0, value: 0 };
    while (reader.at < end) {
      const [field, wire] = reader.tag(end);
      if (type === "summary" && field === QUANTILE.quantile) point.key = reader.double(wire, end);
      else if (type === "summary" && field === QUANTILE.value) point.value = reader.double(wire, end);
      else if (type === "histogram" && field === BUCKET.count) point.value = reader.varint(wire, end);
      else if (type === "histogram" && field === BUCKET.upperBound) point.key = reader.double(wire, end);
      else reader.skip(wire, end);
    }
    return point;
  };
  for (const [start, end] of spans) {
    for (reader.at = start; reader.at < end;) {
      const [field, wire] = reader.tag(end);
      if (field === DISTRIBUTION.count) count = reader.varint(wire, end);
      else if (field === DISTRIBUTION.sum) sum = reader.double(wire, end);
      else if (field === DISTRIBUTION.point) {
        const [pointStart, pointEnd] = reader.span(wire, end);
        reader.at = pointStart;
        points.push(readPoint(pointEnd));
      } else reader.skip(wire, end);
    }
  }
  return type === "summary"
    ? { count, sum, quantiles: points.map(({ key, value }) => ({ quantile: key, value })) }
    : { count, sum, buckets: points.map(({ key, value }) => ({ upperBound: key, count: value })) };
}

/** A cursor over protobuf bytes; every read is bounded by the `end` of the message it stands in. */
class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  tag(end: number): [field: number, wire: number] {
    const at = this.at;
    const tag = this.#varint(end);
    if (tag < 8 || tag > 0xffffffff) throw malformed(`a field has the number ${Math.floor(tag / 8)}`, at);
    return [Math.floor(tag / 8), tag & 7];
  }

  varint(wire: number, end: number): number {
    this.#expect(wire, VARINT);
    return this.#varint(end);
  }

  double(wire: number, end: number): number {
    this.#expect(wire, FIXED64);
    if (this.at + 8 > end) throw malformed("a double is cut short", this.at);
    this.at += 8;
    return this.#view.getFloat64(this.at - 8, true);
  }

  string(wire: number, end: number): string {
    const [start, stop] = this.span(wire, end);
    try {
      return this.#utf8.decode(this.#bytes.subarray(start, stop));
    } catch (cause) {
      throw new SyntaxError(`Cannot read the protobuf: a string is not UTF-8, at offset ${start}`, { cause });
    }
  }

  /** The extent of a length-delimited field; the cursor goes behind it. */
  span(wire: number, end: number): [start: number, end: number] {
    this.#expect(wire, BYTES);
    const stop = this.lengthEnd(end);
    const start = this.at;
    this.at = stop;
    return [start, stop];
  }

  /** Reads a length and returns where what it measures ends; the cursor stays before that. */
  lengthEnd(end: number): number {
    const at = this.at;
    const length = this.#varint(end);
    if (!(length >= 0 && length <= end - this.at)) throw malformed("a length goes past the end", at);
    return this.at + length;
  }

  skip(wire: number, end: number) {
    if (wire === VARINT) this.#varint(end);
    else if (wire === BYTES) this.at = this.lengthEnd(end);
    else if (wire === FIXED64 || wire === FIXED32) {
      const size = wire === FIXED64 ? 8 : 4;
      if (this.at + size > end) throw malformed("a field is cut short", this.at);
      this.at += size;
    } else throw malformed(`a field has the wire type ${wire}`, this.at);
  }

  /** An int64 as a number: exact up to 2^53 either way, which holds every timestamp and count of practice. */
  #varint(end: number): number {
    const start = this.at;
    let low = 0, high = 0;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw malformed("a varint is cut short", start);
      const byte = this.#bytes[this.at++];
      if (i < 4) low |= (byte & 0x7f) << (7 * i);
      else high += (byte & 0x7f) * 2 ** (7 * (i - 4));
      if (byte < 0x80) {
        if (i === 9 && byte > 1) break;
        // Ten bytes carry 70 bits; those of a negative number reach 2^64, from which two's complement subtracts.
        return high < 2 ** 35 ? high * 2 ** 28 + low : (high - 2 ** 36) * 2 ** 28 + low;
      }
    }
    throw malformed("a varint has more than 64 bits", start);
  }

  #expect(wire: number, wanted: number) {
    if (wire !== wanted) throw malformed(`a field has the wire type ${wire} in place of ${wanted}`, this.at);
  }
}

function malformed(what: string, at: number): SyntaxError {
  return new SyntaxError(`Cannot read the protobuf: ${what}, at offset ${at}`);
}

/**
 * Writes delimited families; those without a type that we carry are left out, as are values that are undefined.
 *
 * @throws {RangeError} if a count or timestamp does not fit 64 bits.
 */
export function encodeFamilies(families: Iterable<MetricFamily>): Uint8Array {
  const out = new Writer();
  for (const family of families) {
    const { type } = family;
    if (type === undefined) continue;
    out.message(() => {
      out.string(FAMILY.name, family.name);
      if (family.help !== undefined) out.string(FAMILY.help, family.help);
      out.varintField(FAMILY.type, METRIC_TYPES.indexOf(type));
      for (const metric of family.metrics) out.field(FAMILY.metric, () => writeMetric(out, metric, type));
      if (family.unit !== undefined) out.string(FAMILY.unit, family.unit);
    });
  }
  return out.take();
}

function writeMetric(out: Writer, metric: Metric, type: MetricType) {
  for (const { name, value } of metric.labels) {
    out.field(METRIC.label, () => {
      out.string(LABEL.name, name);
      out.string(LABEL.value, value);
    });
  }
  const { value } = metric;
  if (value !== undefined) out.field(VALUE[type], () => writeValue(out, value));
  if (metric.timestampMs !== undefined) out.varintField(METRIC.timestampMs, metric.timestampMs);
}

function writeValue(out: Writer, value: number | SummaryValue | HistogramValue) {
  if (typeof value === "number") return out.double(NUMBER, value);
  out.varintField(DISTRIBUTION.count, value.count);
  out.double(DISTRIBUTION.sum, value.sum);
  if ("quantiles" in value) {
    for (const { quantile, value: at } of value.quantiles) {
      out.field(DISTRIBUTION.point, () => {
        out.double(QUANTILE.quantile, quantile);
        out.double(QUANTILE.value, at);
      });
    }
  } else {
    for (const { upperBound, count } of value.buckets) {
      out.field(DISTRIBUTION.point, () => {
        out.varintField(BUCKET.count, count);
        out.double(BUCKET.upperBound, upperBound);
      });
    }
  }
}

/** A growing buffer. A message is written behind a gap of one byte for its length, and moved when that is too narrow. */
class Writer {
  #bytes = new Uint8Array(4_096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  field(number: number, write: () => void) {
    this.#varint(tagOf(number, BYTES));
    this.message(write);
  }

  message(write: () => void) {
    this.#reserve(1);
    const start = ++this.#length;
    write();
    const length = this.#length - start;
    let width = 1;
    for (let rest = Math.floor(length / 128); rest > 0; rest = Math.floor(rest / 128)) width++;
    this.#reserve(width - 1);
    this.#bytes.copyWithin(start + width - 1, start, this.#length);
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
  }

  string(number: number, text: string) {
    this.#reserve(16 + 3 * text.length);
    this.#varint(tagOf(number, BYTES));
    if (this.#ascii(text)) return;
    const start = this.#length;
    // The length of the encoded text is known only afterwards; most are short enough for one byte.
    const { written } = utf8Encoder.encodeInto(text, this.#bytes.subarray(start + 5));
    this.#varint(written);
    this.#bytes.copyWithin(this.#length, start + 5, start + 5 + written);
    this.#length += written;
  }

  /** Writes a short text of ASCII, as most are, at a tenth of the encoder's cost; false if it is another one. */
  #ascii(text: string): boolean {
    const { length } = text;
    if (length > 127) return false;
    const bytes = this.#bytes;
    const start = this.#length + 1;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) return false;
      bytes[start + i] = unit;
    }
    bytes[start - 1] = length;
    this.#length = start + length;
    return true;
  }

  double(number: number, value: number) {
    this.#reserve(16);
    this.#varint(tagOf(number, FIXED64));
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  varintField(number: number, value: number) {
    if (!(value >= -(2 ** 63) && value < 2 ** 63)) {
      throw new RangeError(`Cannot write ${value} as an integer of 64 bits`);
    }
    this.#varint(tagOf(number, VARINT));
    this.#varint(value);
  }

  #varint(value: number) {
    this.#reserve(10);
    if (value < 0) {
      // Two's complement over 64 bits, as protobuf has it for int64.
      for (let big = BigInt.asUintN(64, BigInt(Math.trunc(value)));; big >>= 7n) {
        if (big < 0x80n) return void (this.#bytes[this.#length++] = Number(big));
        this.#bytes[this.#length++] = Number(big & 0x7fn) | 0x80;
      }
    }
    let rest = Math.trunc(value);
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
    this.#bytes[this.#length++] = rest;
  }

  #reserve(more: number) {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
