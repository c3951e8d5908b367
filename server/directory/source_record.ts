/**
 * A source as JSON: on disk, and between the members of a ring.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import { MAX_ID_BYTES } from "../store/layout.ts";
import type { SourceRecord } from "./directory.ts";
import { closed, newWindow, type Writes, type WriteWindow } from "./write_window.ts";
import { TIMELINE_PUSHES, type TimelinePush } from "./push_timeline.ts";
import {
  newSource,
  type Refusal,
  REFUSAL_STAGES,
  type RefusedInName,
  type Remedy,
  type Sender,
  type Source,
  SOURCE_LIMITS,
  uploadOf,
} from "./source.ts";

/** Writes a record as what `JSON.stringify` takes. */
export function writeRecord({ source, pushes }: SourceRecord): Record<string, unknown> {
  const { pushedTick: _pushed, untold: _untold, writes, ...facts } = source;
  return {
    ...facts,
    uploadedAtMs: uploadOf(source).atMs,
    ...writes !== undefined && { writes: writesRow(writes) },
    timeline: pushes.flatMap(({ atMs, bytes }) => [atMs / 1_000, bytes]),
    // Of earlier versions each is a push.
    windows: pushes.flatMap(({ isWindow }, at) => isWindow ? [at] : []),
  };
}

/** Reads a record from what `JSON.parse` makes; undefined if it is none. Facts that cannot be read are left out. */
export function readRecord(value: unknown): SourceRecord | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const row = value as Readonly<Record<string, unknown>>;
  const { id } = row;
  if (typeof id !== "string" || id === "" || !id.isWellFormed() || encoder.encode(id).length > MAX_ID_BYTES) {
    return undefined;
  }
  const source: Source = newSource(id, amount(row.firstSeenMs));
  for (const name of AMOUNTS) source[name] = amount(row[name]);
  // Earlier versions know of no other way.
  const uploadedAtMs = row.uploadedAtMs === undefined ? source.pushedAtMs : amount(row.uploadedAtMs);
  source.writes = writesOf(row.writes, uploadedAtMs);
  source.skewMs = typeof row.skewMs === "number" && Number.isFinite(row.skewMs) ? row.skewMs : 0;
  source.transport = text(row.transport);
  source.leftOut = countsOf(row.leftOut);
  source.sender = senderOf(row.sender);
  const refusal = refusalOf(row.refusal);
  if (refusal?.stage === "push") source.refusal = refusal;
  else {
    // Earlier versions held what was refused in its name for a refusal of its own.
    if (refusal !== undefined) {
      const atMs = source.refusedAtMs;
      source.inName = { refusal, atMs, times: 1, sinceMs: atMs, timesSince: 1 };
    }
    source.refusedAtMs = 0;
  }
  source.inName = inNameOf(row.inName) ?? source.inName;
  return { source, pushes: pushesOf(row.timeline, row.windows) };
}

const AMOUNTS = [
  "pushedAtMs",
  "pushes",
  "bytes",
  "families",
  "series",
  "dropped",
  "intervalMs",
  "refusedAtMs",
  "refusals",
] as const satisfies (keyof Source)[];

const encoder = new TextEncoder();

/** The most rules that a record counts samples of. */
const MAX_RULES = 64;

function amount(value: unknown): number {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : 0;
}

function text(value: unknown): string {
  return typeof value === "string" ? plainText(value) : "";
}

function countsOf(value: unknown): Readonly<Record<string, number>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).slice(0, MAX_RULES).map(([rule, count]) => [text(rule), amount(count)]),
  );
}

function senderOf(value: unknown): Sender | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { userAgent, address, keyId, tokenEndsMs, atMs } = value as Readonly<Record<string, unknown>>;
  return {
    userAgent: text(userAgent),
    address: text(address),
    keyId: text(keyId),
    tokenEndsMs: amount(tokenEndsMs),
    atMs: amount(atMs),
  };
}

function refusalOf(value: unknown): Refusal | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { stage: name, path, status, reason, why } = value as Readonly<Record<string, unknown>>;
  const stage = REFUSAL_STAGES.find((known) => known === name);
  if (stage === undefined) return undefined;
  const remedy = remedyOf(value as Readonly<Record<string, unknown>>);
  return { stage, path: text(path), status: amount(status), reason: text(reason), why: text(why), ...remedy };
}

function remedyOf({ raise, lower, over }: Readonly<Record<string, unknown>>): Remedy {
  const { limit: name, sent }: Record<string, unknown> = typeof over === "object" && over !== null ? { ...over } : {};
  const limit = SOURCE_LIMITS.find((known) => known === name);
  return {
    ...typeof raise === "string" && { raise: text(raise) },
    ...typeof lower === "string" && { lower: text(lower) },
    ...limit !== undefined && { over: { limit, sent: amount(sent) } },
  };
}

function inNameOf(value: unknown): RefusedInName | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const row = value as Readonly<Record<string, unknown>>;
  const refusal = refusalOf(row.refusal), atMs = amount(row.atMs), times = amount(row.times);
  // Earlier versions do not tell since when.
  const [sinceMs, timesSince] = row.sinceMs === undefined ? [atMs, 1] : [amount(row.sinceMs), amount(row.timesSince)];
  return refusal && { refusal, atMs, times, sinceMs, timesSince };
}

function writesRow(
  { upload: _upload, tick: _tick, startTick: _startTick, current, last, ...facts }: Writes,
): Record<string, unknown> {
  return { ...facts, current: windowRow(closed(current)), last: last && windowRow(last) };
}

function windowRow({ leftOut, metrics, ...facts }: WriteWindow): Record<string, unknown> {
  return { ...facts, leftOut: Object.fromEntries(leftOut), metrics: Object.fromEntries(metrics) };
}

function writesOf(value: unknown, uploadedAtMs: number): Writes | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const row = value as Readonly<Record<string, unknown>>;
  const current = windowRowOf(row.current);
  return current && {
    upload: { atMs: uploadedAtMs, tick: -Infinity },
    atMs: amount(row.atMs),
    tick: -Infinity,
    startTick: -Infinity,
    intervalMs: amount(row.intervalMs),
    requests: amount(row.requests),
    transport: text(row.transport),
    current,
    last: windowRowOf(row.last),
  };
}

function windowRowOf(value: unknown): WriteWindow | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const row = value as Readonly<Record<string, unknown>>;
  const window = newWindow(amount(row.atMs));
  for (const name of WINDOW_AMOUNTS) window[name] = amount(row[name]);
  const [leftOut, metrics] = [row.leftOut, row.metrics].map((counts) => new Map(Object.entries(countsOf(counts))));
  return { ...window, leftOut, metrics };
}

const WINDOW_AMOUNTS = [
  "requests",
  "bytes",
  "largestBytes",
  "samples",
  "dropped",
] as const satisfies (keyof WriteWindow)[];

function pushesOf(value: unknown, windows: unknown): TimelinePush[] {
  if (!Array.isArray(value)) return [];
  const pushes: TimelinePush[] = [];
  for (let at = 0; at + 1 < Math.min(value.length, 2 * TIMELINE_PUSHES); at += 2) {
    const isWindow = Array.isArray(windows) && windows.includes(at / 2);
    pushes.push({ atMs: 1_000 * amount(value[at]), bytes: amount(value[at + 1]), ...isWindow && { isWindow } });
  }
  return pushes;
}
