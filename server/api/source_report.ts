/**
 * A source as JSON for people and their tools.
 *
 * @module
 */

import type { SourceView } from "../directory/directory.ts";
import type { TimelinePush } from "../directory/push_timeline.ts";
import {
  nearLimits,
  type Refusal,
  silentAfterMs,
  SOURCE_LIMITS,
  type SourceLimits,
  type SourceState,
} from "../directory/source.ts";
import type { Stranger } from "../directory/strangers.ts";

/** How much of a limit a source takes. */
export interface Headroom {
  /** What its last accepted push took. */
  readonly used: number;
  /** What it may take. */
  readonly limit: number;
  /** The one divided by the other. */
  readonly ratio: number;
}

/** A refusal, and when it was. */
export interface RefusalReport extends Refusal {
  /** When, in RFC 3339. */
  readonly at: string;
}

/** Refusals in the name of a source, by somebody who has not proven to be it: the last, and how many there were. */
export interface InNameReport extends RefusalReport {
  /** How many there were. */
  readonly times: number;
}

/** A refusal of an id that has never pushed. */
export interface StrangerReport extends RefusalReport {
  /** The id that was claimed. */
  readonly id: string;
  /** How many times in a row. */
  readonly times: number;
}

/** A source in the list of all. Times are in RFC 3339, durations in seconds; what is not known is absent. */
export interface SourceReport {
  /** The cluster id. */
  readonly id: string;
  /** How it fares. */
  readonly state: SourceState;
  /** When it was first heard of. */
  readonly firstSeen: string;
  /** When its last accepted push came. */
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
  /** Series of its last accepted push. */
  readonly series: number;
  /** What it takes of each limit. */
  readonly limits: Readonly<Record<(typeof SOURCE_LIMITS)[number], Headroom>>;
  /** The limits of which it takes four fifths and more. */
  readonly near: readonly string[];
  /** Why what it sent was refused last. */
  readonly lastRefusal?: RefusalReport;
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

/** All that is known of one source. */
export interface SourceDetails extends SourceReport {
  /** Pushes accepted so far. */
  readonly pushes: number;
  /** How its last accepted push came, such as `protobuf, snappy`. */
  readonly transport?: string;
  /** Samples of its last accepted push that are not shown: by the allow-list, and by rule. */
  readonly dropped: {
    readonly allowList: number;
    /** The metrics of which the allow-list dropped most, as far as the push is still stored at its owner. */
    readonly metrics?: readonly DroppedMetric[];
    readonly rules: Readonly<Record<string, number>>;
  };
  /** Who brought its last push. */
  readonly sender?: { readonly userAgent: string; readonly address: string };
  /** The token that it pushed with last: the id of its key, and when it ends. */
  readonly token?: { readonly keyId: string; readonly ends: string };
  /** Its metrics with the most bytes on the page, if it shows any. */
  readonly largest: readonly { readonly name: string; readonly bytes: number; readonly series: number }[];
  /** Its last pushes, oldest first. Bytes are 0 where one was refused. */
  readonly timeline: readonly { readonly at: string; readonly bytes: number }[];
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
  const { id, firstSeenMs, pushedAtMs, intervalMs, skewMs, series } = source;
  const { refusal, refusedAtMs, refusals, inName } = source;
  const headroom = (used: number, limit: number): Headroom => ({ used, limit, ratio: used / limit });
  const patienceMs = silentAfterMs(source, ttlMs);
  // What it sent last may have been refused, and nothing have come since.
  const isSilent = pushedAtMs > 0 && (state === "silent" || state === "refused" && nowMs - pushedAtMs > patienceMs);
  return {
    id,
    state,
    firstSeen: timeOf(firstSeenMs),
    ...pushedAtMs > 0 && {
      lastPush: timeOf(pushedAtMs),
      ageSeconds: seconds(nowMs - pushedAtMs),
      skewSeconds: seconds(skewMs),
    },
    ...intervalMs > 0 && { expectedIntervalSeconds: seconds(intervalMs) },
    silentAfterSeconds: seconds(patienceMs),
    ...isSilent && { silentSince: timeOf(pushedAtMs + patienceMs) },
    series,
    limits: {
      series: headroom(source.series, limits.series),
      families: headroom(source.families, limits.families),
      bytes: headroom(source.bytes, limits.bytes),
    },
    near: nearLimits(source, limits),
    ...refusal !== undefined && { lastRefusal: { at: timeOf(refusedAtMs), ...refusal } },
    refusals,
    ...inName !== undefined && {
      refusedInName: { at: timeOf(inName.atMs), ...inName.refusal, times: inName.times },
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
  const { pushes, transport, dropped, leftOut, sender } = view.source;
  return {
    ...reportOf(view, options),
    pushes,
    ...transport !== "" && { transport },
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
    timeline: options.timeline.map(({ atMs, bytes }) => ({ at: timeOf(atMs), bytes })),
  };
}

/** Reports on a refused stranger. */
export function strangerOf({ atMs, ...stranger }: Stranger): StrangerReport {
  return { ...stranger, at: timeOf(atMs) };
}

function timeOf(ms: number): string {
  return new Date(Math.min(ms, MAX_TIME_MS)).toISOString();
}

/** The last time that `Date` knows. */
const MAX_TIME_MS = 8.64e15;

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
