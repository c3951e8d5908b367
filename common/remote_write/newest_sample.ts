/**
 * The newest of the samples and native histograms of a series, as places in the request.
 *
 * @module
 */

import { BYTES, tagOf, VARINT } from "../exposition/protobuf_fields.ts";
import { ProtobufReader } from "../exposition/protobuf_wire.ts";
import { SAMPLE, STALE } from "./write_fields.ts";
import { readWriteHistogram, type WriteHistogram } from "./write_histogram.ts";

const VALUE_TAG = tagOf(SAMPLE.value, 1), TIME_TAG = tagOf(SAMPLE.timestampMs, VARINT);
/** Where value and time stand in a sample as every sender writes it: behind the tag and length of the sample, and a tag each. */
const VALUE_AT = 3, TIME_AT = 12;

/** Finds the newest, in one series after the other. */
export class NewestSample {
  /** Samples that the series at hand has, without histograms. */
  samples = 0;
  /** Native histograms that it has. */
  histograms = 0;
  /** The time of the newest of them; the later one in the request if two have it. */
  timestampMs: number = -Infinity;
  /** Where that time starts. */
  timeStart = 0;
  /** Where it ends. */
  timeEnd = 0;
  /** Where the value stands, or -1 if it is 0. */
  valueAt: number = -1;
  /** The native histogram, if it is one. */
  histogram: WriteHistogram | undefined;
  /** Whether it says that the series has ended. */
  isStale = false;
  #bytes: Uint8Array = new Uint8Array();
  #reader = new ProtobufReader(this.#bytes);

  /** Starts on a request, which `reader` reads. */
  openRequest(bytes: Uint8Array, reader: ProtobufReader): void {
    this.#bytes = bytes;
    this.#reader = reader;
  }

  /** Starts on a series. */
  openSeries(): void {
    this.samples = this.histograms = 0;
    this.timestampMs = -Infinity;
    this.timeStart = this.timeEnd = 0;
    this.valueAt = -1;
    this.histogram = undefined;
    this.isStale = false;
  }

  /** Reads the series' first sample, field and all, if it stands where the reader does as every sender writes it: a value, then a time. */
  readUsual(field: number, end: number): void {
    const bytes = this.#bytes, reader = this.#reader, { at } = reader;
    const timeAt = at + TIME_AT, stop = at + 2 + bytes[at + 1];
    const isUsual = bytes[at] === tagOf(field, BYTES) && stop <= end && stop - timeAt > 0 && stop - timeAt < 8 &&
      bytes[at + 2] === VALUE_TAG && bytes[timeAt - 1] === TIME_TAG && bytes[stop - 1] < 0x80;
    if (!isUsual) return;
    let ms = 0;
    for (let i = stop - 1; i >= timeAt; i--) {
      if (i < stop - 1 && bytes[i] < 0x80) return;
      ms = ms * 128 + (bytes[i] & 0x7f);
    }
    this.samples = 1;
    this.timestampMs = ms;
    this.valueAt = at + VALUE_AT;
    this.timeStart = timeAt;
    this.timeEnd = reader.at = stop;
    this.isStale = this.#isStale(this.valueAt);
  }

  /** Reads a sample, whose field the reader came to. */
  readSample(end: number): void {
    const reader = this.#reader, stop = reader.enter(end);
    let value = -1, from = 0, to = 0, timestampMs = 0;
    while (reader.next(stop)) {
      const contentAt = reader.at;
      if (reader.field === SAMPLE.value) {
        reader.double(stop);
        value = contentAt;
      } else if (reader.field === SAMPLE.timestampMs) {
        timestampMs = reader.varint(stop);
        from = contentAt;
        to = reader.at;
      } else reader.skip(stop); // Such as when it began to count; what would change the number comes in a message of another name.
    }
    this.samples++;
    if (timestampMs < this.timestampMs) return;
    this.timestampMs = timestampMs;
    this.valueAt = value;
    this.timeStart = from;
    this.timeEnd = to;
    this.histogram = undefined;
    this.isStale = value >= 0 && this.#isStale(value);
  }

  /** Reads a native histogram, whose field the reader came to. */
  readHistogram(end: number): void {
    const reader = this.#reader, stop = reader.enter(end);
    const read = readWriteHistogram(reader, { bytes: this.#bytes, end: stop });
    this.histograms++;
    if (read.timestampMs < this.timestampMs) return;
    this.timestampMs = read.timestampMs;
    this.histogram = read;
    [this.timeStart, this.timeEnd] = read.time;
    this.isStale = read.isStale;
  }

  #isStale(at: number): boolean {
    const bytes = this.#bytes;
    return bytes[at] === STALE.low && bytes[at + 7] === STALE.high >>> 24 &&
      bytes[at + 6] === (STALE.high >>> 16 & 255) &&
      bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0 && bytes[at + 4] === 0 && bytes[at + 5] === 0;
  }
}
