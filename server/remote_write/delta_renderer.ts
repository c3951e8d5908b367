/**
 * From a request of remote write, as it was sent, to the lines that it changes: uncompress, read, check, render.
 *
 * @module
 */

import { InvalidPushError } from "../../common/ingest/invalid_push.ts";
import { Losses } from "../../common/ingest/losses.ts";
import { countLeftOut, type LeftOut, type SampleFault } from "../../common/ingest/sample_rules.ts";
import type { MetricType } from "../../common/exposition/metric_family.ts";
import { WRITE_ENCODINGS, WriteUncompressor } from "../../common/remote_write/body_encoding.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { WriteReader } from "../../common/remote_write/write_reader.ts";
import type { PushContentType } from "../ingest/push_content.ts";
import { type RawPush, type RenderedPush, Renderer, type RenderOptions, type RenderRules } from "../ingest/renderer.ts";

/** The version of a content type; undefined if it is none of remote write. */
export function versionOf(contentType: PushContentType): WriteVersion | undefined {
  if (contentType === "remote write 1.0") return "1.0";
  return contentType === "remote write 2.0" ? "2.0" : undefined;
}

/** Counts of samples and of native histograms. */
export interface WriteCounts {
  /** Samples, without histograms. */
  readonly samples: number;
  /** Native histograms. */
  readonly histograms: number;
}

/** What a request becomes. */
export interface RenderedWrite {
  /** New samples; undefined if there are none. */
  readonly values: RenderedPush | undefined;
  /** A sample of each series that has ended; undefined if there are none. */
  readonly ended: RenderedPush | undefined;
  /** Types of metrics that it says nothing else of. */
  readonly types: ReadonlyMap<string, MetricType>;
  /** What came. */
  readonly received: WriteCounts;
  /** What of that is left out as it breaks a rule. */
  readonly lost: WriteCounts;
  /** Exemplars that came, none of which is shown. */
  readonly exemplars: number;
  /** Samples that the allow-list drops. */
  readonly dropped: number;
  /** The same by metric. */
  readonly droppedMetrics: ReadonlyMap<string, number>;
  /** Samples that newer ones of their series replace. */
  readonly replaced: number;
  /** Samples that are left out, by rule. */
  readonly leftOut: LeftOut;
}

/** Losses, of which those of histograms are counted apart. */
class WriteLosses extends Losses {
  /** The first family of histograms. */
  firstOfHistograms = Infinity;
  /** How many histograms are lost. */
  ofHistograms = 0;

  override note(fault: SampleFault): void {
    if (fault.family >= this.firstOfHistograms) this.ofHistograms++;
    super.note(fault);
  }
}

/**
 * How many series a request may have, however few those of its cluster are: which ones it shows already is known only once they are
 * read. Prometheus sends 2,000 in one, and OpenShift has it send 10,000.
 */
const REQUEST_SERIES = 10_000;

/** Renders requests, one at a time. */
export class DeltaRenderer {
  readonly #uncompressor = new WriteUncompressor();
  readonly #reader: WriteReader;
  readonly #limitBytes: number;
  /** Checks what is in requests that may have more series than a push. */
  readonly #renderer: Renderer | undefined;

  /** Renders up to the limits of the rules. */
  constructor(rules: RenderRules) {
    const { limitBytes } = rules;
    const limits = { ...rules.limits, maxSeries: Math.max(rules.limits.maxSeries, REQUEST_SERIES) };
    this.#limitBytes = limitBytes;
    this.#reader = new WriteReader({ ...limits, maxBytes: limitBytes });
    if (limits.maxSeries > rules.limits.maxSeries) this.#renderer = new Renderer({ ...rules, limits });
  }

  /**
   * Renders one request by the rules of what renders pushes. What it brings goes to a spare buffer, if there is one.
   *
   * @throws {InvalidPushError} if it must be refused.
   * @throws {LimitError} if it passes a limit.
   */
  render(write: RawPush, ofPushes: Renderer, { spare }: Pick<RenderOptions, "spare"> = {}): RenderedWrite {
    const renderer = this.#renderer ?? ofPushes;
    const { contentType, contentEncoding, body, labels: identity, receivedAtMs: nowMs } = write;
    const version = versionOf(contentType), encoding = WRITE_ENCODINGS.find((known) => known === contentEncoding);
    if (version === undefined || encoding === undefined) {
      throw new TypeError(`Cannot render ${contentType} in ${contentEncoding} as a request of remote write`);
    }
    try {
      const bytes = this.#uncompressor.uncompress(body, { encoding, limitBytes: this.#limitBytes });
      const losses = new WriteLosses();
      const read = this.#reader.read(bytes, { version, identity, losses });
      const droppedMetrics = new Map<string, number>();
      const onDropped = (metric: string, samples: number) =>
        droppedMetrics.set(metric, (droppedMetrics.get(metric) ?? 0) + samples);
      const options = { identity, nowMs, losses, onDropped };
      losses.firstOfHistograms = read.firstOfHistograms;
      const values = read.values.length === 0 ? undefined : renderer.renderFamilies(read.values, { ...options, spare });
      // What is left out of series that end is left out of the samples.
      losses.firstOfHistograms = Infinity;
      const ended = read.ended.length === 0 ? undefined : renderer.renderFamilies(read.ended, options);
      const lostHistograms = read.leftOut.histograms + losses.ofHistograms;
      return {
        values,
        ended,
        types: read.types,
        received: { samples: read.samples, histograms: read.histograms },
        lost: { samples: countLeftOut(losses.leftOut) - lostHistograms, histograms: lostHistograms },
        exemplars: read.exemplars,
        dropped: (values?.dropped ?? 0) + (ended?.dropped ?? 0),
        droppedMetrics,
        replaced: read.replaced + (values?.duplicates ?? 0) + (ended?.duplicates ?? 0),
        leftOut: losses.leftOut,
      };
    } catch (cause) {
      if (cause instanceof SyntaxError) throw new InvalidPushError("malformed", cause.message, { cause });
      throw cause;
    }
  }
}
