/**
 * A native histogram as version 2.0 of remote write carries it: a series with one sample.
 *
 * @module
 */

import { writeSide } from "../exposition/histogram_message.ts";
import type { HistogramValue, MetricType } from "../exposition/metric_family.ts";
import { METRIC_NAME_LABEL } from "../exposition/names.ts";
import { decodeMetricField } from "../exposition/protobuf.ts";
import { tagOf } from "../exposition/protobuf_fields.ts";
import { ProtobufWriter } from "../exposition/protobuf_wire.ts";
import { WRITE_METRIC_TYPES } from "./metric_types.ts";
import { GAUGE_HINT, METADATA_2, SERIES_2, STALE, WRITE_HISTOGRAM as WRITE } from "./write_fields.ts";

/** A native histogram at a time. */
export interface TimedNative {
  /** The name of its family. */
  readonly name: string;
  /** The type of the family. */
  readonly type: MetricType;
  /** Its field `metric` of `MetricFamily`. */
  readonly field: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  /** Whether the series ends then. @default {false} */
  readonly ends?: boolean;
}

/** The message of the series. `numberOf` gives strings their numbers in the request. */
export function nativeSeries(
  { name, type, field, timestampMs, ends = false }: TimedNative,
  numberOf: (text: string) => number,
): Uint8Array {
  const { labels, value } = decodeMetricField(field, type);
  const named = [{ name: METRIC_NAME_LABEL, value: name }, ...labels].filter(({ value }) => value !== "");
  const numbers = new ProtobufWriter();
  for (const label of named.sort((a, b) => a.name < b.name ? -1 : 1)) {
    for (const text of [label.name, label.value]) numbers.fields(varint(numberOf(text)));
  }
  const out = new ProtobufWriter();
  const references = out.openField(SERIES_2.labelReferences);
  out.fields(numbers.take());
  out.close(references);
  const histogram = out.openField(SERIES_2.histogram);
  if (ends) out.fields(END);
  else writeHistogram(out, { value: value as HistogramValue, isGauge: type === "gauge_histogram" });
  out.varint(WRITE.timestampMs, timestampMs);
  out.close(histogram);
  const metadata = out.openField(SERIES_2.metadata);
  out.varint(METADATA_2.type, WRITE_METRIC_TYPES[type]);
  out.close(metadata);
  return out.take();
}

/** The sum by which a series of native histograms says that it has ended. */
const END = Uint8Array.from([tagOf(WRITE.sum, 1), ...new Uint8Array(Uint32Array.of(STALE.low, STALE.high).buffer)]);

function writeHistogram(out: ProtobufWriter, { value, isGauge }: { value: HistogramValue; isGauge: boolean }) {
  const { count, sum, isFloat = false, native } = value;
  if (isFloat) out.double(WRITE.countFloat, count);
  else out.varint(WRITE.count, count);
  out.double(WRITE.sum, sum);
  if (native !== undefined) {
    out.signed(WRITE.schema, native.schema);
    out.double(WRITE.zeroThreshold, native.zeroThreshold);
    if (isFloat) out.double(WRITE.zeroCountFloat, native.zeroCount);
    else out.varint(WRITE.zeroCount, native.zeroCount);
    writeSide(out, { side: native.negative, fields: WRITE.negative, isFloat });
    writeSide(out, { side: native.positive, fields: WRITE.positive, isFloat });
  }
  if (isGauge) out.varint(WRITE.resetHint, GAUGE_HINT);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  return Uint8Array.from([...bytes, value]);
}
