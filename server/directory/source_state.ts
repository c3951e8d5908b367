/**
 * How a source fares, by what is known of it: whether it comes as expected, is silent or refused, and which limits it is near to.
 *
 * @module
 */

import { isRefused, type Source, SOURCE_LIMITS, type SourceLimit, type SourceLimits, uploadOf } from "./source.ts";

/** How a source fares. */
export type SourceState =
  /** Its pushes come as expected. */
  | "up"
  /** It has not pushed for three times as long as it usually takes. */
  | "silent"
  /** What it sent last was refused. */
  | "refused"
  /** Its id is revoked. */
  | "revoked";

/** The states, the worst first. */
export const SOURCE_STATES: readonly SourceState[] = ["refused", "silent", "up", "revoked"];

/** After how many of its intervals a source is silent. */
const SILENT_INTERVALS = 3;

/** No source is silent sooner, as clients wait for each other and for networks. */
const LEAST_SILENCE_MS = 15_000;

/** The names of the ways by which a source may send. */
export const SOURCE_WAYS = ["push", "remote write"] as const;

/** The name of a way. */
export type WayName = (typeof SOURCE_WAYS)[number];

/** A way by which a source sends. */
export interface Way {
  /** Its name. */
  readonly name: WayName;
  /** When something last came by it, in milliseconds since the epoch. */
  readonly atMs: number;
  /** The same by the clock of {@linkcode Source.pushedTick}. */
  readonly tick: number;
  /** What usually lies between two pushes, or between requests that are gathered; 0 if it is not known. */
  readonly intervalMs: number;
}

/** The ways by which a source has sent. */
export function waysOf(source: Source): Way[] {
  const { intervalMs, writes } = source, { atMs, tick } = uploadOf(source);
  const ways: Way[] = [];
  if (atMs > 0) ways.push({ name: "push", atMs, tick, intervalMs });
  if (writes !== undefined) {
    ways.push({ name: "remote write", atMs: writes.atMs, tick: writes.tick, intervalMs: writes.intervalMs });
  }
  return ways;
}

/** What sends what comes of a source: a client of ours, by either way, or a Prometheus. */
export type SourceSender = "client" | "prometheus";

/** What sends by some ways, of which the last to come was brought by a program of this `User-Agent`. */
export function sendersOf(ways: readonly WayName[], userAgent = ""): SourceSender[] {
  const writes = ways.includes("remote write") && !userAgent.startsWith("telemeter-client/");
  if (!writes) return ["client"];
  return ways.includes("push") ? ["client", "prometheus"] : ["prometheus"];
}

/** How long a way may be silent before it is told so, in milliseconds. `ttlMs` holds as long as its interval is not known. */
export function silentAfterMs({ intervalMs }: Pick<Way, "intervalMs">, ttlMs: number): number {
  return intervalMs === 0 ? ttlMs : Math.max(SILENT_INTERVALS * intervalMs, LEAST_SILENCE_MS);
}

/** The way of a source that will be silent last, with which all of it is; undefined if it has never sent. */
export function lastWayOf(source: Source, ttlMs: number): Way | undefined {
  const [first, second] = waysOf(source);
  if (second === undefined) return first;
  const endOf = (way: Way) => way.tick + silentAfterMs(way, ttlMs);
  return endOf(second) > endOf(first) ? second : first;
}

/** What the state of a source depends on beside itself. */
export interface StateClock {
  /** Now, by the clock of {@linkcode Source.pushedTick}. */
  readonly tick: number;
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** `--ttl`, in milliseconds. */
  readonly ttlMs: number;
}

/** How a source fares that is not revoked. What was refused to somebody who may not be the source does not count. */
export function stateOf(source: Source, { tick, nowMs, ttlMs }: StateClock): SourceState {
  if (isRefused(source)) return "refused";
  const way = lastWayOf(source, ttlMs);
  const patienceMs = silentAfterMs(way ?? { intervalMs: 0 }, ttlMs);
  if (way !== undefined && tick - way.tick <= patienceMs) return "up";
  // What has gone through this server to another owner since then, this one may not have heard of otherwise.
  const { sender, pushedAtMs } = source;
  return sender !== undefined && sender.atMs > pushedAtMs && nowMs - sender.atMs <= patienceMs ? "up" : "silent";
}

/** Where a source is near a limit: from this share of it on. */
export const NEAR_LIMIT = 0.8;

/** Where a source that was near a limit no longer is, so that one that goes up and down a little is told once. */
const FAR_FROM_LIMIT = 0.7;

/** What a source takes of a limit: of bytes, the larger of its last push and of its last requests of remote write. */
export function usedOf(source: Source, limit: SourceLimit): number {
  if (limit !== "bytes" || source.writes === undefined) return source[limit];
  const { current, last } = source.writes;
  return Math.max(source.bytes, current.largestBytes, last?.largestBytes ?? 0);
}

/** The limits that a source is near to, or still is after it was near to those of `before`. */
export function nearLimits(
  source: Source,
  limits: SourceLimits,
  { before = [] }: { readonly before?: readonly SourceLimit[] } = {},
): SourceLimit[] {
  return SOURCE_LIMITS.filter((limit) =>
    usedOf(source, limit) >= (before.includes(limit) ? FAR_FROM_LIMIT : NEAR_LIMIT) * limits[limit]
  );
}
