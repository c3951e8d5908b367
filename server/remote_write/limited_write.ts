/**
 * A request of remote write less the series for which its cluster has no room: written anew, so that what is stored is what is shown.
 *
 * @module
 */

import { type RuleCount, SAMPLE_RULES } from "../../common/ingest/sample_rules.ts";
import { plainText } from "../../common/plain_text.ts";
import { WriteEncoder } from "../../common/remote_write/write_encoder.ts";
import type { StoredPush } from "../store/push_store.ts";
import type { RenderedWrite } from "./delta_renderer.ts";
import type { Delta } from "./delta.ts";
import type { Lines } from "./merged_content.ts";
import { keyEnd, samplesOf } from "./sample_lines.ts";
import { type ChosenSample, SeriesLimit, type SeriesLimitOptions } from "./series_limit.ts";

/** A request of which there is no room for all series. */
export interface LimitedWrite {
  /** What is taken of it, as requests of their own in their order. */
  readonly requests: readonly StoredPush[];
  /** The request as it came, with what is left out among its losses. */
  readonly write: RenderedWrite;
}

/** How much of a series people are told. */
const TOLD = { maxBytes: 400 };

const decoder = new TextDecoder();

/** Limits requests, one at a time. */
export class WriteLimiter {
  readonly #limit = new SeriesLimit();
  /** Only where a cluster is at its limit, as it takes much memory. */
  #encoder: WriteEncoder | undefined;

  /** Leaves out of a request the series for which there is no room; undefined if there is room for all. */
  limit(
    push: StoredPush,
    { write, delta: { values, ended }, ...options }:
      & { readonly write: RenderedWrite; readonly delta: Delta }
      & SeriesLimitOptions,
  ): LimitedWrite | undefined {
    const { taken, leftOut } = this.#limit.choose(values, options);
    if (leftOut.length === 0) return undefined;
    const requests = new Requests(this.#encoder ??= new WriteEncoder());
    requests.add(values, { samples: taken, ends: false });
    if (ended !== undefined) {
      const samples = ended.blocks.flatMap((block) => [...samplesOf(ended, block)].map((of) => ({ ...of, block })));
      requests.add(ended, { samples, ends: true });
    }
    const { id, receivedAtMs, labels } = push;
    return {
      requests: requests.finish().map((body) => ({
        ...{ id, receivedAtMs, labels, body },
        contentType: "remote write 2.0",
        contentEncoding: "snappy",
      })),
      write: without(write, { leftOut, values }),
    };
  }
}

/** Requests in the making, of as many samples as Prometheus sends in one. */
class Requests {
  readonly #encoder: WriteEncoder;
  readonly #finished: Uint8Array[] = [];

  constructor(encoder: WriteEncoder) {
    this.#encoder = encoder;
    encoder.open("2.0");
  }

  add(lines: Lines, { samples, ends }: { samples: readonly ChosenSample[]; ends: boolean }) {
    const encoder = this.#encoder, { natives } = lines;
    encoder.load(lines);
    for (const { block: { name, type, firstRun }, start, end, ms: timestampMs, native } of samples) {
      if (native === undefined) {
        for (let at = start; at < end;) {
          at = encoder.addLines({ start: at, end, firstRun, type, ends });
          if (at < end) this.#close();
        }
        continue;
      }
      const field = natives.subarray(native.nativeStart, native.nativeEnd);
      const timed = { name, type, field, timestampMs, ends };
      if (encoder.addNative(timed)) continue;
      this.#close();
      encoder.addNative(timed);
    }
  }

  finish(): readonly Uint8Array[] {
    if (this.#encoder.samples > 0) this.#close();
    return this.#finished;
  }

  #close() {
    this.#finished.push(this.#encoder.finish());
    this.#encoder.open("2.0");
  }
}

/** A request with samples among its losses. */
function without(
  write: RenderedWrite,
  { leftOut, values }: { leftOut: readonly ChosenSample[]; values: Lines },
): RenderedWrite {
  const [{ start, end }] = leftOut;
  const lineEnd = Math.min(end, values.text.indexOf(LINE_FEED, start) + 1);
  const series = plainText(decoder.decode(values.text.subarray(start, keyEnd(values.text, lineEnd))), TOLD);
  const { what } = SAMPLE_RULES.series_limit;
  const loss: RuleCount = { count: leftOut.length, first: { family: -1, sample: 0, what, series } };
  const histograms = leftOut.filter(({ native }) => native !== undefined).length;
  return {
    ...write,
    lost: {
      samples: write.lost.samples + leftOut.length - histograms,
      histograms: write.lost.histograms + histograms,
    },
    leftOut: new Map([...write.leftOut, ["series_limit", loss]]),
  };
}

const LINE_FEED = 0x0a;
