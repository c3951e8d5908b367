/**
 * A server's `/federate` without a server: what clusters push, and the page that comes of it.
 *
 * @module
 */

import type { Label, MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { ExpositionIndex, toEntry } from "../../server/exposition/exposition_index.ts";
import { federate } from "../../server/exposition/federate.ts";
import { Renderer } from "../../server/ingest/renderer.ts";
import { parseExposition } from "./exposition_parser.ts";
import { oracleDecode } from "./metric_family_oracle.ts";

/** The time of the samples, and of the clock at first. */
export const NOW = 1_700_000_000_000;
/** How long a sample is shown. */
export const TTL_MS = 600_000;

/** An index with a handler on it; `push` puts what a cluster pushes there. */
export function site() {
  const clock = { now: NOW };
  const index = new ExpositionIndex({ ttlMs: TTL_MS });
  const renderer = new Renderer({
    set: new Map(),
    elide: new Set(),
    always: new Set(["instance", "job"]),
    maxLabelBytes: 255,
    maxNameBytes: 255,
    maxTextBytes: 1e8,
    maxAgeMs: 86_400_000,
    maxAheadMs: 600_000,
    limits: { maxFamilies: 1_000, maxSeries: 100_000, maxLabels: 64 },
    limitBytes: 1e8,
  });
  let conflicts = NaN, collisions = 0, sequence = 0;
  const handler = federate({
    index,
    conflicts: { set: (names) => void (conflicts = names) },
    collisions: { inc: () => void collisions++ },
    now: () => clock.now,
  });
  const get = (query = "", headers: Record<string, string> = {}) =>
    handler(new Request(`http://localhost/federate${query}`, { headers }));
  return {
    clock,
    index,
    get,
    conflicts: () => conflicts,
    collisions: () => collisions,
    text: async (query = "", headers: Record<string, string> = {}) => await (await get(query, headers)).text(),
    push(id: string, families: readonly MetricFamily[]) {
      const rendered = renderer.render({
        contentType: "protobuf",
        contentEncoding: "identity",
        labels: new Map([["_id", id]]),
        receivedAtMs: clock.now,
        body: encodeFamilies(families),
      }, { spare: () => index.spareFor(id) });
      index.show(toEntry(rendered, { id, sequence: ++sequence, receivedAtMs: clock.now }));
    },
  };
}

/** What the samples of a cluster have besides their values. */
export function sample(id: string, labels: Record<string, string> = {}): { labels: Label[]; timestampMs: number } {
  return { labels: Object.entries({ ...labels, _id: id }).map(([name, value]) => ({ name, value })), timestampMs: NOW };
}

/** A gauge with one sample. */
export function gauge(name: string, id: string, value: number, labels?: Record<string, string>): MetricFamily {
  return { name, type: "gauge", metrics: [{ ...sample(id, labels), value }] };
}

/** A classic histogram with one sample. */
export function histogram(name: string, id: string, labels?: Record<string, string>): MetricFamily {
  const value = { count: 3, sum: 4, buckets: [{ upperBound: 1, count: 2 }] };
  return { name, type: "histogram", metrics: [{ ...sample(id, labels), value }] };
}

/** The lines of a page without comments and without the labels of targets, which are empty here. */
export function lines(page: string): string[] {
  parseExposition(page);
  return page.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) =>
    line.replace(',instance="",job=""', "")
  );
}

/** How protobuf is asked for. */
export const PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/** A native histogram of floats, as Prometheus federates them, with the right numbers. */
export function native(name: string, id: string, labels?: Record<string, string>): MetricFamily {
  return {
    name,
    type: "histogram",
    metrics: [{
      ...sample(id, labels),
      value: {
        count: 5,
        sum: 12.5,
        buckets: [],
        isFloat: true,
        native: {
          schema: 3,
          zeroThreshold: 1e-128,
          zeroCount: 1,
          positive: { spans: [{ offset: 2, length: 2 }], counts: [1.5, 2.5] },
          negative: { spans: [], counts: [] },
        },
      },
    }],
  };
}

/** A family as a page in protobuf shows it: without times, help and empty labels. */
export const withoutTime = ({ name, type, metrics }: MetricFamily) => ({
  name,
  type,
  metrics: metrics.map(({ labels, value }) => ({
    labels: labels.filter((label) => label.value !== "").toSorted((a, b) => a.name < b.name ? -1 : 1),
    value,
  })),
});

/** The same with its pages in protobuf, read by an oracle. */
export function sitePage() {
  const one = site();
  return {
    ...one,
    protobuf: async (query = "", accept = PROTOBUF + ";escaping=allow-utf-8") => {
      const response = await one.get(query, { accept });
      return oracleDecode(new Uint8Array(await response.arrayBuffer())).map(withoutTime);
    },
  };
}
