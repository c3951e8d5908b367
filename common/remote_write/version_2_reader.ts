/**
 * What only remote write 2.0 has: labels as numbers of symbols, and the type of its metric with each series.
 *
 * @module
 */

import { LimitError, type MetricType } from "../exposition/metric_family.ts";
import { BYTES, tagOf } from "../exposition/protobuf_fields.ts";
import { malformed, ProtobufReader } from "../exposition/protobuf_wire.ts";
import { mustNotBeOf1 } from "./other_version.ts";
import type { LabelPlace, SeriesLabels } from "./series_labels.ts";
import type { SharedFields, VersionReader } from "./version_reader.ts";
import { METADATA_2, REQUEST_2, SERIES_2, WRITE_TYPES } from "./write_fields.ts";
import type { WriteLimits } from "./write_limits.ts";

const REFERENCES_TAG = tagOf(SERIES_2.labelReferences, BYTES);
const NO_TYPES: ReadonlyMap<string, MetricType> = new Map();

/** Reads requests of 2.0, whose symbols may come behind the series. */
export class Version2Reader implements VersionReader {
  /** Where the fields are. */
  readonly fields: SharedFields = { ...SERIES_2, timeseries: REQUEST_2.timeseries };
  /** Types are said with the series alone. */
  readonly types: ReadonlyMap<string, MetricType> = NO_TYPES;
  /** The type that the series at hand says, if it says one. */
  type: MetricType | undefined;
  readonly #labels: SeriesLabels;
  readonly #maxLabels: number;
  #bytes: Uint8Array = new Uint8Array();
  #reader = new ProtobufReader(this.#bytes);
  /** Where each symbol starts and ends. */
  #symbols = new Uint32Array(2_048);
  #symbolCount = 0;
  // Of the labels read last, which those of the next series are nearly all the same as: their symbols, and where each was written.
  #references: number[] = [];
  #starts: number[] = [];
  // What takes the place of that.
  #newReferences: number[] = [];
  #newStarts: number[] = [];
  readonly #place = { nameStart: 0, nameEnd: 0, valueStart: 0, valueEnd: 0 };

  /** Gives the labels of series to `labels`. */
  constructor(labels: SeriesLabels, { maxLabels }: Pick<WriteLimits, "maxLabels">) {
    this.#labels = labels;
    this.#maxLabels = maxLabels;
  }

  /** Starts on a request. */
  openRequest(bytes: Uint8Array, reader: ProtobufReader): void {
    this.#bytes = bytes;
    this.#reader = reader;
    this.#symbolCount = 0;
    this.#references.length = 0;
  }

  /** Reads a symbol. */
  readRequestField(end: number): boolean {
    const reader = this.#reader;
    if (reader.field !== REQUEST_2.symbol) {
      mustNotBeOf1(reader.field);
      return false;
    }
    const stop = reader.enter(end), place = 2 * this.#symbolCount++;
    if (place === this.#symbols.length) {
      const more = new Uint32Array(2 * this.#symbols.length);
      more.set(this.#symbols);
      this.#symbols = more;
    }
    this.#symbols[place] = reader.at;
    this.#symbols[place + 1] = reader.at = stop;
    return true;
  }

  /** Starts on a series with its labels, which every sender writes first. */
  openSeries(start: number, end: number): number {
    const reader = this.#reader;
    this.type = undefined;
    reader.at = start;
    if (this.#bytes[start] !== REFERENCES_TAG) return start;
    if (reader.next(end)) this.#readLabels(end);
    return reader.at;
  }

  /** Reads labels, or the type. */
  readSeriesField(_start: number, end: number): boolean {
    const reader = this.#reader;
    if (reader.field === SERIES_2.labelReferences) this.#readLabels(end);
    else if (reader.field === SERIES_2.metadata) this.type = this.#readType(reader.enter(end));
    else return false;
    return true;
  }

  #readType(end: number): MetricType | undefined {
    const reader = this.#reader;
    let type = 0;
    while (reader.next(end)) {
      if (reader.field === METADATA_2.type) type = reader.varint(end);
      else reader.skip(end); // Help and unit, which say nothing of a number.
    }
    return WRITE_TYPES[type];
  }

  #readLabels(end: number) {
    const reader = this.#reader, references = this.#newReferences, before = this.#references;
    const startAt = reader.at, maxLabels = this.#maxLabels;
    references.length = 0;
    reader.numbersInto(references, end);
    // What may be as long as a request is not kept for the next one.
    if (references.length > 2 * maxLabels + 2) this.#newReferences = [];
    if (references.length % 2 === 1) throw malformed("a label has no value", startAt);
    if (references.length > 2 * maxLabels + 2) {
      throw new LimitError(`Cannot take more than ${maxLabels} labels on a series`, { limit: "labels" });
    }
    const labels = this.#labels, starts = this.#newStarts;
    starts.length = 0;
    for (let i = 0; i < references.length;) {
      const from = i;
      while (
        i < before.length && i < references.length && references[i] === before[i] && references[i + 1] === before[i + 1]
      ) {
        i += 2;
      }
      if (i > from) this.#repeatLabels(from / 2, i / 2);
      else {
        starts.push(labels.written);
        labels.append(this.#bytes, this.#placeOf(references[i], references[i + 1], startAt));
        i += 2;
      }
    }
    starts.push(labels.written);
    [this.#references, this.#newReferences] = [references, before];
    [this.#starts, this.#newStarts] = [starts, this.#starts];
  }

  /** Has labels again that were read last, by their numbers. */
  #repeatLabels(from: number, to: number) {
    const labels = this.#labels, before = this.#starts, starts = this.#newStarts;
    const start = before[from], moved = labels.written - start;
    for (let label = from; label < to; label++) starts.push(before[label] + moved);
    labels.repeat(start, before[to]);
  }

  /** Where a label's name and value are; the same object each time. */
  #placeOf(name: number, value: number, at: number): LabelPlace {
    const place = this.#place, symbols = this.#symbols, count = this.#symbolCount;
    for (const reference of [name, value]) {
      if (!(reference >= 0 && reference < count)) throw malformed(`there is no symbol ${reference}`, at);
    }
    place.nameStart = symbols[2 * name];
    place.nameEnd = symbols[2 * name + 1];
    place.valueStart = symbols[2 * value];
    place.valueEnd = symbols[2 * value + 1];
    return place;
  }
}
