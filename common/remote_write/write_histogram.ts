/**
 * Native histograms: from how remote write carries them to how `io.prometheus.client.Histogram` does. Numbers are copied as they
 * are, as both write them the same way; the fields that hold them have other numbers.
 *
 * @module
 */

import { DISTRIBUTION, HISTOGRAM, tagOf } from "../exposition/protobuf_fields.ts";
import { ProtobufReader } from "../exposition/protobuf_wire.ts";
import { CUSTOM_BUCKETS, GAUGE_HINT, STALE, WRITE_HISTOGRAM as WRITE } from "./write_fields.ts";

/** The field of `Histogram` that a field of remote write becomes. */
const BECOMES: Readonly<Record<number, number>> = {
  [WRITE.count]: DISTRIBUTION.count,
  [WRITE.countFloat]: HISTOGRAM.countFloat,
  [WRITE.sum]: DISTRIBUTION.sum,
  [WRITE.schema]: HISTOGRAM.schema,
  [WRITE.zeroThreshold]: HISTOGRAM.zeroThreshold,
  [WRITE.zeroCount]: HISTOGRAM.zeroCount,
  [WRITE.zeroCountFloat]: HISTOGRAM.zeroCountFloat,
  [WRITE.negative.span]: HISTOGRAM.negative.span,
  [WRITE.negative.delta]: HISTOGRAM.negative.delta,
  [WRITE.negative.count]: HISTOGRAM.negative.count,
  [WRITE.positive.span]: HISTOGRAM.positive.span,
  [WRITE.positive.delta]: HISTOGRAM.positive.delta,
  [WRITE.positive.count]: HISTOGRAM.positive.count,
};

/** A message with a schema and nothing else: a native histogram without observations, as Prometheus federates it. */
export const EMPTY_HISTOGRAM: Uint8Array = Uint8Array.of(tagOf(HISTOGRAM.schema, 0), 0);

/** A native histogram of a request. */
export interface WriteHistogram {
  /** The message `Histogram`. */
  readonly message: Uint8Array;
  /** Where the number stands in the request that is its time, in milliseconds since the epoch, and where that ends. */
  readonly time: readonly [start: number, end: number];
  /** That number. */
  readonly timestampMs: number;
  /** Whether it is one of a gauge. */
  readonly isGauge: boolean;
  /** Whether it says that the series has ended. */
  readonly isStale: boolean;
  /** Whether its bounds are given one by one, which `Histogram` cannot say. */
  readonly hasCustomBuckets: boolean;
}

/**
 * Reads a native histogram from where the reader stands to `end`.
 *
 * @throws {SyntaxError} if it is malformed.
 */
export function readWriteHistogram(
  reader: ProtobufReader,
  { bytes, end }: { bytes: Uint8Array; end: number },
): WriteHistogram {
  const message = new Uint8Array(end - reader.at + 32);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let length = 0, time: [number, number] = [0, 0], timestampMs = 0, schema = 0;
  let isGauge = false, isStale = false, hasCustomBuckets = false, hasSchema = false;
  for (let at = reader.at; reader.next(end); at = reader.at) {
    const { field, at: contentAt } = reader;
    if (field === WRITE.timestampMs) {
      timestampMs = reader.varint(end);
      time = [contentAt, reader.at];
    } else if (field === WRITE.resetHint) isGauge = reader.varint(end) === GAUGE_HINT;
    else if (field === WRITE.customValues) {
      hasCustomBuckets = true;
      reader.skip(end); // Bounds: a histogram that has them is left out whole.
    } else {
      if (field === WRITE.sum) {
        reader.double(end);
        isStale = view.getUint32(contentAt, true) === STALE.low && view.getUint32(contentAt + 4, true) === STALE.high;
      } else if (field === WRITE.schema) {
        schema = reader.signed(end);
        hasSchema = true;
      } else reader.skip(end); // Copied below if it holds a number; no other field of the message does.
      const becomes = BECOMES[field];
      if (becomes === undefined) continue;
      // All of these fields have numbers below 16, and so a tag of one byte, before and after.
      message[length] = tagOf(becomes, bytes[at] & 7);
      message.set(bytes.subarray(contentAt, reader.at), length + 1);
      length += 1 + reader.at - contentAt;
    }
  }
  if (!hasSchema) {
    message.set(EMPTY_HISTOGRAM, length);
    length += EMPTY_HISTOGRAM.length;
  }
  hasCustomBuckets ||= schema === CUSTOM_BUCKETS;
  return { message: message.subarray(0, length), time, timestampMs, isGauge, isStale, hasCustomBuckets };
}
