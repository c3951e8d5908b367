/**
 * Reads requests of remote write, 1.0 and 2.0, into delimited metric families: what a push is made of. That is nearly a copy, as
 * labels are written the same way in both; but a request has series in any order, and families have theirs together.
 *
 * @module
 */

import { LimitError, METRIC_TYPES, type MetricType, SeriesLimitError } from "../exposition/metric_family.ts";
import { METRIC_NAME_LABEL } from "../exposition/names.ts";
import { BYTES, FAMILY, LABEL, METRIC, NUMBER, tagOf, VALUE, VARINT } from "../exposition/protobuf_fields.ts";
import { ProtobufReader } from "../exposition/protobuf_wire.ts";
import { equals } from "../ingest/bytes_map.ts";
import { type Losses, tellSeries } from "../ingest/losses.ts";
import { SAMPLE_RULES, type SampleRule } from "../ingest/sample_rules.ts";
import { ByteBuilder } from "./byte_builder.ts";
import { NameTable } from "./name_table.ts";
import {
  METADATA_1,
  METADATA_2,
  REQUEST_1,
  REQUEST_2,
  SAMPLE,
  SERIES_1,
  SERIES_2,
  STALE,
  WRITE_TYPES,
  type WriteVersion,
} from "./write_fields.ts";
import { EMPTY_HISTOGRAM, readWriteHistogram, type WriteHistogram } from "./write_histogram.ts";

/** What a request holds. */
export interface WriteFamilies {
  /** Values, as delimited families; a view that holds until the next request is read. */
  readonly values: Uint8Array;
  /** Of each series that says that it has ended a sample of it, as delimited families; a view like that. */
  readonly ended: Uint8Array;
  /** The first of the families of `values` that is of histograms. */
  readonly firstOfHistograms: number;
  /** Samples that came, without histograms. */
  readonly samples: number;
  /** Native histograms that came. */
  readonly histograms: number;
  /** Exemplars that came, none of which is carried. */
  readonly exemplars: number;
  /** Samples and histograms that a newer one of the same series replaces. */
  readonly replaced: number;
  /** Samples, and histograms, that are left out. */
  readonly leftOut: { readonly samples: number; readonly histograms: number };
  /** Metrics whose type 1.0 says. */
  readonly types: ReadonlyMap<string, MetricType>;
}

/** How a request is read. */
export interface ReadWriteOptions {
  /** The message. */
  readonly version: WriteVersion;
  /** The labels of the token: a series that lacks one gets it, and one where it differs is left out. */
  readonly identity: ReadonlyMap<string, string>;
  /** Hears of what is left out. */
  readonly losses: Losses;
}

/** How much a request may hold. */
export interface WriteLimits {
  /** Series. */
  readonly maxSeries: number;
  /** Names of metrics. */
  readonly maxFamilies: number;
  /** Labels of a series, which bounds what is said of it. */
  readonly maxLabels: number;
  /** Bytes of the families that it becomes: in 2.0 a few bytes can stand for many. */
  readonly maxBytes: number;
}

/** Metrics that one request of 1.0 may say something of; more of them say nothing. */
export const MAX_TYPES = 10_000;

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
  /** By what they become: plain values, histograms, gauge histograms, ended series, ended histograms. */
  readonly rows: (Row[] | undefined)[];
}

const VALUES = 0, HISTOGRAMS = 1, GAUGE_HISTOGRAMS = 2, ENDED = 3, ENDED_HISTOGRAMS = 4;

const LABEL_TAG = tagOf(METRIC.label, BYTES), LABEL_NAME_TAG = tagOf(LABEL.name, BYTES);
const LABEL_VALUE_TAG = tagOf(LABEL.value, BYTES), METRIC_TAG = tagOf(FAMILY.metric, BYTES);
const TIME_TAG = tagOf(METRIC.timestampMs, VARINT), NUMBER_TAG = tagOf(NUMBER, 1);
const VALUE_TAG = tagOf(SAMPLE.value, 1), SAMPLE_TIME_TAG = tagOf(SAMPLE.timestampMs, VARINT);
/** Where value and time stand in a sample as every sender writes it: behind the tag and length of the sample, and a tag each. */
const SAMPLE_VALUE_AT = 3, SAMPLE_TIME_AT = 12;
/** Bytes of the field of a number: its tag, its length, the tag inside, the double. */
const NUMBER_BYTES = 11;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NOTHING = new Uint8Array();
const NAME_LABEL = encoder.encode(METRIC_NAME_LABEL);

/** A label of the token. */
interface IdentityLabel {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
  /** As it is written. */
  readonly field: Uint8Array;
}

/** What is wrong with a series. */
interface Broken {
  readonly rule: SampleRule;
  readonly what: string;
}

/** Reads requests one after the other, in memory that it uses again. */
export class WriteReader {
  readonly #limits: WriteLimits;
  readonly #scratch: ByteBuilder;
  readonly #values: ByteBuilder;
  readonly #ended: ByteBuilder;
  readonly #names = new NameTable();
  #symbols = new Uint32Array(2_048);

  // The request at hand.
  #bytes: Uint8Array = new Uint8Array();
  #reader = new ProtobufReader(this.#bytes);
  #options!: ReadWriteOptions;
  #identity: IdentityLabel[] = [];
  /** All of them, as they are written. */
  #identityFields: Uint8Array = NOTHING;
  /** Which of them the series at hand has. */
  #seen = new Uint8Array();
  #symbolCount = 0;
  /** How many series there are beyond the limit. */
  #beyond = 0;
  #groups: Group[] = [];
  #counts = { samples: 0, histograms: 0, exemplars: 0, replaced: 0 };
  #leftOut = { samples: 0, histograms: 0 };
  #types = new Map<string, MetricType>();

  // The labels of the series at hand.
  #source: Uint8Array = this.#bytes;
  #start = 0;
  #end = 0;
  #nameStart = 0;
  #nameEnd = 0;
  #cutStart = 0;
  #cutEnd = 0;
  #lacks: Uint8Array = NOTHING;
  /** The time of the sample at hand. */
  #sampleMs = 0;
  // The label at hand: where it ends, its name, its value.
  #labelEnd = 0;
  #labelNameStart = 0;
  #labelNameEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;

  /** Reads up to these limits. */
  constructor(limits: WriteLimits) {
    this.#limits = limits;
    const words = () => tooLong(limits.maxBytes);
    this.#scratch = new ByteBuilder(limits.maxBytes, words);
    this.#values = new ByteBuilder(limits.maxBytes, words);
    this.#ended = new ByteBuilder(limits.maxBytes, words);
  }

  /**
   * Reads a request, uncompressed.
   *
   * @throws {SyntaxError} if it is malformed, with the offset.
   * @throws {LimitError} if it passes a limit.
   */
  read(bytes: Uint8Array, options: ReadWriteOptions): WriteFamilies {
    this.#open(bytes, options);
    const series = options.version === "1.0" ? this.#places1() : this.#places2();
    if (this.#beyond > 0) {
      const { maxSeries } = this.#limits;
      throw new SeriesLimitError(maxSeries, { what: "a request", series: maxSeries + this.#beyond });
    }
    for (let i = 0; i < series.length; i += 2) this.#series(series[i], series[i + 1]);
    for (const group of this.#groups) this.#write(this.#values, group, VALUES);
    const firstOfHistograms = this.#groups.filter(({ rows }) => rows[VALUES] !== undefined).length;
    for (const group of this.#groups) {
      this.#write(this.#values, group, HISTOGRAMS);
      this.#write(this.#values, group, GAUGE_HISTOGRAMS);
      this.#write(this.#ended, group, ENDED);
      this.#write(this.#ended, group, ENDED_HISTOGRAMS);
    }
    this.#groups = [];
    return {
      values: this.#values.bytes,
      ended: this.#ended.bytes,
      firstOfHistograms,
      ...this.#counts,
      leftOut: this.#leftOut,
      types: this.#types,
    };
  }

  #open(bytes: Uint8Array, options: ReadWriteOptions) {
    this.#bytes = bytes;
    this.#reader = new ProtobufReader(bytes);
    this.#options = options;
    this.#identity = Array.from(options.identity, ([name, value]) => identityLabel(name, value));
    this.#identityFields = concatenate(this.#identity.map(({ field }) => field));
    this.#seen = new Uint8Array(this.#identity.length);
    this.#symbolCount = 0;
    this.#beyond = 0;
    this.#groups = [];
    this.#counts = { samples: 0, histograms: 0, exemplars: 0, replaced: 0 };
    this.#leftOut = { samples: 0, histograms: 0 };
    this.#types = new Map();
    this.#scratch.clear();
    this.#values.clear();
    this.#ended.clear();
    this.#names.clear();
  }

  /** Where the series of 1.0 start and end. */
  #places1(): number[] {
    const reader = this.#reader, { length } = this.#bytes;
    const places: number[] = [];
    while (reader.next(length)) {
      if (reader.field === REQUEST_1.timeseries) this.#place(places, reader.enter(length));
      else if (reader.field === REQUEST_1.metadata) this.#metadata1(reader.enter(length));
      else reader.skip(length);
    }
    return places;
  }

  /** Where the series of 2.0 start and end, once its symbols are known. */
  #places2(): number[] {
    const reader = this.#reader, { length } = this.#bytes;
    const places: number[] = [];
    while (reader.next(length)) {
      if (reader.field === REQUEST_2.timeseries) this.#place(places, reader.enter(length));
      else if (reader.field === REQUEST_2.symbol) {
        const end = reader.enter(length);
        if (2 * this.#symbolCount === this.#symbols.length) {
          const more = new Uint32Array(2 * this.#symbols.length);
          more.set(this.#symbols);
          this.#symbols = more;
        }
        this.#symbols[2 * this.#symbolCount] = reader.at;
        this.#symbols[2 * this.#symbolCount++ + 1] = end;
        reader.at = end;
      } else reader.skip(length);
    }
    return places;
  }

  #place(places: number[], end: number) {
    const { maxSeries } = this.#limits;
    // Further ones are counted, so that the refusal says how many there are.
    if (places.length === 2 * maxSeries) this.#beyond++;
    else places.push(this.#reader.at, end);
    this.#reader.at = end;
  }

  #metadata1(end: number) {
    const reader = this.#reader;
    let type = 0, name = "";
    while (reader.next(end)) {
      if (reader.field === METADATA_1.type) type = reader.varint(end);
      else if (reader.field === METADATA_1.name) name = reader.string(end);
      else reader.skip(end);
    }
    const known = WRITE_TYPES[type];
    if (known !== undefined && name !== "" && this.#types.size < MAX_TYPES) this.#types.set(name, known);
  }

  /** Reads a series, and keeps the newest of its samples. */
  #series(start: number, end: number) {
    const reader = this.#reader;
    const isFirst = this.#options.version === "1.0";
    const fields = isFirst ? SERIES_1 : SERIES_2;
    this.#source = this.#bytes;
    this.#start = this.#end = -1;
    let type: MetricType | undefined;
    let newest = -Infinity, samples = 0, histograms = 0, valueAt = -1, timeStart = 0, timeEnd = 0, isStale = false;
    let histogram: WriteHistogram | undefined;
    reader.at = isFirst ? this.#usualLabels(start, end) : start;
    const usual = this.#usualSample(reader.at, { end, tag: tagOf(fields.sample, BYTES) });
    if (usual > 0) {
      samples = 1;
      newest = this.#sampleMs;
      valueAt = reader.at + SAMPLE_VALUE_AT;
      timeStart = reader.at + SAMPLE_TIME_AT;
      timeEnd = reader.at = usual;
      isStale = this.#isStale(valueAt);
    }
    for (let at = reader.at; reader.next(end); at = reader.at) {
      const { field } = reader;
      if (isFirst && field === SERIES_1.label) {
        reader.at = reader.enter(end);
        this.#labelOf1(at, reader.at);
      } else if (!isFirst && field === SERIES_2.labelReferences) this.#labelsOf2(end);
      else if (field === fields.sample) {
        const stop = reader.enter(end);
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
          } else reader.skip(stop);
        }
        samples++;
        if (timestampMs < newest) continue;
        newest = timestampMs;
        valueAt = value;
        timeStart = from;
        timeEnd = to;
        histogram = undefined;
        isStale = value >= 0 && this.#isStale(value);
      } else if (field === fields.histogram) {
        const stop = reader.enter(end);
        const read = readWriteHistogram(reader, { bytes: this.#bytes, end: stop });
        histograms++;
        if (read.timestampMs < newest) continue;
        newest = read.timestampMs;
        histogram = read;
        [timeStart, timeEnd] = read.time;
        isStale = read.isStale;
      } else if (field === fields.exemplar) {
        this.#counts.exemplars++;
        reader.skip(end);
      } else if (!isFirst && field === SERIES_2.metadata) type = this.#typeOf2(reader.enter(end));
      else reader.skip(end);
    }
    this.#counts.samples += samples;
    this.#counts.histograms += histograms;
    if (samples + histograms === 0) return;
    const fault = this.#faultOf(histogram);
    if (fault !== undefined) {
      this.#leftOut.samples += samples;
      this.#leftOut.histograms += histograms;
      this.#leaveOut(fault, samples + histograms);
      return;
    }
    this.#counts.replaced += samples + histograms - 1;
    const row: Row = {
      source: this.#source,
      start: this.#start,
      end: this.#end,
      cutStart: this.#cutStart,
      cutEnd: this.#cutEnd,
      lacks: this.#lacks,
      timestampMs: newest,
      timeStart,
      timeEnd,
      valueAt,
      histogram,
    };
    const kind = histogram === undefined
      ? isStale ? ENDED : VALUES
      : isStale
      ? ENDED_HISTOGRAMS
      : histogram.isGauge
      ? GAUGE_HISTOGRAMS
      : HISTOGRAMS;
    const group = this.#group();
    if (type !== undefined) group.type = type;
    (group.rows[kind] ??= []).push(row);
  }

  /** Passes over the labels of 1.0 that a series starts with, where they are as every sender writes them: short, and together. */
  #usualLabels(start: number, end: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (at < end && bytes[at] === LABEL_TAG && bytes[at + 1] < 0x80) at += 2 + bytes[at + 1];
    if (at > end || at === start) return start;
    this.#start = start;
    this.#end = at;
    return at;
  }

  /** Where a sample ends that is as every sender writes it: a value, then a time, which is read. 0 if it is another one. */
  #usualSample(at: number, { end, tag }: { end: number; tag: number }): number {
    const bytes = this.#bytes;
    const timeAt = at + SAMPLE_TIME_AT, stop = at + 2 + bytes[at + 1];
    const isUsual = bytes[at] === tag && stop <= end && stop - timeAt > 0 && stop - timeAt < 8 &&
      bytes[at + 2] === VALUE_TAG && bytes[timeAt - 1] === SAMPLE_TIME_TAG && bytes[stop - 1] < 0x80;
    if (!isUsual) return 0;
    let ms = 0;
    for (let i = stop - 1; i >= timeAt; i--) {
      if (i < stop - 1 && bytes[i] < 0x80) return 0;
      ms = ms * 128 + (bytes[i] & 0x7f);
    }
    this.#sampleMs = ms;
    return stop;
  }

  #isStale(at: number): boolean {
    const bytes = this.#bytes;
    return bytes[at] === STALE.low && bytes[at + 7] === STALE.high >>> 24 &&
      bytes[at + 6] === (STALE.high >>> 16 & 255) &&
      bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0 && bytes[at + 4] === 0 && bytes[at + 5] === 0;
  }

  #typeOf2(end: number): MetricType | undefined {
    const reader = this.#reader;
    let type = 0;
    while (reader.next(end)) {
      if (reader.field === METADATA_2.type) type = reader.varint(end);
      else reader.skip(end);
    }
    return WRITE_TYPES[type];
  }

  /** Takes a label of 1.0: they are read where they stand, unless something stands between them. */
  #labelOf1(start: number, end: number) {
    if (this.#start < 0) this.#start = start;
    else if (this.#source !== this.#bytes || start !== this.#end) {
      if (this.#source === this.#bytes) this.#copyLabels(this.#bytes.subarray(this.#start, this.#end));
      this.#scratch.append(this.#bytes.subarray(start, end));
      this.#source = this.#scratch.memory;
      this.#end = this.#scratch.length;
      return;
    }
    this.#end = end;
  }

  #copyLabels(labels: Uint8Array) {
    this.#start = this.#scratch.length;
    this.#scratch.append(labels);
  }

  /** Writes the labels of 2.0 as 1.0 has them. */
  #labelsOf2(end: number) {
    const reader = this.#reader, references: number[] = [];
    const { maxLabels } = this.#limits;
    const startAt = reader.at;
    reader.numbersInto(references, end);
    if (references.length % 2 === 1) throw malformed("a label has no value", startAt);
    if (references.length > 2 * maxLabels + 2) {
      throw new LimitError(`Cannot take more than ${maxLabels} labels on a series`);
    }
    if (this.#start < 0) this.#start = this.#scratch.length;
    for (let i = 0; i < references.length; i += 2) {
      const name = this.#symbol(references[i], startAt), value = this.#symbol(references[i + 1], startAt);
      appendLabel(this.#scratch, { name, value });
    }
    this.#source = this.#scratch.memory;
    this.#end = this.#scratch.length;
  }

  #symbol(reference: number, at: number): Uint8Array {
    if (!(reference >= 0 && reference < this.#symbolCount)) throw malformed(`there is no symbol ${reference}`, at);
    return this.#bytes.subarray(this.#symbols[2 * reference], this.#symbols[2 * reference + 1]);
  }

  /** Finds the name among the labels of the series at hand, and holds them against the token's. */
  #faultOf(histogram: WriteHistogram | undefined): Broken | undefined {
    if (this.#start < 0) this.#start = this.#end = 0;
    const source = this.#source, identity = this.#identity, seen = this.#seen;
    let hasName = false, fault: Broken | undefined;
    seen.fill(0);
    for (let at = this.#start; at < this.#end; at = this.#labelEnd) {
      this.#readLabel(at);
      const nameStart = this.#labelNameStart, nameEnd = this.#labelNameEnd;
      const length = nameEnd - nameStart;
      if (length === NAME_LABEL.length && equals(source, nameStart, nameEnd, NAME_LABEL)) {
        if (hasName) fault = { rule: "duplicate_label", what: `the series has the label ${METRIC_NAME_LABEL} twice` };
        hasName = true;
        this.#nameStart = this.#valueStart;
        this.#nameEnd = this.#valueEnd;
        this.#cutStart = at;
        this.#cutEnd = this.#labelEnd;
        continue;
      }
      for (let i = 0; i < identity.length; i++) {
        const { name } = identity[i];
        if (length !== name.length || !equals(source, nameStart, nameEnd, name)) continue;
        const isRight = seen[i] === 0 && equals(source, this.#valueStart, this.#valueEnd, identity[i].value);
        seen[i] = 1;
        if (!isRight) fault = { rule: "identity", what: SAMPLE_RULES.identity.what };
      }
    }
    this.#lacks = seen.every((has) => has === 0)
      ? this.#identityFields
      : concatenate(identity.filter((_, i) => seen[i] === 0).map(({ field }) => field));
    if (!hasName) fault ??= { rule: "family_name", what: "a series has no name" };
    if (histogram?.hasCustomBuckets && !histogram.isStale) {
      fault ??= { rule: "unknown_field", what: "the native histogram has custom buckets, which no page can say" };
    }
    return fault;
  }

  /** Reads a label of the series at hand. */
  #readLabel(at: number) {
    const source = this.#source, end = this.#end;
    // As every sender writes them: two short texts.
    const labelEnd = at + 2 + source[at + 1], nameStart = at + 4, nameEnd = nameStart + source[at + 3];
    const valueStart = nameEnd + 2;
    if (
      source[at + 1] < 0x80 && labelEnd <= end && source[at + 2] === LABEL_NAME_TAG && valueStart <= labelEnd &&
      source[nameEnd] === LABEL_VALUE_TAG && source[nameEnd + 1] === labelEnd - valueStart
    ) {
      this.#labelNameStart = nameStart;
      this.#labelNameEnd = nameEnd;
      this.#valueStart = valueStart;
      this.#valueEnd = this.#labelEnd = labelEnd;
      return;
    }
    const reader = source === this.#bytes ? this.#reader : new ProtobufReader(source);
    reader.at = at;
    reader.next(end);
    const stop = reader.enter(end);
    this.#labelEnd =
      this.#labelNameStart =
      this.#labelNameEnd =
      this.#valueStart =
      this.#valueEnd =
        stop;
    while (reader.next(stop)) {
      const { field } = reader;
      if (field !== LABEL.name && field !== LABEL.value) {
        reader.skip(stop);
        continue;
      }
      const textEnd = reader.enter(stop);
      if (field === LABEL.name) [this.#labelNameStart, this.#labelNameEnd] = [reader.at, textEnd];
      else [this.#valueStart, this.#valueEnd] = [reader.at, textEnd];
      reader.at = textEnd;
    }
  }

  #leaveOut({ rule, what }: Broken, count: number) {
    const { losses } = this.#options;
    for (let i = 0; i < count; i++) {
      const series = losses.tells(rule) ? this.#told() : "";
      losses.note({ rule, what, family: -1, sample: i, series });
    }
  }

  /** The series at hand for people. */
  #told(): string {
    const spans: number[] = [];
    let name = "";
    for (let at = this.#start; at < this.#end; at = this.#labelEnd) {
      this.#readLabel(at);
      const place = [this.#labelNameStart, this.#labelNameEnd, this.#valueStart, this.#valueEnd];
      if (!equals(this.#source, place[0], place[1], NAME_LABEL)) spans.push(...place);
      else name = decoder.decode(this.#source.subarray(place[2], place[3]));
    }
    return tellSeries(name, { bytes: this.#source, spans: Int32Array.from(spans), labelCount: spans.length / 4 });
  }

  /** The group of the series at hand, by its name. */
  #group(): Group {
    const nameSource = this.#source, nameStart = this.#nameStart, nameEnd = this.#nameEnd;
    const groups = this.#groups;
    const at = this.#names.place(nameSource, nameStart, nameEnd, (index) => {
      const { nameSource: other, nameStart: start, nameEnd: end } = groups[index];
      return equals(nameSource, nameStart, nameEnd, other.subarray(start, end));
    });
    if (at < groups.length) return groups[at];
    const { maxFamilies } = this.#limits;
    if (groups.length === maxFamilies) {
      throw new LimitError(`Cannot take a request of more than ${maxFamilies} families`);
    }
    const group: Group = { nameSource, nameStart, nameEnd, type: undefined, rows: [] };
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
    const type = this.#typeOfRows(group, kind);
    const sizes = rows.map((row) => this.#sizeOf(row, kind));
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

  #typeOfRows({ type }: Group, kind: number): MetricType {
    if (kind === HISTOGRAMS || kind === ENDED_HISTOGRAMS) return "histogram";
    if (kind === GAUGE_HISTOGRAMS) return "gauge_histogram";
    return type ?? "untyped";
  }

  /** Bytes of a sample. */
  #sizeOf(row: Row, kind: number): number {
    const labels = row.end - row.start - (row.cutEnd - row.cutStart) + row.lacks.length;
    const size = labels + 1 + Math.max(1, row.timeEnd - row.timeStart);
    if (kind === VALUES || kind === ENDED) return size + NUMBER_BYTES;
    const { length } = messageOf(row, kind);
    return size + 1 + varintBytes(length) + length;
  }
}

function messageOf({ histogram }: Row, kind: number): Uint8Array {
  return kind === ENDED_HISTOGRAMS ? EMPTY_HISTOGRAM : histogram!.message;
}

function identityLabel(name: string, value: string): IdentityLabel {
  const bytes = { name: encoder.encode(name), value: encoder.encode(value) };
  const out = new ByteBuilder(Infinity, () => tooLong(Infinity));
  appendLabel(out, bytes);
  return { ...bytes, field: out.bytes };
}

function appendLabel(out: ByteBuilder, { name, value }: { name: Uint8Array; value: Uint8Array }) {
  out.tagged(LABEL_TAG, 2 + varintBytes(name.length) + varintBytes(value.length) + name.length + value.length);
  out.tagged(LABEL_NAME_TAG, name.length);
  out.append(name);
  out.tagged(LABEL_VALUE_TAG, value.length);
  out.append(value);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length <= 1) return parts[0] ?? NOTHING;
  const out = new ByteBuilder(Infinity, () => tooLong(Infinity));
  for (const part of parts) out.append(part);
  return out.bytes;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

function tooLong(maxBytes: number): LimitError {
  return new LimitError(`Cannot uncompress the body as it holds more than ${maxBytes} bytes`);
}

function malformed(what: string, at: number): SyntaxError {
  return new SyntaxError(`Cannot read the protobuf: ${what}, at offset ${at}`);
}
