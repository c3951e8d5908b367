/**
 * What clusters show and what changes it, made up for tests, and read back line by line.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { isDistribution, type Metric, type MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { type ClusterEntry, type EntryContent, toEntry } from "../../server/exposition/exposition_index.ts";
import { Renderer } from "../../server/ingest/renderer.ts";
import type { Delta } from "../../server/remote_write/delta.ts";
import type { Lines } from "../../server/remote_write/merged_content.ts";
import { RENDER_RULES } from "./render_rules.ts";

export const NOW_MS = 1_700_000_000_000;
export const renderer = new Renderer({ ...RENDER_RULES, limits: { maxFamilies: 1e3, maxSeries: 1e3, maxLabels: 16 } });
/** What the index would have of families. */
export function render(families: readonly MetricFamily[]): ClusterEntry {
  return entryOf(renderer.render({
    contentType: "protobuf",
    contentEncoding: "identity",
    labels: new Map(),
    body: encodeFamilies(families),
    receivedAtMs: NOW_MS,
  }));
}

export function entryOf(merged: EntryContent): ClusterEntry {
  return toEntry(merged, { id: "a", sequence: 1, receivedAtMs: NOW_MS });
}

/** A sample with its lines as they are shown, and its time. */
export interface Told {
  readonly lines: readonly string[];
  readonly ms: number;
  readonly isNative: boolean;
  readonly native: string;
  readonly type: string;
}

/** Reads an entry line by line, and sees to it that it is sound. */
export function tell({ text, runs, natives, baseMs, blocks }: Lines): Told[] {
  const told: Told[] = [];
  let at = 0, nextRun = 0, nativeAt = 0;
  for (const block of blocks) {
    assert.deepEqual([block.start, block.firstRun], [at, nextRun]);
    assert.ok(block.end > block.start);
    for (let run = block.firstRun; run < block.endRun; run++) {
      assert.ok(run === block.firstRun || runs[2 * run] > runs[2 * run - 2], "runs ascend");
      const ms = baseMs + runs[2 * run], end = runs[2 * run + 1];
      assert.ok(end > at);
      while (at < end) {
        const start = at, lines: string[] = [];
        do {
          const next = text.indexOf(10, at) + 1;
          lines.push(new TextDecoder().decode(text.subarray(at, next)).trimEnd());
          at = next;
        } while (isDistribution(block.type) && !nameOf(lines.at(-1)!).endsWith("_count"));
        const native = block.natives.find((native) => native.start === start);
        if (native !== undefined) {
          assert.deepEqual([native.end, native.nativeStart], [at, nativeAt]);
          nativeAt = native.nativeEnd;
        }
        const bytes = native === undefined ? "" : natives.subarray(native.nativeStart, native.nativeEnd).toHex();
        told.push({ lines, ms, isNative: native !== undefined, native: bytes, type: block.type });
      }
    }
    assert.equal(at, block.end);
    nextRun = block.endRun;
  }
  assert.deepEqual([at, nextRun, nativeAt], [text.length, runs.length / 2, natives.length]);
  return told;
}

export const nameOf = (line: string) =>
  line.startsWith("{") ? line.slice(2, line.indexOf('"', 2)) : line.split(/[{ ]/, 1)[0];
export const keyOf = (line: string) => line.slice(0, line.lastIndexOf(" "));

export function shownBy(merged: Lines): string[] {
  return tell(merged).flatMap(({ lines, ms, isNative, native, type }) => {
    if (isNative) return [`${ms} native ${native} ${lines.join("|")}`];
    return lines.map((line) => `${ms} ${type} ${line}`);
  }).sort();
}

const ms = fc.integer({ min: 0, max: 6 }).map((age) => NOW_MS - 1_000 * age);
const labels = fc.constantFrom("", "a", "b c", 'd"\\\n').map((value) => value === "" ? [] : [{ name: "job", value }]);
const plainMetric: fc.Arbitrary<Metric> = fc.record({ labels, value: fc.integer({ max: 5 }), timestampMs: ms });
const histogram = (isNative: boolean): fc.Arbitrary<Metric> =>
  fc.record({
    labels,
    timestampMs: ms,
    value: fc.integer({ min: 1, max: 4 }).map((count) => ({
      count,
      sum: count,
      buckets: count % 2 === 0 ? [{ upperBound: 1, count: 1 }] : [],
      ...isNative && {
        native: {
          schema: 0,
          zeroThreshold: 0.1,
          zeroCount: count,
          positive: { spans: [], counts: [] },
          negative: { spans: [], counts: [] },
        },
      },
    })),
  });
const summary: fc.Arbitrary<Metric> = fc.record({
  labels,
  timestampMs: ms,
  value: fc.integer({ min: 1, max: 4 }).map((count) => ({
    count,
    sum: 1,
    quantiles: [{ quantile: 0.5, value: count }],
  })),
});
const family = (name: string, type: MetricFamily["type"], metric: fc.Arbitrary<Metric>): fc.Arbitrary<MetricFamily> =>
  fc.array(metric, { minLength: 1, maxLength: 4 }).map((metrics) => ({ name, type, metrics }));

const delta = fc.subarray([0, 1, 2, 3, 4, 5, 6]).chain((chosen) => {
  const all = [
    fc.constantFrom("gauge" as const, "untyped" as const).chain((type) => family("x", type, plainMetric)),
    family("x_count", "untyped", plainMetric),
    family("quoted name_sum", "untyped", plainMetric),
    family("n", "histogram", histogram(true)),
    family("y", "gauge", plainMetric),
    family("y_sum", "untyped", plainMetric),
    family("w", "untyped", plainMetric),
  ];
  return fc.tuple(...chosen.map((i) => all[i]));
});
export const push = fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }).chain((chosen) => {
  const all = [
    family("x", "histogram", histogram(false)),
    family("quoted name", "histogram", histogram(false)),
    family("y", "summary", summary),
    family("n", "histogram", histogram(true)),
    family("n_count", "untyped", plainMetric),
    family("z", "gauge", plainMetric),
  ];
  return fc.tuple(...chosen.map((i) => all[i]));
});

const NONE = [{ name: "none", type: "untyped", metrics: [] }] as const satisfies readonly MetricFamily[];
const lines = (families: readonly MetricFamily[]) => families.length === 0 ? render(NONE) : render(families);
const types = fc.dictionary(
  fc.constantFrom("x", "x_count", "y", "y_sum", "w"),
  fc.constantFrom<"gauge" | "counter">("gauge", "counter"),
).map((types) => new Map(Object.entries(types)));
export const steps: fc.Arbitrary<Delta[]> = fc.array(
  fc.oneof(
    push.map((families): Delta => ({ values: lines(families) })),
    fc.tuple(delta, delta).map(([values, ended]): Delta => ({ values: lines(values), ended: lines(ended) })),
    fc.tuple(delta, types).map(([values, types]): Delta => ({ values: lines(values), types })),
  ),
  { maxLength: 6 },
);
