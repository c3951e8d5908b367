/**
 * Reads the protobuf of a push in place: a cursor over its bytes, and what the sample at hand has told of itself.
 *
 * Labels stay offsets into the push; nothing is allocated for a label or a sample.
 *
 * @module
 */

import { LimitError, type MetricType, type ParseLimits } from "../../common/exposition/metric_family.ts";
import { invalid, type InvalidPushError } from "./invalid_push.ts";
import type { LabelSpans } from "./label_shape.ts";

const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

/** Tag of the field of `Metric` that carries the value, by the family's type; all are messages. */
const VALUE_TAG: Readonly<Record<MetricType, number>> = {
  gauge: 2 * 8 + BYTES,
  counter: 3 * 8 + BYTES,
  summary: 4 * 8 + BYTES,
  untyped: 5 * 8 + BYTES,
  histogram: 7 * 8 + BYTES,
};

/** A cursor over one push at a time. Every read is bounded by the `end` of the message it stands in. */
export class PushReader {
  /** The push at hand. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes, to be read in words. */
  view = new DataView(this.bytes.buffer);
  /** Where the cursor stands. */
  at = 0;

  /** Labels of the sample at hand, and how many. */
  readonly spans: LabelSpans;
  /** How many labels it has. */
  labelCount = 0;
  /** Its timestamp in milliseconds, NaN without one. */
  timestampMs: number = NaN;
  /** Whether it has a value of its family's type. */
  hasValue = false;
  /** The value of a counter, gauge or untyped sample. */
  value = 0;
  /** What a summary or histogram counts and sums up. */
  count = 0;
  /** What the observations add up to. */
  sum = 0;
  /** Quantiles or bucket bounds, what stands beside each, and how many there are. */
  keys = new Float64Array(64);
  /** What stands beside each key. */
  values = new Float64Array(64);
  /** How many points there are. */
  pointCount = 0;

  readonly #maxLabels: number;
  readonly #maxSeries: number;

  /** Reads up to these limits. */
  constructor(limits: ParseLimits) {
    this.#maxLabels = limits.maxLabels;
    this.#maxSeries = limits.maxSeries;
    this.spans = new Int32Array(4 * limits.maxLabels);
  }

  /** Starts on another push. */
  open(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
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

  /** Reads all fields of the sample that ends at `end`, in whatever order they come. */
  sample(end: number, type: MetricType) {
    this.labelCount = 0;
    this.timestampMs = NaN;
    this.hasValue = false;
    this.value =
      this.count =
      this.sum =
      this.pointCount =
        0;
    const { bytes, view, spans } = this;
    const valueTag = VALUE_TAG[type];
    const compound = type === "summary" || type === "histogram";
    while (this.at < end) {
      const at = this.at;
      const tag = bytes[at];
      const length = bytes[at + 1];
      const stop = at + 2 + length;
      // Nearly every label is a short name, then a short value, and nearly every value a double: both are read in one go.
      if (tag === 0x0a && length < 0x80 && stop <= end && this.labelCount < this.#maxLabels && bytes[at + 2] === 0x0a) {
        const nameLength = bytes[at + 3];
        const name = at + 4, value = name + nameLength + 2;
        if (nameLength < 0x80 && value <= stop && bytes[value - 2] === 0x12 && bytes[value - 1] === stop - value) {
          const row = 4 * this.labelCount++;
          spans[row] = name;
          spans[row + 1] = value - 2;
          spans[row + 2] = value;
          spans[row + 3] = this.at = stop;
          continue;
        }
      } else if (tag === valueTag && length === 9 && stop <= end && bytes[at + 2] === 0x09 && !compound) {
        this.hasValue = true;
        this.value = view.getFloat64(at + 3, true);
        this.at = stop;
        continue;
      }
      this.#field(end, type);
    }
  }

  #field(end: number, type: MetricType) {
    const tag = this.tag(end);
    if (tag === 0x30) this.timestampMs = this.varint(end);
    else if (tag === 0x0a) this.#label(this.lengthEnd(end));
    else if (tag === VALUE_TAG[type]) {
      this.hasValue = true;
      const stop = this.lengthEnd(end);
      if (type === "summary" || type === "histogram") this.#distribution(stop, type);
      else this.#scalar(stop);
    } else if (tag === 0x12 || tag === 0x1a || tag === 0x22 || tag === 0x2a || tag === 0x3a) {
      this.at = this.lengthEnd(end);
    } else this.skip(tag, { end, known: 7 });
  }

  #label(end: number) {
    if (this.labelCount === this.#maxLabels) {
      throw new LimitError(`Cannot take a series of more than ${this.#maxLabels} labels`);
    }
    let nameStart = end, nameEnd = end, valueStart = end, valueEnd = end;
    while (this.at < end) {
      const tag = this.tag(end);
      if (tag === 0x0a) {
        nameEnd = this.lengthEnd(end);
        nameStart = this.at;
        this.at = nameEnd;
      } else if (tag === 0x12) {
        valueEnd = this.lengthEnd(end);
        valueStart = this.at;
        this.at = valueEnd;
      } else this.skip(tag, { end, known: 2 });
    }
    const row = 4 * this.labelCount++;
    this.spans[row] = nameStart;
    this.spans[row + 1] = nameEnd;
    this.spans[row + 2] = valueStart;
    this.spans[row + 3] = valueEnd;
  }

  #scalar(end: number) {
    while (this.at < end) {
      const tag = this.tag(end);
      if (tag === 0x09) this.value = this.double(end);
      else this.skip(tag, { end, known: 1 });
    }
  }

  #distribution(end: number, type: "summary" | "histogram") {
    while (this.at < end) {
      const tag = this.tag(end);
      if (tag === 0x08) this.count = this.varint(end);
      else if (tag === 0x11) this.sum = this.double(end);
      else if (tag === 0x1a) this.#point(this.lengthEnd(end), type);
      else this.skip(tag, { end, known: 3 });
    }
  }

  /** A quantile has its key in field 1 and its value in field 2, both doubles; a bucket has its count first, a varint. */
  #point(end: number, type: "summary" | "histogram") {
    if (this.pointCount === this.#maxSeries) {
      throw new LimitError(`Cannot take a push of more than ${this.#maxSeries} series`);
    }
    let key = 0, value = 0;
    while (this.at < end) {
      const tag = this.tag(end);
      if (type === "summary" && tag === 0x09) key = this.double(end);
      else if (type === "summary" && tag === 0x11) value = this.double(end);
      else if (type === "histogram" && tag === 0x08) value = this.varint(end);
      else if (type === "histogram" && tag === 0x11) key = this.double(end);
      else this.skip(tag, { end, known: 2 });
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
