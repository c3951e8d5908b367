/**
 * How many series a push that passes the limit on them has, so that whoever raises the limit knows how far.
 *
 * @module
 */

import { BYTES, FAMILY, tagOf, VARINT } from "../exposition/protobuf_fields.ts";
import { isDistribution, METRIC_TYPES } from "../exposition/metric_family.ts";
import { PushReader } from "./push_reader.ts";

const TYPE_TAG = tagOf(FAMILY.type, VARINT), METRIC_TAG = tagOf(FAMILY.metric, BYTES);

/** The lines of a summary or histogram beside its points: count and sum. */
const MORE_LINES = 2;

/** Counts the series of delimited families; undefined if they are malformed. */
export function countSeries(families: Uint8Array): number | undefined {
  const reader = new PushReader({ maxSeries: Infinity });
  reader.look(families);
  let series = 0;
  try {
    while (reader.at < families.length) series += seriesOfFamily(reader, reader.lengthEnd(families.length));
    return series;
  } catch {
    // Who reads it in earnest says what is wrong.
    return undefined;
  }
}

/** Counts the lines of a page of text that are neither empty nor comments. */
export function countLines(page: Uint8Array): number {
  let lines = 0;
  for (let at = 0; at < page.length;) {
    const end = page.indexOf(LINE_FEED, at);
    if (page[at] !== NUMBER_SIGN && end !== at) lines++;
    if (end === -1) break;
    at = end + 1;
  }
  return lines;
}

const LINE_FEED = 0x0a, NUMBER_SIGN = 0x23;

function seriesOfFamily(reader: PushReader, end: number): number {
  const start = reader.at;
  let typeNumber = 0, metrics = 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === TYPE_TAG) typeNumber = reader.varint(end);
    else if (tag === METRIC_TAG) {
      metrics++;
      reader.at = reader.lengthEnd(end);
    } else reader.skip(tag, { end, known: 0 }); // How many series there are is in none of the other fields.
  }
  const type = METRIC_TYPES[typeNumber];
  if (type === undefined || !isDistribution(type)) return metrics;
  let series = 0;
  for (reader.at = start; reader.at < end;) {
    const tag = reader.tag(end);
    if (tag !== METRIC_TAG) {
      reader.skip(tag, { end, known: 0 });
      continue;
    }
    const metricEnd = reader.lengthEnd(end);
    reader.points({ start: reader.at, end: metricEnd, type });
    series += reader.pointCount + MORE_LINES;
    reader.at = metricEnd;
  }
  return series;
}
