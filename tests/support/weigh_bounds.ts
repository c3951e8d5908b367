/**
 * Fills what the server holds for long with the heaviest entries that it takes, and prints what an entry of each weighs, in
 * bytes, as JSON. Run it with `--expose-gc`, apart from everything else.
 *
 * @module
 */

import { generateKeyPairSync } from "node:crypto";
import { Registry } from "prom-client";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { parseSelector } from "../../common/exposition/selector.ts";
import { AllowList } from "../../common/ingest/allow_list.ts";
import { Ingester } from "../../common/ingest/ingester.ts";
import { Kernel } from "../../common/kernel/kernel.ts";
import { RepeatLog } from "../../common/repeat_log.ts";
import { plainFields } from "../../common/plain_text.ts";
import { EntryTable } from "../../ring/replication/entry_table.ts";
import { Buckets as RingBuckets } from "../../ring/transfer/buckets.ts";
import { RingView } from "../../ring/placement/view.ts";
import { CachingAuthorizer } from "../../server/authorization/authorizer_cache.ts";
import { readSigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../server/authorization/tokens.ts";
import { ExpositionIndex, toEntry } from "../../server/exposition/exposition_index.ts";
import { Renderer } from "../../server/ingest/renderer.ts";
import { Buckets } from "../../server/limits/rate_limit.ts";
import { StoredIndex } from "../../server/store/stored_index.ts";
import { RENDER_RULES } from "./render_rules.ts";
import { recordingLog } from "./recording_log.ts";
import { row } from "./ring_rows.ts";

const MIB = 1_048_576;
const NOW = Date.now();
const SILENT = { ...recordingLog().log, info: () => {}, error: () => {} };

/** A text of so many bytes that no other number gives. Built from parts, so that it is flat in memory. */
function text(n: number, bytes = 255): string {
  return JSON.parse(JSON.stringify(String(n).padStart(bytes, "x")));
}

async function usedBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    (globalThis as unknown as { gc(): void }).gc();
    // Buffers are freed a turn later.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** What each of `count` things weighs that are held once `fill` is done. */
async function weigh(count: number, fill: () => unknown): Promise<number> {
  const before = await usedBytes();
  const held = await fill();
  const after = await usedBytes();
  // Keeps it alive until here.
  if (held === undefined) throw new Error("Nothing is held");
  return Math.round((after - before) / count);
}

function push(id: string, families: readonly Pick<MetricFamily, "name" | "metrics">[]) {
  const labels = new Map([["_id", id]]);
  const body = encodeFamilies(families.map((family) => ({ ...family, type: "gauge" as const })));
  return { contentType: "protobuf", contentEncoding: "identity", labels, receivedAtMs: NOW, body } as const;
}

function metric(id: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    labels: Object.entries({ _id: id, ...labels }).map(([name, value]) => ({ name, value })),
    value: 1,
    timestampMs: NOW,
  };
}

const LARGE = {
  ...RENDER_RULES,
  limits: { maxFamilies: 5_000, maxSeries: 50_000, maxLabels: 64 },
  limitBytes: 8 * MIB,
  maxTextBytes: 32 * MIB,
};

function shownClusters(count: number, { families }: { families: number }) {
  const index = new ExpositionIndex({ ttlMs: 600_000 });
  const renderer = new Renderer(LARGE);
  for (let n = 0; n < count; n++) {
    const id = text(n);
    const named = Array.from({ length: families }, (_, i) => ({ name: `f${i}`, metrics: [metric(id)] }));
    index.show(toEntry(renderer.render(push(id, named)), { id, sequence: n, receivedAtMs: NOW }));
  }
  return { index, renderer };
}

/** What indexing costs beside what it says itself that it takes, so that its own account can be trusted. */
async function unaccounted(count: number, { families }: { families: number }): Promise<number> {
  let said = 0;
  const weight = await weigh(count, () => {
    const shown = shownClusters(count, { families });
    said = shown.index.bytes / count;
    return shown;
  });
  return Math.round(weight - said);
}

async function tokens(count: number) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = await readSigningKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  const signer = new TokenSigner(key), verifier = new TokenVerifier([key]);
  for (let n = 0; n < count; n++) {
    const labels = new Map([["_id", text(n)]]);
    await verifier.verify(await signer.sign({ labels, subject: text(n, 100), expireSeconds: 86_400, now: NOW }));
  }
  return verifier;
}

async function answers(count: number) {
  const inner = { authorize: (_: string, id: string) => Promise.resolve({ accountId: text(id.length, 100) }) };
  const authorizer = new CachingAuthorizer(inner, { registry: new Registry(), log: SILENT, maxOfToken: count });
  const signal = new AbortController().signal;
  for (let n = 0; n < count; n++) await authorizer.authorize(text(n), text(n), { signal, address: "192.0.2.1" });
  return authorizer;
}

function told(count: number) {
  const log = new RepeatLog(SILENT, { level: "info" });
  for (let n = 0; n < count; n++) {
    const fields = plainFields({ cluster: text(n), status: 400, reason: "invalid", why: text(n, 1_000) });
    log.add(`${text(n)} invalid`, "Refused a push", fields);
  }
  return log;
}

function ringEntries(count: number) {
  const view = new RingView([row("a"), row("b")]);
  const table = new EntryTable({ ttlMs: 600_000, view }), buckets = new RingBuckets("0".repeat(32));
  for (let n = 0; n < count; n++) {
    const version = { epoch: 1, ms: NOW + n / 2, ingress: JSON.parse('"server-of-a-ring.example"'), sequence: n };
    table.set({ id: text(n), version, receivedAtMs: NOW - n / 2, size: n }, { now: n / 2, wall: NOW });
  }
  buckets.hashes(table, "");
  return { table, buckets };
}

/** Pushes of new names of families and labels, until all that is remembered of them is. */
function ingested(rules: typeof LARGE) {
  const renderer = new Renderer(rules);
  for (let round = 0; round < 4; round++) {
    const families = Array.from({ length: 2_500 }, (_, n) => ({
      name: text(round * 2_500 + n),
      metrics: [metric("a")],
    }));
    renderer.render(push("a", families));
  }
  for (let round = 0; round < 6; round++) {
    const metrics = Array.from({ length: 10_000 }, (_, n) => metric("a", { [text(round * 10_000 + n, 8)]: "b" }));
    renderer.render(push("a", [{ name: "f", metrics }]));
  }
  return renderer;
}

/** The memory of the kernel after a push that is as large as may be, unpacked and as text. */
function largestKernel(): number {
  const kernel = new Kernel();
  const ingester = new Ingester(LARGE, kernel);
  const labels = [
    { name: "_id", value: "a" },
    ...[255, 255, 90].map((bytes, n) => ({ name: `l${n}`, value: text(n, bytes) })),
  ];
  const buckets = Array.from({ length: 60 }, (_, n) => ({ upperBound: n, count: n }));
  const metrics = Array.from({ length: 790 }, (_, n) => ({
    labels: [...labels, { name: "n", value: String(n) }],
    timestampMs: NOW,
    value: { count: 60, sum: 1, buckets },
  }));
  const raw = encodeFamilies([{ name: "f", type: "histogram", metrics }]);
  const { text: written } = ingester.ingest(raw, { identity: new Map([["_id", "a"]]), nowMs: NOW });
  if (written.length < 30 * MIB) throw new Error(`The largest push became ${written.length} bytes of text only`);
  // Unpacked it might have been larger.
  return kernel.bytes.length + LARGE.limitBytes - raw.length;
}

const allow = new AllowList([parseSelector('{__name__=~".+",_id=~".+"}')]);
const values = (count: number) => {
  const renderer = new Renderer({ ...LARGE, allow });
  for (let round = 0; round < count / 1_000; round++) {
    const metrics = Array.from({ length: 1_000 }, (_, n) => metric(text(round * 1_000 + n)));
    for (const one of metrics) {
      const id = one.labels[0].value;
      renderer.render(push(id, [{ name: "f", metrics: [one] }]));
    }
  }
  return [renderer, allow];
};

// Warms up what is loaded and compiled once.
await usedBytes();
await weigh(1, () => [shownClusters(10, { families: 2 }), ingested(LARGE), told(1)]);
await weigh(1, () => Promise.all([tokens(3), answers(3)]));

const weights: Record<string, number> = {
  "ExpositionIndex of one series": await unaccounted(5_000, { families: 1 }),
  "ExpositionIndex of many families": await unaccounted(400, { families: 1_000 }),
  "StoredIndex": await weigh(50_000, () => {
    const stored = new StoredIndex();
    for (let n = 0; n < 50_000; n++) stored.set(text(n), { receivedAtMs: NOW + n / 2, bytes: n, chunked: true });
    return stored;
  }),
  "Buckets": await weigh(50_000, () => {
    const buckets = new Buckets({ burst: 10, intervalMs: 20_000, maxKeys: 100_000 });
    for (let n = 0; n < 50_000; n++) buckets.charge(text(n), n / 3);
    return buckets;
  }),
  "TokenVerifier": await weigh(3_000, () => tokens(3_000)),
  "CachingAuthorizer": await weigh(20_000, () => answers(20_000)),
  "RepeatLog": await weigh(1_000, () => told(1_000)),
  "EntryTable": await weigh(20_000, () => ringEntries(20_000)),
  "Ingester": await weigh(1, () => ingested(LARGE)),
  "BytesMatcher": await weigh(10_000, () => values(10_000)),
  "Kernel": largestKernel(),
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(weights)));
Deno.exit(0);
