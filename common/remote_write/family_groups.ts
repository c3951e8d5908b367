/**
 * Samples by the names of their metrics, and from there to delimited families: a request has series in any order, and families have
 * theirs together.
 *
 * @module
 */

import { LimitError, METRIC_TYPES, type MetricType } from "../exposition/metric_family.ts";
import { BYTES, FAMILY, METRIC, NUMBER, tagOf, VALUE, VARINT } from "../exposition/protobuf_fields.ts";
import { equals } from "../ingest/bytes_map.ts";
import { type ByteBuilder, varintBytes } from "./byte_builder.ts";
import { NameTable } from "./name_table.ts";
import type { NewestSample } from "./newest_sample.ts";
import type { SeriesLabels } from "./series_labels.ts";
import { EMPTY_HISTOGRAM, type WriteHistogram } from "./write_histogram.ts";
import { limitedBuilder, type WriteLimits } from "./write_limits.ts";

/** What requests become. */
export interface GroupedFamilies {
  /** Values, as delimited families; a view that holds until the next request is read. */
  readonly values: Uint8Array;
  /** Of each series that says that it has ended a sample of it, as delimited families; a view like that. */
  readonly ended: Uint8Array;
  /** The first of the families of `values` that is of histograms. */
  readonly firstOfHistograms: number;
}

/** What is remembered of a series: its newest sample. */
interface Row {
  /** Where its labels are. */
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The label with the name, which is not copied. */
  readonly cutStart: number;
  readonly cutEnd: number;
  /** The labels of the token that it lacks, as they are written. */
  readonly lacks: Uint8Array;
  readonly timestampMs: number;
  readonly timeStart: number;
  readonly timeEnd: number;
  /** Where the value stands, or -1 if it is 0. */
  readonly valueAt: number;
  readonly histogram: WriteHistogram | undefined;
}

interface Group {
  readonly nameSource: Uint8Array;
  readonly nameStart: number;
  readonly nameEnd: number;
  type: MetricType | undefined;
  /** By what they become. */
  readonly rows: (Row[] | undefined)[];
}

/** What rows become. */
const VALUES = 0, HISTOGRAMS = 1, GAUGE_HISTOGRAMS = 2, ENDED = 3, ENDED_HISTOGRAMS = 4;

const METRIC_TAG = tagOf(FAMILY.metric, BYTES), TIME_TAG = tagOf(METRIC.timestampMs, VARINT);
const NUMBER_TAG = tagOf(NUMBER, 1);
/** Bytes of the field of a number: its tag, its length, the tag inside, the double. */
const NUMBER_BYTES = 11;

/** Groups the series of one request after the other. */
export class FamilyGroups {
  readonly #maxFamilies: number;
  readonly #values: ByteBuilder;
  readonly #ended: ByteBuilder;
  readonly #names = new NameTable();
  #bytes: Uint8Array = new Uint8Array();
  #groups: Group[] = [];

  /** Groups up to these limits. */
  constructor(limits: Pick<WriteLimits, "maxBytes" | "maxFamilies">) {
    this.#maxFamilies = limits.maxFamilies;
    this.#values = limitedBuilder(limits);
    this.#ended = limitedBuilder(limits);
  }

  /** Starts on a request. */
  openRequest(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#groups = [];
    this.#values.clear();
    this.#ended.clear();
    this.#names.clear();
  }

  /**
   * Adds a series, whose labels are checked, and its type if it says one.
   *
   * @throws {LimitError} if there are too many names.
   */
  // In three arguments, as an object for each series would be much of a request's garbage.
  add(labels: SeriesLabels, newest: NewestSample, type: MetricType | undefined): void {
    const { source, start, end, cutStart, cutEnd, lacks } = labels;
    const { timestampMs, timeStart, timeEnd, valueAt, histogram, isStale } = newest;
    const kind = histogram === undefined
      ? isStale ? ENDED : VALUES
      : isStale
      ? ENDED_HISTOGRAMS
      : histogram.isGauge
      ? GAUGE_HISTOGRAMS
      : HISTOGRAMS;
    const group = this.#groupOf(labels);
    if (type !== undefined) group.type = type;
    const row: Row = {
      source,
      start,
      end,
      cutStart,
      cutEnd,
      lacks,
      timestampMs,
      timeStart,
      timeEnd,
      valueAt,
      histogram,
    };
    (group.rows[kind] ??= []).push(row);
  }

  /**
   * Writes all that was added.
   *
   * @throws {LimitError} if it has too many bytes.
   */
  finish(): GroupedFamilies {
    const groups = this.#groups;
    for (const group of groups) this.#write(this.#values, group, VALUES);
    for (const group of groups) {
      this.#write(this.#values, group, HISTOGRAMS);
      this.#write(this.#values, group, GAUGE_HISTOGRAMS);
      this.#write(this.#ended, group, ENDED);
      this.#write(this.#ended, group, ENDED_HISTOGRAMS);
    }
    this.#groups = [];
    return {
      values: this.#values.bytes,
      ended: this.#ended.bytes,
      firstOfHistograms: groups.filter(({ rows }) => rows[VALUES] !== undefined).length,
    };
  }

  #groupOf({ source, nameStart, nameEnd }: SeriesLabels): Group {
    const groups = this.#groups, maxFamilies = this.#maxFamilies;
    const at = this.#names.place(source, nameStart, nameEnd, (index) => {
      const { nameSource: other, nameStart: start, nameEnd: end } = groups[index];
      return equals(source, nameStart, nameEnd, other.subarray(start, end));
    });
    if (at < groups.length) return groups[at];
    if (groups.length === maxFamilies) {
      throw new LimitError(`Cannot take a request of more than ${maxFamilies} families`, { limit: "families" });
    }
    const group: Group = { nameSource: source, nameStart, nameEnd, type: undefined, rows: [] };
    groups.push(group);
    return group;
  }

  /** Writes the rows of a group that become one family, by ascending time. */
  #write(out: ByteBuilder, group: Group, kind: number) {
    const rows = group.rows[kind];
    if (rows === undefined) return;
    // The later of two samples of a series stands, and among equally old ones the later in the request.
    if (rows.some((row, i) => i > 0 && row.timestampMs < rows[i - 1].timestampMs)) {
      rows.sort((a, b) => a.timestampMs - b.timestampMs);
    }
    const { nameSource, nameStart, nameEnd } = group;
    const name = nameSource.subarray(nameStart, nameEnd);
    const type = typeOfRows(group, kind);
    const sizes = rows.map((row) => sizeOf(row, kind));
    const metrics = sizes.reduce((sum, size) => sum + 1 + varintBytes(size) + size, 0);
    out.varint(3 + varintBytes(name.length) + name.length + metrics);
    out.tagged(tagOf(FAMILY.name, BYTES), name.length);
    out.append(name);
    out.tagged(tagOf(FAMILY.type, VARINT), METRIC_TYPES.indexOf(type));
    for (const [i, row] of rows.entries()) {
      out.tagged(METRIC_TAG, sizes[i]);
      out.copy(row.source, row.start, row.cutStart);
      out.copy(row.source, row.cutEnd, row.end);
      out.append(row.lacks);
      if (kind === VALUES || kind === ENDED) {
        out.tagged(tagOf(VALUE[type], BYTES), NUMBER_BYTES - 2);
        out.byte(NUMBER_TAG);
        if (kind === VALUES && row.valueAt >= 0) out.copy(this.#bytes, row.valueAt, row.valueAt + 8);
        else out.zeros(8);
      } else {
        const message = messageOf(row, kind);
        out.tagged(tagOf(VALUE[type], BYTES), message.length);
        out.append(message);
      }
      out.byte(TIME_TAG);
      if (row.timeEnd > row.timeStart) out.copy(this.#bytes, row.timeStart, row.timeEnd);
      else out.byte(0);
    }
  }
}

function typeOfRows({ type }: Group, kind: number): MetricType {
  if (kind === HISTOGRAMS || kind === ENDED_HISTOGRAMS) return "histogram";
  if (kind === GAUGE_HISTOGRAMS) return "gauge_histogram";
  return type ?? "untyped";
}

/** Bytes of a sample. */
function sizeOf(row: Row, kind: number): number {
  const labels = row.end - row.start - (row.cutEnd - row.cutStart) + row.lacks.length;
  const size = labels + 1 + Math.max(1, row.timeEnd - row.timeStart);
  if (kind === VALUES || kind === ENDED) return size + NUMBER_BYTES;
  const { length } = messageOf(row, kind);
  return size + 1 + varintBytes(length) + length;
}

function messageOf({ histogram }: Row, kind: number): Uint8Array {
  return kind === ENDED_HISTOGRAMS ? EMPTY_HISTOGRAM : histogram!.message;
}
