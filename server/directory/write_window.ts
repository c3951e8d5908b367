/**
 * What came of a source by remote write: requests come many a second, or in bursts, so that it is so many seconds of them that stand
 * where else a push would.
 *
 * @module
 */

/** How long requests are gathered, in milliseconds. */
export const WINDOW_MS = 15_000;

/** Names of metrics that are counted as long as requests are gathered, and that are kept then: those with the most samples. */
const MAX_COUNTED_NAMES = 100, MAX_KEPT_NAMES = 10;

/** The rules that samples of a request are counted by are few; what another member of a ring says may not be. */
const MAX_RULES = 64;

/** What is gathered of a request. */
export interface AcceptedWrite {
  /** Samples that came, native histograms among them. */
  readonly samples: number;
  /** How many samples of which metrics the allow-list dropped. */
  readonly droppedMetrics: ReadonlyMap<string, number>;
}

/** Requests that came within {@linkcode WINDOW_MS}. */
export interface WriteWindow {
  /** When the first of them came, in milliseconds since the epoch. */
  readonly atMs: number;
  /** How many they are. */
  requests: number;
  /** Bytes of their bodies, as sent. */
  bytes: number;
  /** Bytes of the largest of those. */
  largestBytes: number;
  /** Samples that came. */
  samples: number;
  /** Samples that the allow-list dropped. */
  dropped: number;
  /** Samples that were left out, by rule. */
  readonly leftOut: Map<string, number>;
  /** Samples that the allow-list dropped, by metric, as far as those are counted. */
  readonly metrics: Map<string, number>;
}

/** When something came. */
export interface Moment {
  /** Milliseconds since the epoch; 0 if it never did. */
  readonly atMs: number;
  /** The same by a clock that only goes forward, in milliseconds; -Infinity if that was before the process started. */
  readonly tick: number;
}

/** All that is known of what came by remote write. */
export interface Writes {
  /** The last push beside it. */
  upload: Moment;
  /** When the last request came, in milliseconds since the epoch. */
  atMs: number;
  /** The same by a clock that only goes forward, in milliseconds. */
  tick: number;
  /** When the window at hand started, by that clock. */
  startTick: number;
  /** What usually lies between the starts of two windows; 0 as long as there was one at most. */
  intervalMs: number;
  /** How many requests were accepted. */
  requests: number;
  /** How the last one came. */
  transport: string;
  /** The window at hand. */
  current: WriteWindow;
  /** The one before it. */
  last: WriteWindow | undefined;
}

/** What a request adds to a window. */
export interface GatheredRequest extends AcceptedWrite {
  /** When it came, in milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** Bytes of its body, as sent. */
  readonly bytes: number;
  /** Samples that the allow-list dropped. */
  readonly dropped: number;
  /** Samples left out, by rule. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/** A window without a request. */
export function newWindow(atMs: number): WriteWindow {
  const counts = { leftOut: new Map(), metrics: new Map() };
  return { atMs, requests: 0, bytes: 0, largestBytes: 0, samples: 0, dropped: 0, ...counts };
}

/** Adds a request to a window. */
export function gather(window: WriteWindow, request: GatheredRequest): void {
  const { bytes, samples, dropped, leftOut, droppedMetrics } = request;
  window.requests++;
  window.bytes += bytes;
  window.largestBytes = Math.max(window.largestBytes, bytes);
  window.samples += samples;
  window.dropped += dropped;
  addUpTo(window.leftOut, leftOut, MAX_RULES);
  addUpTo(window.metrics, droppedMetrics, MAX_COUNTED_NAMES);
}

/** A window as it is kept: with the names of the metrics of which most was dropped. */
export function closed(window: WriteWindow): WriteWindow {
  const most = [...window.metrics].sort(([, a], [, b]) => b - a).slice(0, MAX_KEPT_NAMES);
  return { ...window, metrics: new Map(most) };
}

/** The window to look at: the one at hand once it is over, or where there was none before it. */
export function windowOf({ current, last }: Writes, nowMs: number): WriteWindow {
  return last === undefined || nowMs - current.atMs >= WINDOW_MS ? current : last;
}

function addUpTo(counts: Map<string, number>, more: ReadonlyMap<string, number>, most: number): void {
  for (const [name, count] of more) {
    const known = counts.get(name);
    if (known !== undefined || counts.size < most) counts.set(name, (known ?? 0) + count);
  }
}
