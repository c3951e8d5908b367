/**
 * Families with their times, and series that have ended, as the requests that send them: as many as they need.
 *
 * @module
 */

import type { Block } from "../ingest/ingested_push.ts";
import { runAt, type TimedFamilies } from "../ingest/sample_runs.ts";
import type { EndedSeries } from "./ended_series.ts";
import {
  type KnownSeries,
  type LineRange,
  NOTHING_KNOWN,
  type TimedLines,
  type WriteEncoder,
} from "./write_encoder.ts";
import { WRITE_CONTENT_TYPE, WRITE_MESSAGES, type WriteVersion } from "./write_fields.ts";

/** A request. */
export interface WriteRequest {
  /** As it is sent. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** How many samples it has. */
  readonly samples: number;
}

/** How families are added. */
export interface AddFamiliesOptions {
  /** Where the lines of a block start that are to be sent. @default all of them */
  readonly startOf?: (block: Block) => number;
  /** What the encoder knows of their series. @default nothing, and nobody wants to know */
  readonly known?: KnownSeries;
}

/** What the headers of a request of each version say, however it is authorized. */
export const WRITE_HEADERS: Readonly<Record<WriteVersion, Readonly<Record<string, string>>>> = {
  "1.0": {
    "content-type": WRITE_CONTENT_TYPE,
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
  },
  "2.0": {
    "content-type": `${WRITE_CONTENT_TYPE};proto=${WRITE_MESSAGES["2.0"]}`,
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "2.0.0",
  },
};

/** Requests in the making. */
export class WriteRequests {
  readonly #encoder: WriteEncoder;
  readonly #version: WriteVersion;
  readonly #finished: WriteRequest[] = [];

  /** Starts with an encoder that nobody else uses until they are finished. */
  constructor(encoder: WriteEncoder, version: WriteVersion) {
    this.#encoder = encoder;
    this.#version = version;
    encoder.open(version);
  }

  /** Adds the ends of series. */
  addEnded({ lines, nativeLines, natives }: EndedSeries): void {
    this.#addEnds(lines);
    if (this.#version === "1.0") this.#addEnds(nativeLines);
    else for (const native of natives) this.#add(() => this.#encoder.addNative(native));
  }

  /**
   * Adds families, and returns what is known of their series then. Native histograms are their lines to a receiver that takes no others.
   */
  addFamilies(
    families: TimedFamilies,
    { startOf = ({ start }) => start, known }: AddFamiliesOptions = {},
  ): KnownSeries {
    const encoder = this.#encoder;
    encoder.load(families, known);
    const hasSamples = known !== undefined && (families.samples?.length ?? 0) > 0;
    for (const block of families.blocks) {
      const { end, type, natives } = block;
      let start = startOf(block);
      if (hasSamples && block.firstSample !== undefined && start === block.start) {
        this.#addLines({ start, end, firstRun: block.firstRun, type, firstSample: block.firstSample });
        continue;
      }
      const firstRun = start < end ? runAt(families, { block, at: start }) : block.firstRun;
      const hasNatives = this.#version === "2.0";
      for (const native of natives) {
        if (native.start < start || !hasNatives && !block.hidesNatives) continue;
        this.#addLines({ start, end: native.start, firstRun, type });
        start = native.end;
      }
      this.#addLines({ start, end, firstRun, type });
    }
    if (this.#version === "2.0") this.#addNatives(families, startOf);
    return known === undefined ? NOTHING_KNOWN : encoder.knownSeries(known);
  }

  /** All requests, in the order in which they are to be sent. */
  finish(): WriteRequest[] {
    this.#close();
    return this.#finished;
  }

  #addNatives(families: TimedFamilies, startOf: (block: Block) => number) {
    for (const block of families.blocks) {
      const { name, type, natives } = block;
      if (natives.length === 0) continue;
      const start = startOf(block);
      for (const native of natives) {
        if (native.start < start) continue;
        const field = families.natives.subarray(native.nativeStart, native.nativeEnd);
        const timestampMs = families.baseMs + families.runs[2 * runAt(families, { block, at: native.start })];
        this.#add(() => this.#encoder.addNative({ name, type, field, timestampMs }));
      }
    }
  }

  #addEnds(lines: TimedLines) {
    this.#encoder.load(lines);
    this.#addLines({ start: 0, end: lines.text.length, firstRun: 0, type: "untyped", ends: true });
  }

  #addLines(range: LineRange) {
    const encoder = this.#encoder;
    for (let { start, firstSample } = range; start < range.end;) {
      start = encoder.addLines({ ...range, start, firstSample });
      if (start === range.end) break;
      if (firstSample !== undefined) firstSample = encoder.nextSample;
      this.#close();
    }
  }

  #add(add: () => boolean) {
    if (add()) return;
    this.#close();
    add();
  }

  #close() {
    const encoder = this.#encoder, { samples } = encoder;
    if (samples > 0) this.#finished.push({ body: encoder.finish(), samples });
    encoder.open(this.#version);
  }
}
