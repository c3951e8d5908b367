/**
 * What the server knows of one source cluster: how each push, request and refusal changes that, and what other servers add to it.
 * {@linkcode import("./source_state.ts").stateOf} tells how it fares by that.
 *
 * @module
 */

import { type AcceptedWrite, closed, gather, type Moment, newWindow, WINDOW_MS, type Writes } from "./write_window.ts";

/** What was refused: the exchange of a token, or what was sent with a good one. */
export const REFUSAL_STAGES = ["authorize", "push"] as const;

/** One of {@linkcode REFUSAL_STAGES}. At the first nobody has proven to be the source. */
export type RefusalStage = typeof REFUSAL_STAGES[number];

/** The limits that a push of a source has to stay within. */
export interface SourceLimits {
  /** `--limit-series`. */
  readonly series: number;
  /** `--limit-families`. */
  readonly families: number;
  /** `--limit-bytes`. */
  readonly bytes: number;
}

/** The names of the limits. */
export const SOURCE_LIMITS = ["series", "families", "bytes"] as const satisfies (keyof SourceLimits)[];

/** The name of a limit of a push. */
export type SourceLimit = typeof SOURCE_LIMITS[number];

/** How far what came was over a limit. */
export interface Excess {
  /** Which. */
  readonly limit: SourceLimit;
  /** How much came. */
  readonly sent: number;
}

/** What would let in what was refused. */
export interface Remedy {
  /** The flag to raise here. */
  readonly raise?: string;
  /** The flag to lower here. */
  readonly lower?: string;
  /** How far it was over the limit, if that is known. */
  readonly over?: Excess;
}

/** A refusal. */
export interface Refusal extends Remedy {
  /** What of. */
  readonly stage: RefusalStage;
  /** The path that was asked for; empty where an older member of the ring has told of it. */
  readonly path: string;
  /** The status of the answer. */
  readonly status: number;
  /** Why, in a word: the `reason` of `telemeter_push_rejections_total`. */
  readonly reason: string;
  /** Why, in a sentence, plain and clipped. */
  readonly why: string;
}

/** Refusals in the name of a source, by somebody who has not proven to be it. */
export interface RefusedInName {
  /** The last of them. */
  readonly refusal: Refusal;
  /** When that was, in milliseconds since the epoch. */
  readonly atMs: number;
  /** How many there were in all. */
  readonly times: number;
  /** When the first of them was since the source was last accepted, as far as that is known here. */
  readonly sinceMs: number;
  /** How many there were since then. */
  readonly timesSince: number;
}

/** An accepted push. */
export interface AcceptedPush {
  /** The cluster id. */
  readonly id: string;
  /** When it came, in milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** How it came: a content type and a content encoding, such as `protobuf, snappy`. */
  readonly transport: string;
  /** Bytes of its body, as sent. */
  readonly bytes: number;
  /** Families that it shows. */
  readonly families: number;
  /** Series that it shows. */
  readonly series: number;
  /** Samples that the allow-list drops. */
  readonly dropped: number;
  /** Samples left out as they break a rule, or are too old to be shown: a count for each rule. */
  readonly leftOut: ReadonlyMap<string, number>;
  /** The time of its newest sample, in milliseconds since the epoch. */
  readonly newestMs: number;
  /** What is known besides of a request of remote write; undefined of a push. */
  readonly write?: AcceptedWrite;
}

/** Who brought a push, as the server that it was sent to sees it. */
export interface Sender {
  /** The `User-Agent`, plain and clipped. */
  readonly userAgent: string;
  /** An IPv4 address, or the /64 of an IPv6 address. */
  readonly address: string;
  /** The id of the key that verified its token. */
  readonly keyId: string;
  /** When its token ends, in milliseconds since the epoch. */
  readonly tokenEndsMs: number;
  /** When it brought the push, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** What is known of a source. Times are in milliseconds since the epoch, and 0 where something has never happened. */
export interface Source {
  /** The cluster id. */
  readonly id: string;
  /** When it was first heard of. */
  firstSeenMs: number;
  /** When the last that was accepted of it came, a push or a request of remote write. */
  pushedAtMs: number;
  /** The same by a clock that only goes forward, in milliseconds; it may be from before the process started. */
  pushedTick: number;
  /** What came of it by remote write; undefined if nothing did. */
  writes: Writes | undefined;
  /** How many of its pushes were accepted. */
  pushes: number;
  /** How its last accepted push came. */
  transport: string;
  /** Bytes of its last accepted push. */
  bytes: number;
  /** Families that it shows. */
  families: number;
  /** Series that it shows. */
  series: number;
  /** Samples of its last accepted push that the allow-list dropped. */
  dropped: number;
  /** Samples of its last accepted push that were left out, by rule. */
  leftOut: Readonly<Record<string, number>>;
  /** What usually lies between two of its pushes; 0 as long as there was one at most. */
  intervalMs: number;
  /** How far its newest sample was behind the arrival of its push. */
  skewMs: number;
  /** Who brought its last push; undefined if that is not known here. */
  sender: Sender | undefined;
  /** When what it sent was last refused. */
  refusedAtMs: number;
  /** The last refusal of what it sent, with a good token. */
  refusal: Refusal | undefined;
  /** How many times what it sent was refused. */
  refusals: number;
  /** Those of them that the owner, where it is another server, has not been told of. */
  untold: number;
  /** Refusals of whoever has but its id, its own client with a bad token among them: they say nothing of how it fares. */
  inName: RefusedInName | undefined;
}

/** A source of which nothing is known yet. */
export function newSource(id: string, nowMs: number): Source {
  return {
    id,
    firstSeenMs: nowMs,
    pushedAtMs: 0,
    pushedTick: -Infinity,
    writes: undefined,
    pushes: 0,
    transport: "",
    bytes: 0,
    families: 0,
    series: 0,
    dropped: 0,
    leftOut: NOTHING,
    intervalMs: 0,
    skewMs: 0,
    sender: undefined,
    refusedAtMs: 0,
    refusal: undefined,
    refusals: 0,
    untold: 0,
    inName: undefined,
  };
}

const NOTHING: Readonly<Record<string, number>> = Object.freeze({});

/** How much one more gap between pushes weighs against those before. */
const GAP_WEIGHT = 1 / 4;

/** A gap that is so many times as long as usual is an outage, from which nothing is learned. */
const OUTAGE_FACTOR = 4;

/** Notes an accepted push; `tick` is now by a clock that only goes forward, in milliseconds. */
export function noteAccepted(source: Source, push: AcceptedPush, tick: number): void {
  const { receivedAtMs, families, series, newestMs } = push;
  if (push.write === undefined) noteUpload(source, push, tick);
  else noteWrite(source, { ...push, ...push.write }, tick);
  source.pushedAtMs = receivedAtMs;
  source.pushedTick = tick;
  source.families = families;
  source.series = series;
  source.skewMs = Number.isFinite(newestMs) ? receivedAtMs - newestMs : 0;
}

/** The last push: what came last, unless requests of remote write come beside pushes. */
export function uploadOf({ writes, pushedAtMs: atMs, pushedTick: tick }: Source): Moment {
  return writes?.upload ?? { atMs, tick };
}

function noteUpload(source: Source, push: AcceptedPush, tick: number): void {
  const { receivedAtMs, transport, bytes, dropped, leftOut } = push;
  const upload = uploadOf(source);
  if (upload.atMs > 0) source.intervalMs = intervalWith(source.intervalMs, tick - upload.tick);
  if (source.writes !== undefined) source.writes.upload = { atMs: receivedAtMs, tick };
  source.pushes++;
  source.transport = transport;
  source.bytes = bytes;
  source.dropped = dropped;
  source.leftOut = leftOut.size === 0 ? NOTHING : Object.fromEntries(leftOut);
}

/** Gathers a request; what lies between two is told by windows, as requests come in bursts. */
function noteWrite(source: Source, push: AcceptedPush & AcceptedWrite, tick: number): void {
  const { receivedAtMs, transport } = push;
  const { writes } = source;
  if (writes === undefined) {
    const times = { upload: uploadOf(source), atMs: receivedAtMs, tick, startTick: tick, intervalMs: 0 };
    source.writes = { ...times, requests: 1, transport, current: newWindow(receivedAtMs), last: undefined };
  } else {
    const gap = tick - writes.startTick;
    if (gap >= WINDOW_MS) {
      writes.intervalMs = intervalWith(writes.intervalMs, gap);
      writes.last = closed(writes.current);
      writes.current = newWindow(receivedAtMs);
      writes.startTick = tick;
    }
    writes.atMs = receivedAtMs;
    writes.tick = tick;
    writes.requests++;
    writes.transport = transport;
  }
  gather(source.writes!.current, push);
}

/** What usually lies between two, after one more gap. */
function intervalWith(intervalMs: number, gap: number): number {
  if (intervalMs === 0) return Math.max(gap, 0);
  return gap > 0 && gap < OUTAGE_FACTOR * intervalMs ? intervalMs + (gap - intervalMs) * GAP_WEIGHT : intervalMs;
}

/** Refusals that say nothing of the source: it came too soon, or went away. */
const PASSING: ReadonlySet<number> = new Set([429, 499]);

/** Whether what a source sent last was refused, for more than coming too soon. */
export function isRefused({ pushedAtMs, refusedAtMs, refusal }: Source): boolean {
  return refusal !== undefined && refusedAtMs > pushedAtMs && !PASSING.has(refusal.status);
}

/** Notes a refusal. One that says nothing of the source does not hide one that does. */
export function noteRefused(source: Source, refusal: Refusal, nowMs: number): void {
  if (refusal.stage !== "push") {
    source.inName = withOneMore(source, { refusal, atMs: nowMs });
    return;
  }
  source.refusals++;
  source.untold++;
  if (PASSING.has(refusal.status) && isRefused(source)) return;
  source.refusal = refusal;
  source.refusedAtMs = nowMs;
}

/** Refusals in the name of a source, with one more. */
function withOneMore(
  { inName, pushedAtMs, sender }: Source,
  { refusal, atMs }: Pick<RefusedInName, "refusal" | "atMs">,
): RefusedInName {
  const { times = 0, sinceMs = 0, timesSince = 0 } = inName ?? {};
  const goesOn = times > 0 && sinceMs > Math.max(pushedAtMs, sender?.atMs ?? 0);
  const since = goesOn ? { sinceMs, timesSince: timesSince + 1 } : { sinceMs: atMs, timesSince: 1 };
  return { refusal, atMs, times: times + 1, ...since };
}

function isLater(one: RefusedInName | undefined, other: RefusedInName | undefined): boolean {
  if (one === undefined || other === undefined) return one !== undefined;
  return one.atMs > other.atMs || one.atMs === other.atMs && one.times > other.times;
}

/**
 * Takes over what another process knows of a source, where that is newer; `tick` is when its last push came, by the clock of
 * this process. Returns whether the last push is one that was not known.
 */
export function mergeSource(source: Source, other: Source, tick: number): boolean {
  const isNewer = other.pushedAtMs > source.pushedAtMs;
  const ours = uploadOf(source), theirs = uploadOf(other);
  source.firstSeenMs = Math.min(source.firstSeenMs, other.firstSeenMs);
  source.pushes = Math.max(source.pushes, other.pushes);
  source.refusals = Math.max(source.refusals, other.refusals);
  if (isNewer) {
    const { pushedAtMs, families, series, skewMs } = other;
    Object.assign(source, { pushedAtMs, families, series, skewMs });
    source.pushedTick = tick;
  }
  const tickOf = (atMs: number) => tick - (other.pushedAtMs - atMs);
  if (theirs.atMs > ours.atMs) {
    const { transport, bytes, dropped, leftOut, intervalMs } = other;
    Object.assign(source, { transport, bytes, dropped, leftOut, intervalMs });
  }
  if (other.writes !== undefined && other.writes.atMs > (source.writes?.atMs ?? 0)) {
    const { atMs, current, requests } = other.writes;
    source.writes = {
      ...other.writes,
      tick: tickOf(atMs),
      startTick: tickOf(current.atMs),
      requests: Math.max(requests, source.writes?.requests ?? 0),
      current: { ...current, leftOut: new Map(current.leftOut), metrics: new Map(current.metrics) },
    };
  }
  if (source.writes !== undefined) {
    source.writes.upload = theirs.atMs > ours.atMs ? { atMs: theirs.atMs, tick: tickOf(theirs.atMs) } : ours;
  }
  if ((other.sender?.atMs ?? 0) > (source.sender?.atMs ?? 0)) source.sender = other.sender;
  if (other.refusedAtMs > source.refusedAtMs) {
    source.refusedAtMs = other.refusedAtMs;
    source.refusal = other.refusal;
  }
  if (isLater(other.inName, source.inName)) source.inName = other.inName;
  return isNewer;
}
