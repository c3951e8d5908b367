/**
 * Of clusters that wait, the requests that go to a sink: those of a batch are sent one after the other.
 *
 * @module
 */

import { MAX_REQUEST_SAMPLES, type TimedLines, type WriteEncoder } from "../../common/remote_write/write_encoder.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import type { ClusterEntry, ExpositionIndex } from "../exposition/exposition_index.ts";
import { runAt } from "../exposition/sample_times.ts";
import type { EndedSeries } from "./ended_series.ts";
import type { SinkQueue, Waiting } from "./sink_queue.ts";

/** A request. */
export interface SinkRequest {
  /** As it is sent. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** How many samples it has. */
  readonly samples: number;
}

/** What is sent together. */
export interface Batch {
  /** The version of the requests. */
  readonly version: WriteVersion;
  /** The clusters. */
  readonly clusters: readonly Waiting[];
  /** The requests. */
  readonly requests: readonly SinkRequest[];
  /** When the oldest sample was pushed, in milliseconds since the epoch. */
  readonly oldestMs: number;
}

/** What a batch is made from. */
export interface BatchOptions {
  /** Who waits. */
  readonly queue: SinkQueue;
  /** What clusters show. */
  readonly index: ExpositionIndex;
  /** Whether each cluster goes in requests of its own. */
  readonly isApart: boolean;
  /** The version that the sink takes. */
  readonly version: WriteVersion;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Takes as many clusters as fit into one request, or one that needs several; undefined if nobody waits. */
export function takeBatch(encoder: WriteEncoder, options: BatchOptions): Batch | undefined {
  const { queue, index, isApart, version, nowMs } = options;
  const clusters: Waiting[] = [];
  const requests = new Requests(encoder, version);
  let samples = 0, oldestMs = nowMs;
  const sizeOf = ({ id, hasNews, ended }: Waiting) =>
    (hasNews ? index.current(id)?.series ?? 0 : 0) + ended.reduce((sum, { series }) => sum + series, 0);
  const fits = (waiting: Waiting) => {
    // What waits to be merged into what it shows is merged by that.
    const size = sizeOf(waiting);
    return clusters.length === 0 ||
      !(isApart || waiting.isAlone || clusters[0].isAlone) && samples + size <= MAX_REQUEST_SAMPLES;
  };
  for (let waiting = queue.take(fits); waiting !== undefined; waiting = queue.take(fits)) {
    clusters.push(waiting);
    samples += sizeOf(waiting);
    for (const ended of waiting.ended) requests.addEnded(ended);
    const entry = waiting.hasNews ? index.get(waiting.id) : undefined;
    if (entry === undefined) continue;
    requests.addEntry(entry, { index, nowMs });
    oldestMs = Math.min(oldestMs, entry.receivedAtMs);
  }
  return clusters.length === 0 ? undefined : { version, clusters, requests: requests.finish(), oldestMs };
}

/** Requests in the making. */
class Requests {
  readonly #encoder: WriteEncoder;
  readonly #version: WriteVersion;
  readonly #finished: SinkRequest[] = [];

  constructor(encoder: WriteEncoder, version: WriteVersion) {
    this.#encoder = encoder;
    this.#version = version;
    encoder.open(version);
  }

  addEnded({ lines, nativeLines, natives }: EndedSeries) {
    this.#addEnds(lines);
    if (this.#version === "1.0") this.#addEnds(nativeLines);
    else for (const native of natives) this.#add(() => this.#encoder.addNative(native));
  }

  /** What a cluster shows, as far as it is fresh. Native histograms are their lines to a sink that takes no others. */
  addEntry(entry: ClusterEntry, { index, nowMs }: { index: ExpositionIndex; nowMs: number }) {
    const encoder = this.#encoder;
    encoder.load(entry);
    for (const block of entry.blocks) {
      const { end, type, natives } = block;
      let start = index.freshStart(entry, { block, nowMs });
      const firstRun = start < end ? runAt(entry, { block, at: start }) : block.firstRun;
      const hasNatives = this.#version === "2.0";
      for (const native of natives) {
        if (native.start < start || !hasNatives && !block.hidesNatives) continue;
        this.#addLines({ start, end: native.start, firstRun, type });
        start = native.end;
      }
      this.#addLines({ start, end, firstRun, type });
    }
    if (this.#version === "1.0") return;
    for (const block of entry.blocks) {
      const start = index.freshStart(entry, { block, nowMs });
      for (const native of block.natives) {
        if (native.start < start) continue;
        const field = entry.natives.subarray(native.nativeStart, native.nativeEnd);
        const timestampMs = entry.baseMs + entry.runs[2 * runAt(entry, { block, at: native.start })];
        const { name, type } = block;
        this.#add(() => encoder.addNative({ name, type, field, timestampMs }));
      }
    }
  }

  finish(): SinkRequest[] {
    this.#close();
    return this.#finished;
  }

  #addEnds(lines: TimedLines) {
    this.#encoder.load(lines);
    this.#addLines({ start: 0, end: lines.text.length, firstRun: 0, type: "untyped", ends: true });
  }

  #addLines(range: Parameters<WriteEncoder["addLines"]>[0]) {
    for (let { start } = range; start < range.end;) {
      start = this.#encoder.addLines({ ...range, start });
      if (start < range.end) this.#close();
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
