/**
 * The message `io.prometheus.client.Histogram`, from and to the object model: classic and native buckets, counts as integers
 * or as floating-point numbers.
 *
 * @module
 */

import type { HistogramValue, NativeBuckets, NativeHistogram } from "./metric_family.ts";
import { BUCKET, DISTRIBUTION, HISTOGRAM, SPAN } from "./protobuf_fields.ts";
import type { ProtobufReader, ProtobufWriter } from "./protobuf_wire.ts";

/** Counts of native buckets beyond this are not exact on the wire, where each is written less the one before it. */
const MAX_NATIVE_COUNT = 2 ** 51;

/**
 * The count of a sample that does not say it, given its sum and quantile values: writers of proto3 leave out what is 0, but 0
 * observations come to nothing else, so that else the count is not known.
 */
export function uncounted(sum: number, values: ArrayLike<number> = []): number | undefined {
  const isEmpty = sum === 0 && Array.from(values).every((value) => value === 0 || Number.isNaN(value));
  return isEmpty ? 0 : undefined;
}

/** A histogram whose fields are coming in, perhaps in pieces: proto2 merges a message that is given twice. */
export class HistogramReader {
  #count?: number;
  #countFloat?: number;
  #sum = 0;
  #hasFloatBucket = false;
  readonly #buckets: { readonly upperBound: number; readonly count: number }[] = [];
  #native?: NativeReader;

  /** Reads the field that the reader came to; false if it is none of the histogram's counts. */
  read(reader: ProtobufReader, end: number): boolean {
    const { field } = reader;
    if (field === DISTRIBUTION.count) this.#count = reader.varint(end);
    else if (field === DISTRIBUTION.sum) this.#sum = reader.double(end);
    else if (field === DISTRIBUTION.point) this.#readBucket(reader, end);
    else if (field === HISTOGRAM.countFloat) this.#countFloat = reader.double(end);
    else if (field <= HISTOGRAM.positive.count) (this.#native ??= new NativeReader()).read(reader, end);
    else return false;
    return true;
  }

  /**
   * The histogram; undefined if it contradicts itself, counts beyond what is exact, or has no count. What it counts in all is also in
   * a bucket +Inf.
   */
  finish(): HistogramValue | undefined {
    const native = this.#native;
    // A float count overrides the integer unless it is 0, as `expfmt` of Go reads it.
    const hasCountFloat = this.#countFloat !== undefined && (this.#countFloat !== 0 || this.#count === undefined);
    const isFloat = hasCountFloat || this.#hasFloatBucket || native?.hasFloat === true;
    if (isFloat && native?.hasDeltas) return undefined;
    const last = this.#buckets.at(-1);
    const whole = last?.upperBound === Infinity ? last.count : undefined;
    const count = (hasCountFloat ? this.#countFloat : this.#count) ?? whole ?? uncounted(this.#sum);
    if (count === undefined) return undefined;
    const value = {
      count,
      sum: this.#sum,
      buckets: this.#buckets,
      ...(isFloat ? { isFloat } : {}),
    };
    // Prometheus federates an empty native histogram with its schema alone, which no classic one has.
    const isEmpty = value.count === 0 && value.buckets.length === 0;
    if (native === undefined || !(native.isMarked || (isEmpty && native.hasSchema))) return value;
    const buckets = native.finish();
    return buckets && { ...value, native: buckets };
  }

  #readBucket(reader: ProtobufReader, end: number) {
    let count = 0, countFloat = 0, upperBound = 0;
    for (const stop = reader.enter(end); reader.next(stop);) {
      const { field } = reader;
      if (field === BUCKET.count) count = reader.varint(stop);
      else if (field === BUCKET.upperBound) upperBound = reader.double(stop);
      else if (field === BUCKET.exemplar) reader.skip(stop); // Which changes no number.
      else if (field === BUCKET.countFloat) countFloat = reader.double(stop);
      else reader.skipUnknown(stop);
    }
    const isFloat = countFloat !== 0;
    this.#hasFloatBucket ||= isFloat;
    this.#buckets.push({ upperBound, count: isFloat ? countFloat : count });
  }
}

/** The fields 5 to 14, which only native histograms have. */
class NativeReader {
  #schema: number | undefined;
  #zeroThreshold = 0;
  #zeroCount = 0;
  #zeroCountFloat = 0;
  readonly #positive = new SideReader();
  readonly #negative = new SideReader();

  get hasSchema(): boolean {
    return this.#schema !== undefined;
  }

  get hasFloat(): boolean {
    return this.#zeroCountFloat !== 0 || this.#positive.floats.length > 0 || this.#negative.floats.length > 0;
  }

  get hasDeltas(): boolean {
    return this.#positive.deltas.length > 0 || this.#negative.deltas.length > 0;
  }

  /** As Prometheus tells native histograms from classic ones (`model/textparse/protobufparse.go`), and by their counts. */
  get isMarked(): boolean {
    return this.#positive.spans.length > 0 || this.#negative.spans.length > 0 || this.#zeroThreshold !== 0 ||
      this.#zeroCount !== 0 || this.hasFloat || this.hasDeltas;
  }

  read(reader: ProtobufReader, end: number) {
    const { field } = reader;
    if (field === HISTOGRAM.schema) this.#schema = reader.signed(end);
    else if (field === HISTOGRAM.zeroThreshold) this.#zeroThreshold = reader.double(end);
    else if (field === HISTOGRAM.zeroCount) this.#zeroCount = reader.varint(end);
    else if (field === HISTOGRAM.zeroCountFloat) this.#zeroCountFloat = reader.double(end);
    else if (field <= HISTOGRAM.negative.count) this.#negative.read(reader, { end, fields: HISTOGRAM.negative });
    else this.#positive.read(reader, { end, fields: HISTOGRAM.positive });
  }

  finish(): NativeHistogram | undefined {
    const schema = this.#schema ?? 0;
    const positive = this.#positive.finish();
    const negative = this.#negative.finish();
    if (positive === undefined || negative === undefined || (schema | 0) !== schema) return undefined;
    const zeroCount = this.#zeroCountFloat === 0 ? this.#zeroCount : this.#zeroCountFloat;
    return { schema, zeroThreshold: this.#zeroThreshold, zeroCount, positive, negative };
  }
}

/** The fields of one side of a native histogram: its spans, and its counts as differences or as such. */
export interface SideFields {
  /** That of a span. */
  readonly span: number;
  /** That of the differences between integer counts. */
  readonly delta: number;
  /** That of floating-point counts. */
  readonly count: number;
}

/** One side of a native histogram: counts as such, or as differences. */
class SideReader {
  readonly #spans: { readonly offset: number; readonly length: number }[] = [];
  readonly deltas: number[] = [];
  readonly floats: number[] = [];

  get spans(): readonly unknown[] {
    return this.#spans;
  }

  read(reader: ProtobufReader, { end, fields }: { end: number; fields: SideFields }) {
    if (reader.field === fields.span) this.#readSpan(reader, end);
    else if (reader.field === fields.delta) reader.signedInto(this.deltas, end);
    else reader.doublesInto(this.floats, end);
  }

  finish(): NativeBuckets | undefined {
    const spans = this.#spans;
    if (!spans.every(({ offset, length }) => (offset | 0) === offset && length >>> 0 === length)) return undefined;
    if (this.deltas.length === 0) return { spans, counts: this.floats };
    let count = 0;
    const counts = this.deltas.map((delta) => count += delta);
    return counts.every((count) => Math.abs(count) <= MAX_NATIVE_COUNT) ? { spans, counts } : undefined;
  }

  #readSpan(reader: ProtobufReader, end: number) {
    let offset = 0, length = 0;
    for (const stop = reader.enter(end); reader.next(stop);) {
      if (reader.field === SPAN.offset) offset = reader.signed(stop);
      else if (reader.field === SPAN.length) length = reader.varint(stop);
      else reader.skipUnknown(stop);
    }
    this.#spans.push({ offset, length });
  }
}

/** Fields of a count: as an integer, and as a floating-point number. */
type CountFields = readonly [integer: number, float: number];
const COUNT_FIELDS: CountFields = [DISTRIBUTION.count, HISTOGRAM.countFloat];
const BUCKET_FIELDS: CountFields = [BUCKET.count, BUCKET.countFloat];
const ZERO_FIELDS: CountFields = [HISTOGRAM.zeroCount, HISTOGRAM.zeroCountFloat];

/** What tells an empty native histogram from an empty classic one. */
const MARK = [{ offset: 0, length: 0 }] as const;

/** How the counts of histograms are written that came as floating-point numbers. */
export interface CountOptions {
  /**
   * Whether those of classic histograms are integers wherever they are whole. That they came otherwise is lost, but every reader
   * knows integers: Prometheus 2.42 takes other counts for 0.
   *
   * @default {false}
   */
  readonly wholeAsIntegers?: boolean;
}

/**
 * Writes the fields 1 to 14 of a histogram.
 *
 * @throws {RangeError} if a count is not an integer although the histogram's are, or has more bits than its field.
 */
export function writeHistogram(
  out: ProtobufWriter,
  { count, sum, buckets, isFloat = false, native }: HistogramValue,
  { wholeAsIntegers = false }: CountOptions = {},
): void {
  const prefersIntegers = wholeAsIntegers && native === undefined;
  const writeCount = ([integer, float]: CountFields, count: number) =>
    isFloat && !(prefersIntegers && Number.isSafeInteger(count) && count >= 0)
      ? out.double(float, count)
      : out.varint(integer, count);
  writeCount(COUNT_FIELDS, count);
  out.double(DISTRIBUTION.sum, sum);
  for (const { upperBound, count } of buckets) {
    const bucket = out.openField(DISTRIBUTION.point);
    writeCount(BUCKET_FIELDS, count);
    out.double(BUCKET.upperBound, upperBound);
    out.close(bucket);
  }
  if (native === undefined) return;
  const { positive, negative } = native;
  out.signed(HISTOGRAM.schema, native.schema);
  out.double(HISTOGRAM.zeroThreshold, native.zeroThreshold);
  writeCount(ZERO_FIELDS, native.zeroCount);
  writeSide(out, { side: negative, fields: HISTOGRAM.negative, isFloat });
  const side = isMarked(native) ? positive : { ...positive, spans: MARK };
  writeSide(out, { side, fields: HISTOGRAM.positive, isFloat });
}

/** Writes one side of a native histogram in the fields that a message has for it. */
export function writeSide(
  out: ProtobufWriter,
  { side: { spans, counts }, fields, isFloat }: {
    side: NativeBuckets;
    fields: SideFields;
    isFloat: boolean;
  },
) {
  for (const { offset, length } of spans) {
    const span = out.openField(fields.span);
    out.signed(SPAN.offset, offset);
    out.varint(SPAN.length, length);
    out.close(span);
  }
  if (isFloat) out.doubles(fields.count, counts);
  else out.deltas(fields.delta, counts);
}

/** Whether a reader can tell that it is native. */
function isMarked({ zeroThreshold, zeroCount, positive, negative }: NativeHistogram): boolean {
  return positive.spans.length > 0 || negative.spans.length > 0 || zeroThreshold !== 0 || zeroCount !== 0;
}
