/**
 * Clusters of 521 series for measurements of a server under load.
 *
 * @module
 */

import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../common/exposition/snappy.ts";
import type { Answer, OpenServer } from "../support/open_server.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import { WRITE_HEADERS, WriteTemplate } from "../support/write_template.ts";

/** A cluster that sends. */
export interface Sender {
  /** The cluster id. */
  readonly id: string;
  /** Sends all its series, with samples of a time, and resolves to the answer and how long that took. */
  readonly send: (server: OpenServer, atMs: number) => Promise<{ readonly answer: Answer; readonly tookMs: number }>;
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

/** A cluster that sends by remote write. */
export function writing(id: string): Sender {
  const template = new WriteTemplate(id);
  return {
    id,
    send: (server, atMs) => {
      const body = template.body(atMs);
      return timed(() => server.write(id, { headers: WRITE_HEADERS, body }));
    },
  };
}

/** A cluster that pushes. */
export function pushing(id: string): Sender {
  const families = realisticFamilies({ id, nowMs: 0 });
  return {
    id,
    send: (server, timestampMs) => {
      const now = families.map((family) => ({
        ...family,
        metrics: family.metrics.map((metric) => ({ ...metric, timestampMs })),
      }));
      const body = frameSnappy(encodeFamilies(now));
      return timed(() => server.push(id, body, { "content-encoding": "snappy" }));
    },
  };
}

/** Has all clusters send in turn until the time is up, one round an interval. */
export async function sendAll(
  server: OpenServer,
  senders: readonly Sender[],
  { lastsMs, intervalMs, onTaken }: SendingOptions,
): Promise<void> {
  const startMs = performance.now(), endMs = startMs + lastsMs;
  const everyMs = intervalMs / senders.length;
  let next = 0;
  await Promise.all(Array.from({ length: SENDERS }, async () => {
    while (performance.now() < endMs) {
      const at = next++, dueMs = startMs + at * everyMs - performance.now();
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(dueMs, endMs - performance.now())));
      if (performance.now() >= endMs) return;
      const { id, send } = senders[at % senders.length], atMs = Date.now();
      const { answer: { status, text }, tookMs } = await send(server, atMs);
      if (status > 299) throw new Error(`The server answers ${status}: ${text}`);
      // From when it was due, so that a server that keeps senders waiting does not look better for it.
      onTaken({ id, atMs, tookMs: tookMs + (intervalMs > 0 ? Math.max(0, -dueMs) : 0) });
    }
  }));
}

async function timed(send: () => Promise<Answer>): Promise<{ answer: Answer; tookMs: number }> {
  const startMs = performance.now(), answer = await send();
  return { answer, tookMs: performance.now() - startMs };
}
