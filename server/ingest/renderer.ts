/**
 * From the body of a push, as it was sent, to the lines that it shows: uncompress, read, check, render.
 *
 * @module
 */

import { inflate } from "../../common/exposition/inflate.ts";
import {
  type MetricFamily,
  type ParseLimits,
  SeriesLimitError,
  UncompressedLimitError,
} from "../../common/exposition/metric_family.ts";
import { encodeFamiliesSteps } from "../../common/exposition/protobuf.ts";
import { claimedSnappyBytes, SnappyUnframer } from "../../common/exposition/snappy.ts";
import { Kernel } from "../../common/kernel/kernel.ts";
import { atOnce, type Steps } from "../../common/steps.ts";
import { parseOpenMetricsSteps } from "../../common/exposition/open_metrics.ts";
import { parseTextSteps } from "../../common/exposition/text_format.ts";
import { bufferSize } from "./buffer_size.ts";
import { Ingester, type IngestOptions } from "../../common/ingest/ingester.ts";
import { type Block, type IngestRules, SAMPLE_NUMBERS } from "../../common/ingest/ingested_push.ts";
import { countLines, countSeries } from "../../common/ingest/series_count.ts";
import { Losses } from "../../common/ingest/losses.ts";
import { countLeftOut, type LeftOut } from "../../common/ingest/sample_rules.ts";
import { InvalidPushError } from "../../common/ingest/invalid_push.ts";
import type { PushContent } from "./push_content.ts";

/** A push to render. */
export interface RawPush extends PushContent {
  /** The clock by which its timestamps are judged, in milliseconds since the epoch. */
  readonly receivedAtMs: number;
}

/** The rules by which pushes are rendered. */
export interface RenderRules extends IngestRules {
  /** The most bytes that a body may hold once uncompressed. */
  readonly limitBytes: number;
  /** The same of a body of text, if that is less. */
  readonly limitTextBytes?: number;
}

/** What a push becomes: {@linkcode IngestedPush} with text and runs in a buffer of their own. */
export interface RenderedPush {
  /** The text, then from the next multiple of four the runs, then the samples, then the native histograms, then room to spare. */
  readonly buffer: ArrayBuffer;
  /** Bytes of text. */
  readonly textBytes: number;
  /** Runs, eight bytes each. */
  readonly runCount: number;
  /** Samples that are noted as numbers, twenty bytes each. */
  readonly sampleCount: number;
  /** Bytes of native histograms. */
  readonly nativeBytes: number;
  /** The families that have lines. */
  readonly blocks: readonly Block[];
  /** What the runs count from, in milliseconds since the epoch. */
  readonly baseMs: number;
  /** Lines. */
  readonly series: number;
  /** Samples that came. */
  readonly received: number;
  /** Samples that the allow-list dropped. */
  readonly dropped: number;
  /** Samples that another one of the same series, further on, replaced. */
  readonly duplicates: number;
  /** Samples that were left out as they break a rule. */
  readonly leftOut: LeftOut;
  /** Lines that are too old to be shown when they come. */
  readonly stale: number;
}

/** How a push is rendered. */
export interface RenderOptions {
  /** Finds a buffer that may be put to use, of so many bytes: one of another size is let go. @default none */
  readonly spare?: (bytes: number) => ArrayBuffer | undefined;
  /** Hears how many samples of which metrics the allow-list drops. */
  readonly onDropped?: IngestOptions["onDropped"];
}

/** How families are rendered. */
export type FamilyOptions = IngestOptions & Pick<RenderOptions, "spare"> & { readonly losses: Losses };

/**
 * The most bytes that a body may hold once uncompressed to be rendered as usual pushes are, which are less than a third of it.
 * Text is ten times as slow to read.
 */
const MOST_QUICK_BYTES: Readonly<Partial<Record<PushContent["contentType"], number>>> = {
  protobuf: 524_288,
  text: 65_536,
  openmetrics: 65_536,
};

/**
 * Renders pushes.
 *
 * A thread of its own for this was tried: on two logical processors, which share a core, it gave 5 % more pushes a second
 * for 30 % more CPU time and 75 MB.
 */
export class Renderer {
  readonly #rules: RenderRules;
  /** By other rules the same hash of series may stand for other lines, so each renderer has hashes of its own. */
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0];
  readonly #workshop: Workshop;
  /** Where pushes are rendered that pause, if no such push is at work there. */
  #apart: Workshop | undefined;

  /** Renders by rules that do not change. */
  constructor(rules: RenderRules) {
    this.#rules = rules;
    this.#workshop = new Workshop(rules, this.#seed);
  }

  /**
   * Renders one push.
   *
   * @throws {InvalidPushError} if the push must be refused.
   * @throws {LimitError} if it passes a limit.
   */
  render(push: RawPush, options: RenderOptions = {}): RenderedPush {
    return atOnce(this.#workshop.render(push, options));
  }

  /**
   * Renders delimited families. What `losses` has been told of came with them.
   *
   * @throws {InvalidPushError} {LimitError} as {@linkcode Renderer.render} does.
   */
  renderFamilies(families: Uint8Array, options: FamilyOptions): RenderedPush {
    return atOnce(this.#workshop.renderFamilies(families, options));
  }

  /**
   * Renders one push in steps, which must be done, or given up, before anything else is rendered; undefined if it is not a usual
   * one. Throws as {@linkcode Renderer.render} does.
   */
  renderQuickly(push: RawPush, options: RenderOptions = {}): Steps<RenderedPush> | undefined {
    return claimedBytes(push) > (MOST_QUICK_BYTES[push.contentType] ?? 0)
      ? undefined
      : this.#workshop.render(push, options);
  }

  /** Renders one push in steps, between which others may be rendered. Throws as {@linkcode Renderer.render} does. */
  *renderApart(push: RawPush, options: RenderOptions = {}): Steps<RenderedPush> {
    const workshop = this.#apart ?? new Workshop(this.#rules, this.#seed);
    this.#apart = undefined;
    try {
      return yield* workshop.render(push, options);
    } finally {
      this.#apart = workshop;
    }
  }
}

/** What renders one push at a time. */
class Workshop {
  readonly #rules: RenderRules;
  readonly #ingester: Ingester;
  readonly #unframer: SnappyUnframer;

  constructor(rules: RenderRules, seed: number) {
    this.#rules = rules;
    // In one memory, so that a push is ingested where it is uncompressed.
    const kernel = new Kernel();
    kernel.exports.seedSeriesHash(seed);
    this.#ingester = new Ingester(rules, kernel);
    this.#unframer = new SnappyUnframer(kernel);
  }

  *render(push: RawPush, { spare, onDropped }: RenderOptions): Steps<RenderedPush> {
    try {
      const raw = this.#uncompress(push);
      const losses = new Losses();
      const families = push.contentType === "protobuf" ? raw : yield* countingLines(
        raw,
        readText(raw, {
          parse: parserOf(push),
          rules: this.#rules,
          identity: push.labels,
          losses,
        }),
      );
      const isOwn = push.through !== undefined;
      const identity = isOwn ? NO_LABELS : push.labels;
      return yield* this.renderFamilies(
        families,
        { identity, nowMs: push.receivedAtMs, losses, isOwn, onDropped, spare },
      );
    } catch (cause) {
      throw refusalOf(cause);
    }
  }

  /** Renders families, and counts their series if they are too many. */
  *renderFamilies(
    families: Uint8Array,
    { losses, spare = () => undefined, ...options }: FamilyOptions,
  ): Steps<RenderedPush> {
    try {
      const unread = countLeftOut(losses.leftOut);
      const ingested = yield* this.#ingester.ingestSteps(families, { ...options, losses });
      const { text, runs, samples, natives, blocks, baseMs, series, dropped, duplicates, stale, leftOut } = ingested;
      const received = unread + ingested.received;
      const textEnd = text.length + 3 & ~3,
        samplesAt = textEnd + 4 * runs.length,
        nativesAt = samplesAt + 4 * samples.length;
      const size = bufferSize(nativesAt + natives.length);
      const found = spare(size);
      const buffer = found?.byteLength === size ? found : new ArrayBuffer(size);
      const bytes = new Uint8Array(buffer);
      bytes.set(text);
      new Uint32Array(buffer, textEnd, runs.length).set(runs);
      if (samples.length > 0) new Uint32Array(buffer, samplesAt, samples.length).set(samples);
      if (natives.length > 0) bytes.set(natives, nativesAt);
      const lengths = {
        textBytes: text.length,
        runCount: runs.length / 2,
        sampleCount: samples.length / SAMPLE_NUMBERS,
        nativeBytes: natives.length,
      };
      return { buffer, ...lengths, blocks, baseMs, series, received, dropped, duplicates, stale, leftOut };
    } catch (cause) {
      if (!(cause instanceof SeriesLimitError)) throw refusalOf(cause);
      throw new SeriesLimitError(cause.maxSeries, { what: "a push", series: countSeries(families) });
    }
  }

  #uncompress({ contentType, contentEncoding, body }: PushContent): Uint8Array {
    const { limitBytes: most, limitTextBytes = most } = this.#rules;
    const limitBytes = contentType === "protobuf" ? most : Math.min(most, limitTextBytes);
    if (contentEncoding === "snappy") return this.#unframer.unframe(body, { limitBytes });
    if (contentEncoding === "gzip") return inflate(body, { encoding: "gzip", limitBytes });
    if (body.length > limitBytes) throw new UncompressedLimitError(limitBytes);
    return body;
  }
}

/** How many bytes a body holds once uncompressed, by what it says itself: it may be more by gzip, whose members say it modulo 2^32. */
function claimedBytes({ contentEncoding, body }: PushContent): number {
  if (contentEncoding === "snappy") return claimedSnappyBytes(body);
  if (contentEncoding === "identity" || body.length < 4) return body.length;
  return Math.max(body.length, new DataView(body.buffer, body.byteOffset).getUint32(body.length - 4, true));
}

const NO_LABELS: ReadonlyMap<string, string> = new Map();

function refusalOf(cause: unknown): unknown {
  return cause instanceof SyntaxError ? new InvalidPushError("malformed", cause.message, { cause }) : cause;
}

const PARSERS = { text: parseTextSteps, openmetrics: parseOpenMetricsSteps } as const;

function parserOf({ contentType }: PushContent): typeof parseTextSteps {
  if (contentType === "text" || contentType === "openmetrics") return PARSERS[contentType];
  throw new TypeError(`Cannot render ${contentType} as families`);
}

/** Reads a page of text, and counts its series if they are too many. */
function* countingLines(page: Uint8Array, reading: Steps<Uint8Array>): Steps<Uint8Array> {
  try {
    return yield* reading;
  } catch (cause) {
    if (!(cause instanceof SeriesLimitError)) throw cause;
    throw new SeriesLimitError(cause.maxSeries, { what: "a push", series: countLines(page) });
  }
}

/** A page of text as delimited families. */
function* readText(
  bytes: Uint8Array,
  { parse, rules: { limits, maxNameBytes, maxLabelBytes }, identity, losses }: {
    parse: typeof parseTextSteps;
    rules: Pick<RenderRules, "limits" | "maxNameBytes" | "maxLabelBytes">;
    identity: ReadonlyMap<string, string>;
    losses: Losses;
  },
): Steps<Uint8Array> {
  let samples = 0;
  const families = yield* parse(bytes, {
    ...limits,
    maxNameBytes,
    maxLineLength: longestLine(limits, { maxNameBytes, maxLabelBytes }),
    isCounted: (rule) => {
      const isCounted = losses.count(rule);
      if (isCounted) samples++;
      return isCounted;
    },
    onFault: ({ rule, metric, labels, why, line, offset }) => {
      const what = `${why}, in line ${line} at offset ${offset}`;
      losses.note({ rule, what, family: -1, sample: samples++, series: `${metric}{${labels}}` });
    },
    onRepeatedLabel: (label, place) => {
      if (!identity.has(label)) return;
      const { line, offset } = place();
      // A series that names two clusters speaks for one that is not its own.
      const what = `a series has the label ${label} of the token twice, in line ${line} at offset ${offset}`;
      throw new InvalidPushError("identity", `Cannot accept the push: ${what}`);
    },
  });
  // A page that has lost its last sample is not a page without any.
  return yield* encodeFamiliesSteps(families.length === 0 && samples > 0 ? [EMPTY_FAMILY] : families);
}

/**
 * How long a line can be, in characters, whose names, values and number of labels are within the limits: each byte of a name or
 * value may be escaped, and a label has five characters more. What stands behind the labels (value, time, an exemplar), and blanks,
 * have what is left of the least bound.
 */
function longestLine(
  { maxLabels }: ParseLimits,
  { maxNameBytes, maxLabelBytes }: Pick<RenderRules, "maxNameBytes" | "maxLabelBytes">,
): number {
  const label = 2 * (maxNameBytes + maxLabelBytes) + 5;
  return Math.max(LEAST_LONGEST_LINE, LEAST_LONGEST_LINE / 16 + 2 * maxNameBytes + (maxLabels + 1) * label);
}

/** A line of so many characters is read, whatever the limits. */
const LEAST_LONGEST_LINE = 65_536;

const EMPTY_FAMILY: MetricFamily = { name: "none", type: "untyped", metrics: [] };
