/**
 * What only remote write 2.0 has: labels as numbers of symbols, and the type of its metric with each series.
 *
 * @module
 */

import { LimitError, type MetricType } from "../exposition/metric_family.ts";
import { BYTES, tagOf } from "../exposition/protobuf_fields.ts";
import { malformed, ProtobufReader } from "../exposition/protobuf_wire.ts";
import { mustNotBeOf1 } from "./other_version.ts";
import type { SeriesLabels } from "./series_labels.ts";
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
      else reader.skip(end);
    }
    return WRITE_TYPES[type];
  }

  #readLabels(end: number) {
    const reader = this.#reader, references: number[] = [];
    const startAt = reader.at, maxLabels = this.#maxLabels;
    reader.numbersInto(references, end);
    if (references.length % 2 === 1) throw malformed("a label has no value", startAt);
    if (references.length > 2 * maxLabels + 2) {
      throw new LimitError(`Cannot take more than ${maxLabels} labels on a series`);
    }
    for (let i = 0; i < references.length; i += 2) {
      const name = this.#symbol(references[i], startAt), value = this.#symbol(references[i + 1], startAt);
      this.#labels.append(name, value);
    }
  }

  #symbol(reference: number, at: number): Uint8Array {
    if (!(reference >= 0 && reference < this.#symbolCount)) throw malformed(`there is no symbol ${reference}`, at);
    return this.#bytes.subarray(this.#symbols[2 * reference], this.#symbols[2 * reference + 1]);
  }
}
