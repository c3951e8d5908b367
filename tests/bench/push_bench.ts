/**
 * What a push of 521 series costs, step by step: `deno task bench`.
 *
 * @module
 */

import { decodeFamilies, encodeFamilies } from "../../common/exposition/protobuf.ts";
import { parseSelector } from "../../common/exposition/selector.ts";
import { crc32c, frameSnappy, SnappyUnframer } from "../../common/exposition/snappy.ts";
import { formatText, parseText } from "../../common/exposition/text_format.ts";
import { AllowList } from "../../common/ingest/allow_list.ts";
import { ExpositionIndex, toEntry } from "../../server/exposition/exposition_index.ts";
import { federate } from "../../server/exposition/federate.ts";
import { Renderer } from "../../server/ingest/renderer.ts";
import { Ingester } from "../../common/ingest/ingester.ts";
import type { IngestRules } from "../../common/ingest/ingested_push.ts";
import { Gauge, Registry } from "prom-client";
import { realisticFamilies } from "../support/realistic_push.ts";

const nowMs = Date.now();
const limits = { maxFamilies: 1_000, maxSeries: 25_000, maxLabels: 64 };
const rules: IngestRules = {
  set: new Map(),
  elide: new Set(),
  always: new Set(),
  maxLabelBytes: 255,
  maxNameBytes: 255,
  maxTextBytes: 1e8,
  maxAgeMs: 86_400_000,
  maxAheadMs: 600_000,
  limits,
};
const allow = new AllowList([
  ...Array.from({ length: 20 }, (_, i) => parseSelector(`{__name__="name_${i}"}`)),
  parseSelector('{__name__="ALERTS",alertstate="firing"}'),
  parseSelector('{__name__="apiserver_object_counts",resource=~"resource-[0-9]+[.].*"}'),
  parseSelector('{__name__=~"cluster_operator_.*"}'),
  parseSelector("up"),
]);

const families = realisticFamilies({ id: "cluster-1", nowMs });
const raw = encodeFamilies(families);
const framed = frameSnappy(raw);
const text = formatText(families);
const identity = new Map([["_id", "cluster-1"]]);
const unframer = new SnappyUnframer();
const ingester = new Ingester(rules);
const renderer = new Renderer({ ...rules, limitBytes: 1e7 });
const choosing = new Ingester({ ...rules, allow });

const index = new ExpositionIndex({ ttlMs: 600_000 });

const GROUP = `push of 521 series: ${raw.length} bytes of protobuf, ${framed.length} framed`;

Deno.bench("crc32c of 64 KiB", { group: GROUP }, () => void crc32c(raw.subarray(0, 65_536)));
Deno.bench("unframe snappy", { group: GROUP }, () => void unframer.unframe(framed, { limitBytes: 1e7 }));
Deno.bench(
  "ingest (check, render)",
  { group: GROUP, baseline: true },
  () => void ingester.ingest(raw, { identity, nowMs }),
);
Deno.bench("ingest with an allow-list", { group: GROUP }, () => void choosing.ingest(raw, { identity, nowMs }));
Deno.bench("digest (unframe, ingest, copy)", { group: GROUP }, () => {
  const labels = identity;
  renderer.render({ contentType: "protobuf", contentEncoding: "snappy", labels, receivedAtMs: nowMs, body: framed });
});

const CLIENT = "client: objects";
Deno.bench("decode protobuf", { group: CLIENT }, () => void decodeFamilies(raw, limits));
Deno.bench("parse text", { group: CLIENT }, () => void parseText(text, limits));
Deno.bench("encode protobuf", { group: CLIENT, baseline: true }, () => void encodeFamilies(families));
Deno.bench("format text", { group: CLIENT }, () => void formatText(families));
Deno.bench("frame snappy", { group: CLIENT }, () => void frameSnappy(raw));

for (let i = 0; i < 1_000; i++) {
  const id = `cluster-${i}`;
  const body = encodeFamilies(realisticFamilies({ id, nowMs }));
  const labels = new Map([["_id", id]]);
  const rendered = renderer.render({
    contentType: "protobuf",
    contentEncoding: "identity",
    labels,
    receivedAtMs: nowMs,
    body,
  });
  index.show(toEntry(rendered, { id, sequence: i, receivedAtMs: nowMs }));
}
const conflicts = new Gauge({ name: "conflicts", help: "For the benchmark", registers: [new Registry()] });
const page = federate({ index, conflicts, collisions: { inc() {} }, now: () => nowMs });
const drain = async (url: string, headers?: HeadersInit) => {
  const response = await page(new Request(url, { headers }));
  for await (const chunk of response.body!) void chunk;
};

// Deno times what a promise stands for only where the function is an async one.
const PAGE = `/federate: 1,000 clusters, ${Math.round(index.bytes / 1e6)} MB`;
Deno.bench("whole page", { group: PAGE, baseline: true }, async () => await drain("http://localhost/federate"));
Deno.bench(
  "whole page, gzip",
  { group: PAGE },
  async () => await drain("http://localhost/federate", { "accept-encoding": "gzip" }),
);
Deno.bench(
  "whole page, protobuf",
  { group: PAGE },
  async () => await drain("http://localhost/federate", { accept: "application/vnd.google.protobuf" }),
);
Deno.bench("one name of twenty", { group: PAGE }, async () => await drain("http://localhost/federate?match[]=up"));
