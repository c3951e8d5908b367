import assert from "node:assert/strict";
import fc from "fast-check";
import { isDistribution, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import type { ClusterEntry } from "../../../server/exposition/exposition_index.ts";
import { EndTimes } from "../../../server/remote_write/end_times.ts";
import type { Delta } from "../../../server/remote_write/delta.ts";
import { Merger } from "../../../server/remote_write/merge.ts";
import type { Lines } from "../../../server/remote_write/merged_content.ts";
import {
  entryOf,
  keyOf,
  nameOf,
  NOW_MS,
  push,
  render,
  shownBy,
  steps,
  tell,
  type Told,
} from "../../support/made_up_deltas.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const merger = new Merger();

interface Known {
  readonly line: string;
  readonly ms: number;
  readonly sample?: Told;
}

/** The same by strings and maps. */
class NaiveMerge {
  readonly #lines = new Map<string, Known>();
  readonly #natives = new Map<string, Told>();
  readonly #types = new Map<string, string>();
  readonly #ends = new Map<string, number>();

  apply({ values, ended, types = new Map() }: Delta) {
    for (const { name, type } of values.blocks) {
      if (!isDistribution(type) && (type !== "untyped" || !this.#has(name))) this.#types.set(name, type);
    }
    for (const sample of tell(values)) {
      const { lines, ms, isNative, type } = sample;
      const key = keyOf(lines.at(-1)!);
      if (isNative) {
        if (ms < (this.#ends.get(`native ${key}`) ?? 0)) continue;
        if ((this.#natives.get(key)?.ms ?? -1) <= ms) this.#natives.set(key, sample);
      } else if (!isDistribution(type as "histogram")) this.#line(lines[0], ms);
      else this.#sample(sample);
    }
    for (const { lines, ms, isNative } of ended === undefined ? [] : tell(ended)) {
      const key = keyOf(lines.at(-1)!), name = `${isNative ? "native " : ""}${key}`;
      this.#ends.set(name, Math.max(ms, this.#ends.get(name) ?? 0));
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
    if (ms < (this.#ends.get(key) ?? 0)) return;
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
    const isPartlyEnded = lines.some((line) => ms < (this.#ends.get(keyOf(line)) ?? 0));
    if (isPartlyEnded || others.some(({ sample }) => sample === undefined)) {
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
      const ends = new EndTimes();
      const oneByOne = deltas.reduce<ClusterEntry>(
        (entry, delta) => {
          const merged = entryOf(merger.merge(entry, [delta], { oldestMs: 0, endedAt: ends.of("a") }));
          if (delta.ended !== undefined) ends.learn("a", delta.ended);
          return merged;
        },
        entryOf(merger.merge(shown, [], { oldestMs: 0 })),
      );
      assert.deepEqual(shownBy(entryOf(merger.merge(oneByOne, [], { oldestMs }))), shownBy(atOnce));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("Merger comes to the same, without merging, where a delta has something newer of all that is shown", () => {
  const numbers = fc.record({
    name: fc.constantFrom("x", "y", "z"),
    type: fc.constantFrom<MetricFamily["type"]>("untyped", "gauge"),
    metrics: fc.uniqueArray(fc.record({ label: fc.nat(5), after: fc.nat(3) }), {
      minLength: 1,
      selector: ({ label }) => label,
    }),
  });
  const family = (
    { name, type, metrics }: { name: string; type: MetricFamily["type"]; metrics: Place[] },
    ms: number,
  ) => ({
    name,
    type,
    metrics: metrics.map(({ label, after }) => ({
      labels: [{ name: "l", value: String(label) }],
      value: ms + label,
      timestampMs: NOW_MS + ms + after,
    })),
  });
  let whole = 0;
  fc.assert(
    fc.property(
      fc.uniqueArray(numbers, { minLength: 1, selector: ({ name }) => name }),
      fc.option(numbers),
      fc.record({ leaves: fc.nat(6), later: fc.integer({ min: -2, max: 3 }), untyped: fc.boolean() }),
      (families, more, { leaves, later, untyped }) => {
        const shown = render(families.map((one) => family(one, 0)));
        const next = families.map((one, i) => ({
          ...one,
          type: untyped ? "untyped" as const : one.type,
          metrics: i > 0 || leaves > 0 ? one.metrics : one.metrics.slice(1),
        })).filter(({ metrics }) => metrics.length > 0);
        if (more !== null && next.every(({ name }) => name !== more.name)) next.push(more);
        fc.pre(next.length > 0);
        const values = render(next.map((one) => family(one, later)));
        const naive = new NaiveMerge();
        naive.apply({ values: shown });
        naive.apply({ values });
        const merged = entryOf(merger.merge(shown, [{ values }], { oldestMs: 0 }));
        assert.deepEqual(shownBy(merged), naive.shown(0));
        if (merged.text.buffer === values.text.buffer) whole++;
      },
    ),
    { numRuns: 1_000 },
  );
  assert.ok(whole > 100 && whole < 900, String(whole));
});

interface Place {
  readonly label: number;
  readonly after: number;
}

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

Deno.test("Merger keeps what is newer than its end, however many samples a merge has", () => {
  const gauge = (name: string, length: number): MetricFamily => ({
    name,
    type: "gauge",
    metrics: Array.from({ length }, (_, i) => ({
      labels: [{ name: "i", value: String(i) }],
      value: 1,
      timestampMs: NOW_MS,
    })),
  });
  const histogram: MetricFamily = {
    name: "h",
    type: "histogram",
    metrics: [{ labels: [], value: { count: 1, sum: 1, buckets: [] }, timestampMs: NOW_MS }],
  };
  const end: MetricFamily = {
    name: "h_count",
    type: "untyped",
    metrics: [{ labels: [], value: 0, timestampMs: NOW_MS - 1_000 }],
  };
  const values = entryOf(merger.merge(undefined, [], { oldestMs: 0 }));
  const hundreds = Array.from({ length: 10 }, (_, i) => ({ values: render([gauge(`g${i}`, 100)]) }));
  // Merges make room for 1,024 samples at first, and for twice as many once there are more.
  for (let length = 15; length < 30; length++) {
    const deltas = [...hundreds, { values: render([gauge("rest", length), histogram]) }, {
      values,
      ended: render([end]),
    }];
    const merged = entryOf(new Merger().merge(undefined, deltas, { oldestMs: 0 }));
    assert.equal(tell(merged).filter(({ lines }) => lines[0].startsWith("h_count ")).length, 1, `of ${1_000 + length}`);
  }
});

Deno.test("Merger puts a buffer to use that fits", () => {
  const entry = render([{ name: "x", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: NOW_MS }] }]);
  const { buffer } = merger.merge(entry, [], { oldestMs: 0 });
  const asked: number[] = [];
  const spare = (bytes: number) => {
    asked.push(bytes);
    return asked.length === 1 ? buffer : undefined;
  };
  assert.equal(merger.merge(entry, [], { oldestMs: 0, spare }).buffer, buffer);
  assert.notEqual(merger.merge(entry, [], { oldestMs: 0, spare }).buffer, buffer);
  assert.deepEqual(asked, [buffer.byteLength, buffer.byteLength]);
});
