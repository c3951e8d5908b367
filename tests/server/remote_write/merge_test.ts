import assert from "node:assert/strict";
import fc from "fast-check";
import { isDistribution, type Metric, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { type ClusterEntry, type EntryContent, toEntry } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { type Delta, type Lines, Merger } from "../../../server/remote_write/merge.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW_MS = 1_700_000_000_000;
const renderer = new Renderer({ ...RENDER_RULES, limits: { maxFamilies: 1e3, maxSeries: 1e3, maxLabels: 16 } });
const merger = new Merger();

/** What the index would have of families. */
function render(families: readonly MetricFamily[]): ClusterEntry {
  return entryOf(renderer.render({
    contentType: "protobuf",
    contentEncoding: "identity",
    labels: new Map(),
    body: encodeFamilies(families),
    receivedAtMs: NOW_MS,
  }));
}

function entryOf(merged: EntryContent): ClusterEntry {
  return toEntry(merged, { id: "a", sequence: 1, receivedAtMs: NOW_MS });
}

/** A sample with its lines as they are shown, and its time. */
interface Told {
  readonly lines: readonly string[];
  readonly ms: number;
  readonly isNative: boolean;
  readonly native: string;
  readonly type: string;
}

/** Reads an entry line by line, and sees to it that it is sound. */
function tell({ text, runs, natives, baseMs, blocks }: Lines): Told[] {
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

const nameOf = (line: string) => line.startsWith("{") ? line.slice(2, line.indexOf('"', 2)) : line.split(/[{ ]/, 1)[0];
const keyOf = (line: string) => line.slice(0, line.lastIndexOf(" "));

interface Known {
  readonly line: string;
  readonly ms: number;
  readonly sample?: Told;
}

type PlainType = "gauge" | "counter" | "untyped";

/** The same by strings and maps. */
class NaiveMerge {
  readonly #lines = new Map<string, Known>();
  readonly #natives = new Map<string, Told>();
  readonly #types = new Map<string, string>();

  apply({ values, ended, types = new Map() }: Delta) {
    for (const { name, type } of values.blocks) {
      if (!isDistribution(type) && (type !== "untyped" || !this.#has(name))) this.#types.set(name, type);
    }
    for (const sample of tell(values)) {
      const { lines, ms, isNative, type } = sample;
      const key = keyOf(lines.at(-1)!);
      if (isNative) {
        if ((this.#natives.get(key)?.ms ?? -1) <= ms) this.#natives.set(key, sample);
      } else if (!isDistribution(type as "histogram")) this.#line(lines[0], ms);
      else this.#sample(sample);
    }
    for (const { lines, ms, isNative } of ended === undefined ? [] : tell(ended)) {
      const key = keyOf(lines.at(-1)!);
      if (isNative && (this.#natives.get(key)?.ms ?? Infinity) <= ms) this.#natives.delete(key);
      if (isNative) continue;
      this.#dissolve(key);
      if ((this.#lines.get(key)?.ms ?? Infinity) <= ms) this.#lines.delete(key);
    }
    for (const [name, type] of types) {
      for (const of of type === "counter" ? [name, `${name}_total`] : [name]) {
        if (this.#has(of)) this.#types.set(of, type);
      }
    }
  }

  #has(name: string): boolean {
    return this.#lines.values().some(({ line, sample }) => sample === undefined && nameOf(line) === name);
  }

  shown(oldestMs: number): string[] {
    const shown: string[] = [];
    for (const { line, ms, sample } of this.#lines.values()) {
      if (ms >= oldestMs) {
        shown.push(`${ms} ${sample === undefined ? this.#types.get(nameOf(line)) : sample.type} ${line}`);
      }
    }
    for (const { lines, ms, native } of this.#natives.values()) {
      if (ms >= oldestMs) shown.push(`${ms} native ${native} ${lines.join("|")}`);
    }
    return shown.sort();
  }

  #line(line: string, ms: number) {
    const key = keyOf(line);
    this.#dissolve(key);
    if ((this.#lines.get(key)?.ms ?? -1) <= ms) this.#lines.set(key, { line, ms });
  }

  #dissolve(key: string) {
    const { sample } = this.#lines.get(key) ?? {};
    if (sample === undefined) return;
    for (const line of sample.lines) {
      if (!this.#has(nameOf(line))) this.#types.set(nameOf(line), "untyped");
      this.#lines.set(keyOf(line), { line, ms: sample.ms });
    }
  }

  #sample(sample: Told) {
    const { lines, ms } = sample;
    const others = lines.map((line) => this.#lines.get(keyOf(line))).filter((other) => other !== undefined);
    if (others.some(({ sample }) => sample === undefined)) {
      for (const line of lines) {
        if (!this.#has(nameOf(line))) this.#types.set(nameOf(line), "untyped");
        this.#line(line, ms);
      }
      return;
    }
    if (others.some((other) => other.ms > ms)) return;
    for (const { sample } of others) for (const line of sample!.lines) this.#lines.delete(keyOf(line));
    for (const line of lines) this.#lines.set(keyOf(line), { line, ms, sample });
  }
}

function shownBy(merged: Lines): string[] {
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
const push = fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }).chain((chosen) => {
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
  fc.constantFrom<PlainType>("gauge", "counter"),
).map((types) => new Map(Object.entries(types)));
const steps: fc.Arbitrary<Delta[]> = fc.array(
  fc.oneof(
    push.map((families): Delta => ({ values: lines(families) })),
    fc.tuple(delta, delta).map(([values, ended]): Delta => ({ values: lines(values), ended: lines(ended) })),
    fc.tuple(delta, types).map(([values, types]): Delta => ({ values: lines(values), types })),
  ),
  { maxLength: 6 },
);

Deno.test("Merger comes to what maps of strings come to, all at once and one by one", () => {
  fc.assert(
    fc.property(fc.option(push), steps, fc.nat(7), (first, deltas, age) => {
      const shown = first === null ? undefined : render(first);
      const oldestMs = NOW_MS - 1_000 * age;
      const naive = new NaiveMerge();
      if (shown !== undefined) naive.apply({ values: shown });
      for (const delta of deltas) naive.apply(delta);
      const atOnce = entryOf(merger.merge(shown, deltas, { oldestMs }));
      assert.deepEqual(shownBy(atOnce), naive.shown(oldestMs));
      assert.equal(atOnce.series, tell(atOnce).reduce((sum, { lines }) => sum + lines.length, 0));
      const oneByOne = deltas.reduce<ClusterEntry>(
        (entry, delta) => entryOf(merger.merge(entry, [delta], { oldestMs: 0 })),
        entryOf(merger.merge(shown, [], { oldestMs: 0 })),
      );
      assert.deepEqual(shownBy(entryOf(merger.merge(oneByOne, [], { oldestMs }))), shownBy(atOnce));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("Merger keeps the type that was said last, unless that is none", () => {
  const of = (type: MetricFamily["type"], ms: number) =>
    render([{ name: "x", type, metrics: [{ labels: [], value: 1, timestampMs: NOW_MS + ms }] }]);
  const types = (shown: Lines, ...deltas: Lines[]) =>
    merger.merge(shown, deltas.map((values) => ({ values })), { oldestMs: 0 }).blocks.map(({ type }) => type);
  assert.deepEqual(types(of("untyped", 0), of("gauge", 1)), ["gauge"]);
  assert.deepEqual(types(of("gauge", 0), of("untyped", 1)), ["gauge"]);
  assert.deepEqual(types(of("gauge", 0), of("counter", 1)), ["counter"]);
});

Deno.test("Merger tells of native histograms whether other families say their lines", () => {
  const value = { count: 1, sum: 1, buckets: [], native: NATIVE };
  const native: MetricFamily = { name: "n", type: "histogram", metrics: [{ labels: [], value, timestampMs: NOW_MS }] };
  const count: MetricFamily = {
    name: "n_count",
    type: "untyped",
    metrics: [{ labels: [], value: 1, timestampMs: NOW_MS }],
  };
  const hides = (...deltas: MetricFamily[]) =>
    merger.merge(undefined, deltas.map((family) => ({ values: render([family]) })), { oldestMs: 0 })
      .blocks.filter(({ natives }) => natives.length > 0).map(({ hidesNatives }) => hidesNatives);
  assert.deepEqual(hides(native), [false]);
  assert.deepEqual(hides(native, count), [true]);
  assert.deepEqual(hides(count, native), [true]);
});

const NATIVE = {
  schema: 0,
  zeroThreshold: 0.1,
  zeroCount: 1,
  positive: { spans: [], counts: [] },
  negative: { spans: [], counts: [] },
};

Deno.test("Merger puts a buffer to use that fits", () => {
  const entry = render([{ name: "x", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: NOW_MS }] }]);
  const { buffer } = merger.merge(entry, [], { oldestMs: 0 });
  assert.equal(merger.merge(entry, [], { oldestMs: 0, spare: buffer }).buffer, buffer);
  assert.notEqual(merger.merge(entry, [], { oldestMs: 0, spare: new ArrayBuffer(8) }).buffer.byteLength, 8);
});
