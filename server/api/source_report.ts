/**
 * A source as JSON for people and their tools.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import type { SourceView } from "../directory/directory.ts";
import { nothingShownBy } from "../directory/nothing_shown.ts";
import type { TimelinePush } from "../directory/push_timeline.ts";
import { type Refusal, SOURCE_LIMITS, type SourceLimits } from "../directory/source.ts";
import {
  lastWayOf,
  nearLimits,
  silentAfterMs,
  type SourceState,
  usedOf,
  type WayName,
  waysOf,
} from "../directory/source_state.ts";
import type { Stranger } from "../directory/strangers.ts";
import { WINDOW_MS, windowOf, type Writes } from "../directory/write_window.ts";

/** How much of a limit a source takes. */
export interface Headroom {
  /** What it takes, by what it shows and the largest body that it sent lately. */
  readonly used: number;
  /** What it may take. */
  readonly limit: number;
  /** The one divided by the other, to four digits behind the point. */
  readonly ratio: number;
}

/** A refusal, and when it was. */
export interface RefusalReport extends Refusal {
  /** When, in RFC 3339. */
  readonly at: string;
}

/** Refusals in the name of a source, by somebody who has not proven to be it: the last, and how many there were. */
export interface InNameReport extends RefusalReport {
  /** How many there were in all. */
  readonly times: number;
  /** When the first of them was since what the source sent was last accepted. */
  readonly since: string;
  /** How many there were since then. */
  readonly timesSince: number;
}

/** A refusal of an id that has never pushed. */
export interface StrangerReport extends RefusalReport {
  /** The id that was claimed. */
  readonly id: string;
  /** How many times in a row. */
  readonly times: number;
  /** When the first of those was. */
  readonly since: string;
}

/** A source in the list of all. Times are in RFC 3339, durations in seconds; what is not known is absent. */
export interface SourceReport {
  /** The cluster id. */
  readonly id: string;
  /** How it fares. */
  readonly state: SourceState;
  /** When it was first heard of. */
  readonly firstSeen: string;
  /** When what it sent was last accepted: a push, or a request of remote write. */
  readonly lastPush?: string;
  /** How long ago that was. */
  readonly ageSeconds?: number;
  /** What usually lies between two of its pushes. */
  readonly expectedIntervalSeconds?: number;
  /** After how long without a push it counts as silent. */
  readonly silentAfterSeconds: number;
  /** Since when it counts as silent, if it does, or would if nothing had been refused since. */
  readonly silentSince?: string;
  /** How far its newest sample was behind the arrival of its push: the difference of the clocks, and what the way takes. */
  readonly skewSeconds?: number;
  /** Series that it shows. */
  readonly series: number;
  /** The rules by which nothing of what it sends is shown, the allow-list among them, if nothing is. */
  readonly nothingShownBy?: readonly string[];
  /** What it takes of each limit. */
  readonly limits: Readonly<Record<(typeof SOURCE_LIMITS)[number], Headroom>>;
  /** The limits of which it takes four fifths and more. */
  readonly near: readonly string[];
  /** Why what it sent was refused last. */
  readonly lastRefusal?: RefusalReport;
  /** The ways by which it sends. */
  readonly ways: readonly WayReport[];
  /** How many times what it sent was refused. */
  readonly refusals: number;
  /** What was refused to somebody in its name who has not proven to be it, its own client with a bad token or not. */
  readonly refusedInName?: InNameReport;
  /** The server that owns it, in a ring. */
  readonly owner?: string;
  /** The server that has a copy, in a ring. */
  readonly standby?: string;
}

/** A metric of which the allow-list dropped samples. */
export interface DroppedMetric {
  /** Its name, plain and clipped. */
  readonly name: string;
  /** How many of its samples. */
  readonly samples: number;
}

/** Samples that are not shown: by the allow-list, and by rule. */
export interface DroppedReport {
  /** How many the allow-list dropped. */
  readonly allowList: number;
  /** The metrics of which it dropped most; of a push as far as that is still stored at its owner. */
  readonly metrics?: readonly DroppedMetric[];
  /** How many break a rule. */
  readonly rules: Readonly<Record<string, number>>;
}

/** A way by which a source sends: it may push, and send by remote write besides. */
export interface WayReport {
  /** Which. */
  readonly way: WayName;
  /** When something last came by it. */
  readonly last: string;
  /** How that came, such as `protobuf, snappy`. */
  readonly transport: string;
  /** Pushes, or requests, accepted so far. */
  readonly accepted: number;
  /** What usually lies between two pushes. Requests of remote write that come within 15 s count as one. */
  readonly expectedIntervalSeconds?: number;
  /** Since when nothing comes by it that should. */
  readonly silentSince?: string;
}

/** Requests of remote write that came within some seconds, the last that are over. */
export interface WindowReport {
  /** When the first of them came. */
  readonly at: string;
  /** Within how many seconds the others came. */
  readonly seconds: number;
  /** How many there were. */
  readonly requests: number;
  /** Samples in them. */
  readonly samples: number;
  /** Bytes of their bodies. */
  readonly bytes: number;
  /** What of them is not shown. */
  readonly dropped: DroppedReport;
}

/** All that is known of one source. */
export interface SourceDetails extends SourceReport {
  /** Pushes accepted so far, without requests of remote write. */
  readonly pushes: number;
  /** How its last accepted push came, such as `protobuf, snappy`; of a source that never pushed, its last request. */
  readonly transport?: string;
  /** What of its last accepted push is not shown. */
  readonly dropped: DroppedReport;
  /** What came by remote write. */
  readonly remoteWrite?: WindowReport;
  /** Who brought its last push. */
  readonly sender?: { readonly userAgent: string; readonly address: string };
  /** The token that it pushed with last: the id of its key, and when it ends. */
  readonly token?: { readonly keyId: string; readonly ends: string };
  /** Its metrics with the most bytes on the page, if it shows any. */
  readonly largest: readonly { readonly name: string; readonly bytes: number; readonly series: number }[];
  /**
   * Its last pushes, oldest first. Bytes are 0 where one was refused. One with `seconds` stands for all requests of remote write that
   * came within so many.
   */
  readonly timeline: readonly { readonly at: string; readonly bytes: number; readonly seconds?: number }[];
}

/** What a report is made by. */
export interface ReportOptions {
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** `--ttl`, in milliseconds. */
  readonly ttlMs: number;
  /** The limits of a push. */
  readonly limits: SourceLimits;
  /** The servers that own a cluster and have a copy of it, in a ring. */
  readonly placeOf?: (id: string) => { readonly owner?: string; readonly standby?: string };
}

/** Reports on a source. */
export function reportOf({ source, state }: SourceView, options: ReportOptions): SourceReport {
  const { nowMs, ttlMs, limits, placeOf = () => ({}) } = options;
  const { id, firstSeenMs, pushedAtMs, skewMs, series } = source;
  const { refusal, refusedAtMs, refusals, inName } = source;
  const headroom = (used: number, limit: number): Headroom => ({
    used,
    limit,
    ratio: Math.round(used / limit * 10_000) / 10_000,
  });
  const way = lastWayOf(source, ttlMs) ?? { atMs: pushedAtMs, intervalMs: 0 };
  const patienceMs = silentAfterMs(way, ttlMs);
  // What it sent last may have been refused, and nothing have come since.
  const blankBy = nothingShownBy(source);
  const isSilent = pushedAtMs > 0 && (state === "silent" || state === "refused" && nowMs - way.atMs > patienceMs);
  return {
    id,
    state,
    firstSeen: timeOf(firstSeenMs),
    ...pushedAtMs > 0 && {
      lastPush: timeOf(pushedAtMs),
      ageSeconds: seconds(nowMs - pushedAtMs),
      skewSeconds: seconds(skewMs),
    },
    ...way.intervalMs > 0 && { expectedIntervalSeconds: seconds(way.intervalMs) },
    silentAfterSeconds: seconds(patienceMs),
    ...isSilent && { silentSince: timeOf(way.atMs + patienceMs) },
    series,
    ...blankBy !== undefined && { nothingShownBy: blankBy },
    limits: {
      series: headroom(usedOf(source, "series"), limits.series),
      families: headroom(usedOf(source, "families"), limits.families),
      bytes: headroom(usedOf(source, "bytes"), limits.bytes),
    },
    near: nearLimits(source, limits),
    ...refusal !== undefined && { lastRefusal: { at: timeOf(refusedAtMs), ...refusal } },
    ways: waysIn(source, options),
    refusals,
    ...inName !== undefined && {
      refusedInName: {
        ...{ at: timeOf(inName.atMs), ...inName.refusal, times: inName.times },
        ...{ since: timeOf(inName.sinceMs), timesSince: inName.timesSince },
      },
    },
    ...placeOf(id),
  };
}

/** What is known of a source beside what its directory knows. */
export interface DetailSources extends ReportOptions {
  /** Its last pushes. */
  readonly timeline: readonly TimelinePush[];
  /** What it shows. */
  readonly largest: SourceDetails["largest"];
  /** What the allow-list dropped, if that can be told. */
  readonly droppedMetrics?: readonly DroppedMetric[];
}

/** Reports all that there is. */
export function detailsOf(view: SourceView, options: DetailSources): SourceDetails {
  const { pushes, dropped, leftOut, sender, writes } = view.source;
  const transport = view.source.transport || writes?.transport;
  return {
    ...reportOf(view, options),
    pushes,
    ...transport !== undefined && { transport },
    ...writes !== undefined && { remoteWrite: windowReportOf(writes, options.nowMs) },
    dropped: {
      allowList: dropped,
      ...options.droppedMetrics !== undefined && { metrics: options.droppedMetrics },
      rules: leftOut,
    },
    ...sender !== undefined && {
      sender: { userAgent: sender.userAgent, address: sender.address },
      // A certificate, or an initial token, has no key of ours.
      ...sender.keyId !== "" && { token: { keyId: sender.keyId, ends: timeOf(sender.tokenEndsMs) } },
    },
    largest: options.largest,
    timeline: options.timeline.map(({ atMs, bytes, isWindow }) => ({
      ...{ at: timeOf(atMs), bytes },
      ...isWindow && { seconds: WINDOW_MS / 1_000 },
    })),
  };
}

function waysIn(source: SourceView["source"], { nowMs, ttlMs }: ReportOptions): WayReport[] {
  const { pushes, transport, writes } = source;
  return waysOf(source).map(({ name, atMs, intervalMs }) => {
    const silentMs = atMs + silentAfterMs({ intervalMs }, ttlMs);
    const [accepted, form] = name === "push" ? [pushes, transport] : [writes!.requests, writes!.transport];
    return {
      ...{ way: name, last: timeOf(atMs), transport: form, accepted },
      ...intervalMs > 0 && { expectedIntervalSeconds: seconds(intervalMs) },
      ...nowMs > silentMs && { silentSince: timeOf(silentMs) },
    };
  });
}

function windowReportOf(writes: Writes, nowMs: number): WindowReport {
  const { atMs, requests, samples, bytes, dropped, leftOut, metrics } = windowOf(writes, nowMs);
  return {
    ...{ at: timeOf(atMs), seconds: WINDOW_MS / 1_000, requests, samples, bytes },
    dropped: {
      allowList: dropped,
      metrics: mostDropped(metrics),
      rules: Object.fromEntries(leftOut),
    },
  };
}

/** How many of the metrics are named of which the allow-list drops most. */
const MOST_DROPPED = 10;

/** The metrics of which most is dropped, the most first. */
export function mostDropped(metrics: Iterable<[name: string, samples: number]>): DroppedMetric[] {
  return [...metrics].sort(([, a], [, b]) => b - a).slice(0, MOST_DROPPED)
    .map(([name, samples]) => ({ name: plainText(name), samples }));
}

/** Reports on a refused stranger. */
export function strangerOf({ atMs, sinceMs, ...stranger }: Stranger): StrangerReport {
  return { ...stranger, at: timeOf(atMs), since: timeOf(sinceMs) };
}

function timeOf(ms: number): string {
  return new Date(Math.min(ms, MAX_TIME_MS)).toISOString();
}

/** The last time that `Date` knows. */
const MAX_TIME_MS = 8.64e15;

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
