/**
 * What the directory costs: memory a source, and time a push. Run with `--v8-flags=--expose-gc`; prints one line of JSON.
 *
 * @module
 */

import { Directory } from "../../server/directory/directory.ts";

const SOURCES = 20_000;
const ROUNDS = 10;

declare const gc: () => void;

function usedBytes(): number {
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const NOTHING: ReadonlyMap<string, number> = new Map();

function pushAll(directory: Directory, ids: readonly string[], nowMs: number) {
  for (const id of ids) {
    directory.accepted({
      id,
      receivedAtMs: nowMs,
      transport: "protobuf, snappy",
      bytes: 31_234,
      families: 84,
      series: 521,
      dropped: 0,
      leftOut: NOTHING,
      newestMs: nowMs - 250,
    });
    const userAgent = ["telemeter-client", "1.2.3"].join("/");
    directory.broughtBy(id, {
      userAgent,
      address: `192.0.2.${nowMs % 256}`,
      keyId: "key",
      tokenEndsMs: nowMs,
      atMs: nowMs,
    });
  }
}

const ids = Array.from({ length: SOURCES }, () => crypto.randomUUID());
const directory = new Directory({ maxSources: 2 * SOURCES, retentionMs: 1e12, ttlMs: 600_000 });
const before = usedBytes();
const startMs = Date.now();
pushAll(directory, ids, startMs);
for (const id of ids) {
  directory.refused(id, { stage: "push", path: "/upload", status: 429, reason: "rate", why: "x".repeat(100) });
}
const bytesASource = Math.round((usedBytes() - before) / SOURCES);

const start = performance.now();
for (let round = 1; round <= ROUNDS; round++) pushAll(directory, ids, startMs + round);
const microsecondsAPush = (performance.now() - start) * 1_000 / (ROUNDS * SOURCES);
const figures = { sources: directory.size, bytesASource, microsecondsAPush: +microsecondsAPush.toFixed(2) };
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(figures) + "\n"));
