/**
 * Of clusters that wait, the requests that go to a sink: those of a batch are sent one after the other.
 *
 * @module
 */

import { MAX_REQUEST_SAMPLES, type WriteEncoder } from "../../common/remote_write/write_encoder.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import { type WriteRequest, WriteRequests } from "../../common/remote_write/write_requests.ts";
import type { ExpositionIndex } from "../exposition/exposition_index.ts";
import type { SeriesCache } from "./series_cache.ts";
import type { SinkQueue, Waiting } from "./sink_queue.ts";

/** What is sent together. */
export interface Batch {
  /** The version of the requests. */
  readonly version: WriteVersion;
  /** The clusters. */
  readonly clusters: readonly Waiting[];
  /** The requests. */
  readonly requests: readonly WriteRequest[];
  /** When the oldest sample was pushed, in milliseconds since the epoch. */
  readonly oldestMs: number;
}

/** What a batch is made from. */
export interface BatchOptions {
  /** Who waits. */
  readonly queue: SinkQueue;
  /** What clusters show. */
  readonly index: ExpositionIndex;
  /** What the encoder knows of their series. */
  readonly series: SeriesCache;
  /** Whether each cluster goes in requests of its own. */
  readonly isApart: boolean;
  /** The version that the sink takes. */
  readonly version: WriteVersion;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Takes as many clusters as fit into one request, or one that needs several; undefined if nobody waits. */
export function takeBatch(encoder: WriteEncoder, options: BatchOptions): Batch | undefined {
  const { queue, index, series, isApart, version, nowMs } = options;
  const clusters: Waiting[] = [];
  const requests = new WriteRequests(encoder, version);
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
    const known = requests.addFamilies(entry, {
      startOf: (block) => index.freshStart(entry, { block, nowMs }),
      known: series.get(waiting.id),
    });
    series.set(waiting.id, known);
    oldestMs = Math.min(oldestMs, entry.receivedAtMs);
  }
  return clusters.length === 0 ? undefined : { version, clusters, requests: requests.finish(), oldestMs };
}
