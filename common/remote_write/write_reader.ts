/**
 * Reads requests of remote write, 1.0 and 2.0, into delimited metric families: what a push is made of. That is nearly a copy, as
 * labels are written the same way in both.
 *
 * @module
 */

import { concatenate } from "../concatenate.ts";
import { type MetricType, SeriesLimitError } from "../exposition/metric_family.ts";
import { ProtobufReader } from "../exposition/protobuf_wire.ts";
import type { Losses } from "../ingest/losses.ts";
import { FamilyGroups, type GroupedFamilies } from "./family_groups.ts";
import { NewestSample } from "./newest_sample.ts";
import { identityFields, type SeriesFault, SeriesLabels } from "./series_labels.ts";
import { type UsualRequest, UsualRequests } from "./usual_requests.ts";
import { Version1Reader } from "./version_1_reader.ts";
import { Version2Reader } from "./version_2_reader.ts";
import type { VersionReader } from "./version_reader.ts";
import type { WriteVersion } from "./write_fields.ts";
import type { WriteLimits } from "./write_limits.ts";

/** What a request holds. */
export interface WriteFamilies extends GroupedFamilies {
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

const CUSTOM_BUCKETS_FAULT: SeriesFault = {
  rule: "unknown_field",
  what: "the native histogram has custom buckets, which no page can say",
};

const NOTHING_LEFT_OUT = { samples: 0, histograms: 0 };
const NO_TYPES: WriteFamilies["types"] = new Map();

/** Reads requests one after the other, in memory that it uses again. */
export class WriteReader {
  readonly #maxSeries: number;
  readonly #labels: SeriesLabels;
  readonly #newest = new NewestSample();
  readonly #groups: FamilyGroups;
  readonly #usual: UsualRequests;
  readonly #versions: Readonly<Record<WriteVersion, VersionReader>>;

  // The request at hand.
  #reader = new ProtobufReader(new Uint8Array());
  #version: VersionReader;
  #losses!: Losses;
  #counts = { samples: 0, histograms: 0, exemplars: 0, replaced: 0 };
  #leftOut = { samples: 0, histograms: 0 };

  /** Reads up to these limits. */
  constructor(limits: WriteLimits) {
    this.#maxSeries = limits.maxSeries;
    this.#labels = new SeriesLabels(limits);
    this.#groups = new FamilyGroups(limits);
    this.#usual = new UsualRequests(limits);
    this.#versions = { "1.0": new Version1Reader(this.#labels), "2.0": new Version2Reader(this.#labels, limits) };
    this.#version = this.#versions["1.0"];
  }

  /**
   * Reads a request, uncompressed.
   *
   * @throws {SyntaxError} if it is malformed, with the offset.
   * @throws {LimitError} if it passes a limit.
   */
  read(bytes: Uint8Array, options: ReadWriteOptions): WriteFamilies {
    const { version, identity } = options;
    const usual = this.#usual.read(bytes, { version, identity: identityFields(identity) });
    if (usual?.left.length === 0) {
      const { values, ended, families: firstOfHistograms, samples, replaced, exemplars } = usual;
      const counts = { samples, histograms: 0, exemplars, replaced };
      return { values, ended, firstOfHistograms, ...counts, leftOut: NOTHING_LEFT_OUT, types: NO_TYPES };
    }
    this.#open(bytes, options);
    const all = this.#seriesPlaces(bytes.length), places = usual?.left ?? all;
    for (let i = 0; i < places.length; i += 2) this.#readSeries(places[i], places[i + 1]);
    const read = { ...this.#groups.finish(), ...this.#counts, leftOut: this.#leftOut, types: this.#version.types };
    return usual === undefined ? read : together(usual, read);
  }

  #open(bytes: Uint8Array, { version, identity, losses }: ReadWriteOptions) {
    this.#reader = new ProtobufReader(bytes);
    this.#version = this.#versions[version];
    this.#losses = losses;
    this.#counts = { samples: 0, histograms: 0, exemplars: 0, replaced: 0 };
    this.#leftOut = { samples: 0, histograms: 0 };
    this.#version.openRequest(bytes, this.#reader);
    this.#labels.openRequest(bytes, identity);
    this.#newest.openRequest(bytes, this.#reader);
    this.#groups.openRequest(bytes);
  }

  /** Where the series start and end. All else of the request is read then. */
  #seriesPlaces(end: number): number[] {
    const reader = this.#reader, version = this.#version, maxSeries = this.#maxSeries;
    const { timeseries } = version.fields;
    const places: number[] = [];
    let series = 0;
    while (reader.next(end)) {
      if (reader.field === timeseries) {
        const stop = reader.enter(end);
        // Further ones are counted, so that the refusal says how many there are.
        if (series++ < maxSeries) places.push(reader.at, stop);
        reader.at = stop;
      } else if (!version.readRequestField(end)) reader.skip(end); // A field of the request, whose series hold all of its numbers.
    }
    if (series > maxSeries) throw new SeriesLimitError(maxSeries, { what: "a request", series });
    return places;
  }

  /** Reads a series, and keeps the newest of its samples. */
  #readSeries(start: number, end: number) {
    const reader = this.#reader, version = this.#version, newest = this.#newest;
    const { fields } = version;
    this.#labels.openSeries();
    newest.openSeries();
    reader.at = version.openSeries(start, end);
    newest.readUsual(fields.sample, end);
    for (let at = reader.at; reader.next(end); at = reader.at) {
      const { field } = reader;
      if (field === fields.sample) newest.readSample(end);
      else if (field === fields.histogram) newest.readHistogram(end);
      else if (field === fields.exemplar) {
        this.#counts.exemplars++;
        reader.skip(end); // Which changes no number.
      } else if (!version.readSeriesField(at, end)) reader.skip(end); // A field of the series, whose samples hold all of its numbers.
    }
    this.#keep();
  }

  #keep() {
    const labels = this.#labels, newest = this.#newest, { samples, histograms, histogram } = newest;
    const count = samples + histograms;
    this.#counts.samples += samples;
    this.#counts.histograms += histograms;
    if (count === 0) return;
    const isCustom = histogram !== undefined && histogram.hasCustomBuckets && !histogram.isStale;
    const fault = labels.check() ?? (isCustom ? CUSTOM_BUCKETS_FAULT : undefined);
    if (fault === undefined) {
      this.#counts.replaced += count - 1;
      this.#groups.add(labels, newest, this.#version.type);
      return;
    }
    this.#leftOut.samples += samples;
    this.#leftOut.histograms += histograms;
    const losses = this.#losses;
    for (let i = 0; i < count; i++) {
      const series = losses.tells(fault.rule) ? labels.tell() : "";
      losses.note({ ...fault, family: -1, sample: i, series });
    }
  }
}

/** What is usual in a request, and then the rest, of which it was left. */
function together(usual: UsualRequest, rest: WriteFamilies): WriteFamilies {
  return {
    values: concatenate([usual.values, rest.values]),
    ended: concatenate([usual.ended, rest.ended]),
    firstOfHistograms: usual.families + rest.firstOfHistograms,
    samples: usual.samples + rest.samples,
    histograms: rest.histograms,
    exemplars: usual.exemplars + rest.exemplars,
    replaced: usual.replaced + rest.replaced,
    leftOut: rest.leftOut,
    types: rest.types,
  };
}
