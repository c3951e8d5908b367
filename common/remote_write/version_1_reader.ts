/**
 * What only remote write 1.0 has: labels as texts, and types of metrics beside the series.
 *
 * @module
 */

import type { MetricType } from "../exposition/metric_family.ts";
import { ProtobufReader } from "../exposition/protobuf_wire.ts";
import { mustNotBeOf2 } from "./other_version.ts";
import type { SeriesLabels } from "./series_labels.ts";
import type { SharedFields, VersionReader } from "./version_reader.ts";
import { METADATA_1, REQUEST_1, SERIES_1, WRITE_TYPES } from "./write_fields.ts";

/** Metrics that one request of 1.0 may say something of; more of them say nothing. */
const MAX_TYPES = 10_000;

/** Reads requests of 1.0. */
export class Version1Reader implements VersionReader {
  /** Where the fields are. */
  readonly fields: SharedFields = { ...SERIES_1, timeseries: REQUEST_1.timeseries };
  /** No series says its type. */
  readonly type: undefined;
  readonly #labels: SeriesLabels;
  #reader = new ProtobufReader(new Uint8Array());
  #types = new Map<string, MetricType>();

  /** Gives the labels of series to `labels`. */
  constructor(labels: SeriesLabels) {
    this.#labels = labels;
  }

  /** Types of metrics that the request says. */
  get types(): ReadonlyMap<string, MetricType> {
    return this.#types;
  }

  /** Starts on a request. */
  openRequest(_bytes: Uint8Array, reader: ProtobufReader): void {
    this.#reader = reader;
    this.#types = new Map();
  }

  /** Reads what a request says of a metric. */
  readRequestField(end: number): boolean {
    const reader = this.#reader;
    if (reader.field !== REQUEST_1.metadata) {
      mustNotBeOf2(reader.field);
      return false;
    }
    this.#readMetadata(reader.enter(end));
    return true;
  }

  /** Starts on a series with the labels that stand at its start, if they are as every sender writes them. */
  openSeries(start: number, end: number): number {
    return this.#labels.takeRun(start, end);
  }

  /** Reads a label. */
  readSeriesField(start: number, end: number): boolean {
    const reader = this.#reader;
    if (reader.field !== SERIES_1.label) return false;
    reader.at = reader.enter(end);
    this.#labels.take(start, reader.at);
    return true;
  }

  #readMetadata(end: number) {
    const reader = this.#reader;
    let type = 0, name = "";
    while (reader.next(end)) {
      if (reader.field === METADATA_1.type) type = reader.varint(end);
      else if (reader.field === METADATA_1.name) name = reader.string(end);
      else reader.skip(end); // Help and unit, which say nothing of a number.
    }
    const known = WRITE_TYPES[type];
    if (known !== undefined && name !== "" && this.#types.size < MAX_TYPES) this.#types.set(name, known);
  }
}
