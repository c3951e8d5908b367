/**
 * The message `io.prometheus.client.Histogram`, from and to the object model: classic and native buckets, counts as integers
 * or as floating-point numbers.
 *
 * @module
 */

import type { HistogramValue, NativeBuckets, NativeHistogram } from "./metric_family.ts";
import type { ProtobufReader, ProtobufWriter } from "./protobuf_wire.ts";

/** Counts of native buckets beyond this are not exact on the wire, where each is written less the one before it. */
const MAX_NATIVE_COUNT = 2 ** 51;

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
    if (field === 1) this.#count = reader.varint(end);
    else if (field === 2) this.#sum = reader.double(end);
    else if (field === 3) this.#readBucket(reader, end);
    else if (field === 4) this.#countFloat = reader.double(end);
    else if (field <= 14) (this.#native ??= new NativeReader()).read(reader, end);
    else return false;
    return true;
  }

  /** The histogram; undefined if it contradicts itself or counts beyond what is exact. */
  finish(): HistogramValue | undefined {
    const native = this.#native;
    // A float count overrides the integer unless it is 0, as `expfmt` of Go reads it.
    const hasCountFloat = this.#countFloat !== undefined && (this.#countFloat !== 0 || this.#count === undefined);
    const isFloat = hasCountFloat || this.#hasFloatBucket || native?.hasFloat === true;
    if (isFloat && native?.hasDeltas) return undefined;
    const value = {
      count: (hasCountFloat ? this.#countFloat : this.#count) ?? 0,
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
      if (field === 1) count = reader.varint(stop);
      else if (field === 2) upperBound = reader.double(stop);
      else if (field === 3) reader.skip(stop); // An exemplar, which changes no number.
      else if (field === 4) countFloat = reader.double(stop);
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
    if (field === 5) this.#schema = reader.signed(end);
    else if (field === 6) this.#zeroThreshold = reader.double(end);
    else if (field === 7) this.#zeroCount = reader.varint(end);
    else if (field === 8) this.#zeroCountFloat = reader.double(end);
    else if (field === 9 || field === 12) (field === 9 ? this.#negative : this.#positive).readSpan(reader, end);
    else if (field === 10 || field === 13) {
      reader.signedInto((field === 10 ? this.#negative : this.#positive).deltas, end);
    } else reader.doublesInto((field === 11 ? this.#negative : this.#positive).floats, end);
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

/** One side of a native histogram: counts as such, or as differences. */
class SideReader {
  readonly #spans: { readonly offset: number; readonly length: number }[] = [];
  readonly deltas: number[] = [];
  readonly floats: number[] = [];

  get spans(): readonly unknown[] {
    return this.#spans;
  }

  readSpan(reader: ProtobufReader, end: number) {
    let offset = 0, length = 0;
    for (const stop = reader.enter(end); reader.next(stop);) {
      if (reader.field === 1) offset = reader.signed(stop);
      else if (reader.field === 2) length = reader.varint(stop);
      else reader.skipUnknown(stop);
    }
    this.#spans.push({ offset, length });
  }

  finish(): NativeBuckets | undefined {
    const spans = this.#spans;
    if (!spans.every(({ offset, length }) => (offset | 0) === offset && length >>> 0 === length)) return undefined;
    if (this.deltas.length === 0) return { spans, counts: this.floats };
    let count = 0;
    const counts = this.deltas.map((delta) => count += delta);
    return counts.every((count) => Math.abs(count) <= MAX_NATIVE_COUNT) ? { spans, counts } : undefined;
  }
}

/** Fields of a count: as an integer, and as a floating-point number. */
const COUNT_FIELDS = [1, 4] as const, ZERO_FIELDS = [7, 8] as const;
const NEGATIVE_FIELDS = { span: 9, delta: 10, float: 11 } as const;
const POSITIVE_FIELDS = { span: 12, delta: 13, float: 14 } as const;

/** What tells an empty native histogram from an empty classic one. */
const MARK = [{ offset: 0, length: 0 }] as const;

/**
 * Writes the fields 1 to 14 of a histogram.
 *
 * @throws {RangeError} if a count is not an integer although the histogram's are, or has more bits than its field.
 */
export function writeHistogram(
  out: ProtobufWriter,
  { count, sum, buckets, isFloat = false, native }: HistogramValue,
): void {
  const writeCount = ([integer, float]: readonly [number, number], count: number) =>
    isFloat ? out.double(float, count) : out.varint(integer, count);
  writeCount(COUNT_FIELDS, count);
  out.double(2, sum);
  for (const { upperBound, count } of buckets) {
    const bucket = out.openField(3);
    writeCount(COUNT_FIELDS, count);
    out.double(2, upperBound);
    out.close(bucket);
  }
  if (native === undefined) return;
  const { positive, negative } = native;
  out.signed(5, native.schema);
  out.double(6, native.zeroThreshold);
  writeCount(ZERO_FIELDS, native.zeroCount);
  writeSide(out, { side: negative, fields: NEGATIVE_FIELDS, isFloat });
  const side = isMarked(native) ? positive : { ...positive, spans: MARK };
  writeSide(out, { side, fields: POSITIVE_FIELDS, isFloat });
}

function writeSide(
  out: ProtobufWriter,
  { side: { spans, counts }, fields, isFloat }: {
    side: NativeBuckets;
    fields: { readonly span: number; readonly delta: number; readonly float: number };
    isFloat: boolean;
  },
) {
  for (const { offset, length } of spans) {
    const span = out.openField(fields.span);
    out.signed(1, offset);
    out.varint(2, length);
    out.close(span);
  }
  if (isFloat) out.doubles(fields.float, counts);
  else out.deltas(fields.delta, counts);
}

/** Whether a reader can tell that it is native. */
function isMarked({ zeroThreshold, zeroCount, positive, negative }: NativeHistogram): boolean {
  return positive.spans.length > 0 || negative.spans.length > 0 || zeroThreshold !== 0 || zeroCount !== 0;
}
