/**
 * Clusters of 521 series for measurements of a server under load: what they send is made once, and gets the times of its samples
 * when it is sent.
 *
 * @module
 */

import { snappyCompress } from "hysnappy";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import type { OpenServer } from "../support/open_server.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import { oracleWriteRequest } from "../support/write_request_oracle.ts";

/** The paths that a cluster may send by. */
export type Way = "remote write" | "upload";

/** What a cluster sends, with the places of the times in it. */
export interface Template {
  /** The cluster id. */
  readonly id: string;
  /** The path that it is sent by. */
  readonly way: Way;
  /** The message, not compressed. */
  readonly bytes: Uint8Array;
  /** Where its times are. */
  readonly times: readonly number[];
}

/** How clusters send. */
export interface SendingOptions {
  /** For how long, in milliseconds. */
  readonly lastsMs: number;
  /** The time between two requests of a cluster, in milliseconds; 0 for as fast as they are taken. */
  readonly intervalMs: number;
  /** Told of each request that was taken: whose, at which time its samples are, and how long the answer took. */
  readonly onTaken: (taken: { readonly id: string; readonly atMs: number; readonly tookMs: number }) => void;
}

/** Requests under way at a time. */
const SENDERS = 16;

/** Where the clock of requests stands until they are sent: of the same length as now in protobuf. */
const PLACEHOLDER_MS = 1_600_000_000_000;

/** What a cluster sends by one of the paths. */
export function templateOf(id: string, way: Way): Template {
  const families = realisticFamilies({ id, nowMs: PLACEHOLDER_MS }).map((family: MetricFamily) => ({
    ...family,
    metrics: family.metrics.map((metric) => ({ ...metric, timestampMs: PLACEHOLDER_MS })),
  }));
  const bytes = way === "upload" ? encodeFamilies(families) : oracleWriteRequest(
    families.flatMap(({ name, metrics }) =>
      metrics.map(({ labels, value }) => ({
        labels: [{ name: "__name__", value: name }, ...labels],
        samples: [{ value: value as number, timestamp: PLACEHOLDER_MS }],
      }))
    ),
    { version: "1.0" },
  );
  const sought = varint(PLACEHOLDER_MS);
  const times: number[] = [];
  for (let at = bytes.indexOf(sought[0]); at >= 0; at = bytes.indexOf(sought[0], at + 1)) {
    if (sought.every((byte, i) => bytes[at + i] === byte)) times.push(at);
  }
  return { id, way, bytes: Uint8Array.from(bytes), times };
}

/** Has all clusters send in turn until the time is up, one round an interval. */
export async function sendAll(
  server: OpenServer,
  templates: readonly Template[],
  { lastsMs, intervalMs, onTaken }: SendingOptions,
): Promise<void> {
  const startMs = performance.now(), endMs = startMs + lastsMs;
  const everyMs = intervalMs / templates.length;
  let next = 0;
  await Promise.all(Array.from({ length: SENDERS }, async () => {
    while (performance.now() < endMs) {
      const at = next++, dueMs = startMs + at * everyMs - performance.now();
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(dueMs, endMs - performance.now())));
      if (performance.now() >= endMs) return;
      const template = templates[at % templates.length], atMs = Date.now();
      // From when it was due, so that a server that keeps senders waiting does not look better for it.
      const lateMs = intervalMs > 0 ? Math.max(0, -dueMs) : 0;
      onTaken({ id: template.id, atMs, tookMs: lateMs + await send(server, template, atMs) });
    }
  }));
}

/** Sends a request with samples of a time, and returns how long the answer took, in milliseconds. */
async function send(server: OpenServer, { id, way, bytes, times }: Template, atMs: number): Promise<number> {
  const now = varint(atMs);
  for (const at of times) bytes.set(now, at);
  const startMs = performance.now();
  const { status, text } = way === "upload"
    ? await server.push(id, frameSnappy(bytes), { "content-encoding": "snappy" })
    : await server.write(id, {
      headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy" },
      body: Uint8Array.from(snappyCompress(bytes)),
    });
  if (status > 299) throw new Error(`The server answers ${status}: ${text}`);
  return performance.now() - startMs;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
