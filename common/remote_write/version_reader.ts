/**
 * What only one version of remote write has: where its fields are, how a series has its labels, and where types are said.
 *
 * @module
 */

import type { MetricType } from "../exposition/metric_family.ts";
import type { ProtobufReader } from "../exposition/protobuf_wire.ts";

/** Numbers of the fields that both versions have. */
export interface SharedFields {
  /** That of a series in a request. */
  readonly timeseries: number;
  /** That of a sample in a series. */
  readonly sample: number;
  /** That of a native histogram in a series. */
  readonly histogram: number;
  /** That of an exemplar in a series. */
  readonly exemplar: number;
}

/**
 * Reads what only one version has, from one request after the other: first all of its own fields of the request, then series by
 * series. It gives the labels of each to the `SeriesLabels` that it was made with.
 */
export interface VersionReader {
  /** Where the fields are that both versions have. */
  readonly fields: SharedFields;
  /** Types of metrics that the request says beside its series. */
  readonly types: ReadonlyMap<string, MetricType>;
  /** The type that the series at hand says, if it says one. */
  readonly type: MetricType | undefined;
  /** Starts on a request, which `reader` reads. */
  openRequest(bytes: Uint8Array, reader: ProtobufReader): void;
  /**
   * Reads the field of the request that the reader came to; false if it is not the version's own.
   *
   * @throws {SyntaxError} if it is the other version's.
   */
  readRequestField(end: number): boolean;
  /** Starts on a series with the labels that stand at its start, and returns where they end. */
  openSeries(start: number, end: number): number;
  /** Reads the field of the series that the reader came to, and that starts at `start`; false if it is not the version's own. */
  readSeriesField(start: number, end: number): boolean;
}
