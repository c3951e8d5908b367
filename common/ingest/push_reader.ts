/**
 * Reads the protobuf of a push in place, but for what the kernel reads, which is all of a sample other than the points of a
 * summary or histogram.
 *
 * @module
 */

import { uncounted } from "../exposition/histogram_message.ts";
import {
  type DistributionType,
  type MetricType,
  type ParseLimits,
  SeriesLimitError,
} from "../exposition/metric_family.ts";
import {
  BUCKET,
  BYTES,
  DISTRIBUTION,
  FIXED32,
  FIXED64,
  QUANTILE,
  tagOf,
  VALUE,
  VARINT,
} from "../exposition/protobuf_fields.ts";
import { invalid, type InvalidPushError } from "./invalid_push.ts";

/** What stands before the value of a sample, by the family's type. */
export const VALUE_TAG: Readonly<Record<MetricType, number>> = {
  gauge: tagOf(VALUE.gauge, BYTES),
  counter: tagOf(VALUE.counter, BYTES),
  summary: tagOf(VALUE.summary, BYTES),
  untyped: tagOf(VALUE.untyped, BYTES),
  histogram: tagOf(VALUE.histogram, BYTES),
  gauge_histogram: tagOf(VALUE.gauge_histogram, BYTES),
};

/** The last field that is known of a message; those that are not read here change no number, or are read elsewhere. */
const LAST_FIELD: Readonly<Record<DistributionType, number>> = { summary: 4, histogram: 16, gauge_histogram: 16 };
const LAST_BUCKET_FIELD = 4;

const COUNT_TAG = tagOf(DISTRIBUTION.count, VARINT);
const SUM_TAG = tagOf(DISTRIBUTION.sum, FIXED64);
const POINT_TAG = tagOf(DISTRIBUTION.point, BYTES);
const QUANTILE_TAG = tagOf(QUANTILE.quantile, FIXED64);
const QUANTILE_VALUE_TAG = tagOf(QUANTILE.value, FIXED64);
const BUCKET_COUNT_TAG = tagOf(BUCKET.count, VARINT);
const BUCKET_BOUND_TAG = tagOf(BUCKET.upperBound, FIXED64);

/** A cursor over one push at a time. Every read is bounded by the `end` of the message it stands in. */
export class PushReader {
  /** The push at hand. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes, to be read in words. */
  view = new DataView(this.bytes.buffer);
  /** Where the cursor stands. */
  at = 0;

  /** What a summary or histogram counts; NaN if it does not say, and it is not 0. */
  count = 0;
  /** What the observations add up to. */
  sum = 0;
  /** Quantiles or bucket bounds, what stands beside each, and how many there are. */
  keys = new Float64Array(64);
  /** What stands beside each key. */
  values = new Float64Array(64);
  /** How many points there are. */
  pointCount = 0;
  /** Whether that is all that the sample says; else it is a histogram with native buckets or counts that are floats. */
  isPlain = true;
  /** Whether it has a field that is not known. */
  hasUnknown = false;

  readonly #maxSeries: number;

  /** Reads up to these limits. */
  constructor({ maxSeries }: Pick<ParseLimits, "maxSeries">) {
    this.#maxSeries = maxSeries;
  }

  /** Goes on in these bytes. */
  look(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads a field's tag: its number times 8, plus the wire type. */
  tag(end: number): number {
    const byte = this.bytes[this.at];
    if (byte >= 8 && byte < 0x80 && this.at < end) {
      this.at++;
      return byte;
    }
    const at = this.at;
    const tag = this.varint(end);
    if (tag < 8 || tag > 0xffffffff) throw malformed("a field has a number that none may have", at);
    return tag;
  }

  /** Reads a length and returns where what it measures ends; the cursor stays before that. */
  lengthEnd(end: number): number {
    const at = this.at;
    const byte = this.bytes[at];
    if (byte < 0x80 && at < end) {
      this.at++;
      if (byte > end - this.at) throw malformed("a length goes past the end", at);
      return this.at + byte;
    }
    const length = this.varint(end);
    if (!(length >= 0 && length <= end - this.at)) throw malformed("a length goes past the end", at);
    return this.at + length;
  }

  /** Reads an int64: exact up to 2^53 either way. */
  varint(end: number): number {
    const { bytes } = this;
    const start = this.at;
    // In three integers of 28, 28 and 8 bits, which is quicker than one double.
    let low = 0, middle = 0, high = 0;
    for (let at = start, shift = 0; at < end && shift < 70; at++, shift += 7) {
      const byte = bytes[at];
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else if (shift < 56) middle |= (byte & 0x7f) << (shift - 28);
      else high |= (byte & 0x7f) << (shift - 56);
      if (byte < 0x80) {
        if (high > 0xff) break;
        this.at = at + 1;
        // The highest of 64 bits is the sign.
        return (high < 0x80 ? high : high - 0x100) * 2 ** 56 + middle * 2 ** 28 + low;
      }
    }
    throw malformed(end - start < 10 ? "a varint is cut short" : "a varint has more than 64 bits", start);
  }

  /** Reads a double whose tag was read. */
  double(end: number): number {
    if (this.at + 8 > end) throw malformed("a double is cut short", this.at);
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  /** Skips a field that is not ours, or refuses one that is but has another wire type. */
  skip(tag: number, { end, known }: { end: number; known: number }) {
    const wire = tag % 8;
    if (Math.floor(tag / 8) <= known) {
      throw malformed(`field ${Math.floor(tag / 8)} has the wire type ${wire}`, this.at);
    }
    if (wire === VARINT) this.varint(end);
    else if (wire === BYTES) this.at = this.lengthEnd(end);
    else if (wire === FIXED64 || wire === FIXED32) {
      this.at += wire === FIXED64 ? 8 : 4;
      if (this.at > end) throw malformed("a field is cut short", end);
    } else throw malformed(`a field has the wire type ${wire}`, this.at);
  }

  /** Reads what a summary or histogram from `start` to `end` counts, all of whose fields the kernel has read. */
  points({ start, end, type }: { start: number; end: number; type: DistributionType }) {
    const { at } = this;
    this.count = NaN;
    this.sum = this.pointCount = 0;
    this.isPlain = true;
    this.hasUnknown = false;
    this.at = start;
    while (this.at < end) {
      const tag = this.tag(end);
      if (tag === VALUE_TAG[type]) this.#distribution(this.lengthEnd(end), type);
      else this.skip(tag, { end, known: 0 }); // Which the kernel has read, or has left the sample out for.
    }
    if (Number.isNaN(this.count)) this.count = this.#uncounted(type);
    this.at = at;
  }

  /** What it counts that does not say so: what is in its last bucket, or nothing if nothing speaks against that. */
  #uncounted(type: DistributionType): number {
    const last = this.pointCount - 1;
    if (type !== "summary" && last >= 0 && this.keys[last] === Infinity) return this.values[last];
    return uncounted(this.sum, type === "summary" ? this.values.subarray(0, this.pointCount) : []) ?? NaN;
  }

  #distribution(end: number, type: DistributionType) {
    while (this.at < end) {
      const tag = this.tag(end);
      if (tag === COUNT_TAG) this.count = this.varint(end);
      else if (tag === SUM_TAG) this.sum = this.double(end);
      else if (tag === POINT_TAG) this.#point(this.lengthEnd(end), type);
      else {
        const field = Math.floor(tag / 8);
        // A field that is not known has the sample left out, and one of a histogram has it read again, whole, by decodeMetric(). What
        // remains is when a summary began to count, which changes no number.
        if (field > LAST_FIELD[type]) this.hasUnknown = true;
        else if (type !== "summary") this.isPlain = false;
        this.skip(tag, { end, known: 3 });
      }
    }
  }

  #point(end: number, type: DistributionType) {
    if (this.pointCount === this.#maxSeries) {
      throw new SeriesLimitError(this.#maxSeries, { what: "a push" });
    }
    let key = 0, value = 0;
    while (this.at < end) {
      const tag = this.tag(end);
      if (type === "summary" && tag === QUANTILE_TAG) key = this.double(end);
      else if (type === "summary" && tag === QUANTILE_VALUE_TAG) value = this.double(end);
      else if (type !== "summary" && tag === BUCKET_COUNT_TAG) value = this.varint(end);
      else if (type !== "summary" && tag === BUCKET_BOUND_TAG) key = this.double(end);
      else {
        const field = Math.floor(tag / 8);
        // As above: the sample is left out, or read again.
        if (type === "summary" || field > LAST_BUCKET_FIELD) this.hasUnknown = true;
        else this.isPlain = false;
        this.skip(tag, { end, known: 2 });
      }
    }
    if (this.pointCount === this.keys.length) {
      const longer = (column: Float64Array) => {
        const grown = new Float64Array(2 * column.length);
        grown.set(column);
        return grown;
      };
      this.keys = longer(this.keys) as typeof this.keys;
      this.values = longer(this.values) as typeof this.values;
    }
    this.keys[this.pointCount] = key;
    this.values[this.pointCount++] = value;
  }
}

function malformed(what: string, at: number): InvalidPushError {
  return invalid("malformed", what, at);
}
