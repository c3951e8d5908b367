import assert from "node:assert/strict";
import { LimitError, type MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { SHAPE_HASH } from "../../../common/kernel/assembly/layout.ts";
import { Kernel } from "../../../common/kernel/kernel.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import { type LabelRules, type LabelShape, LabelShapes } from "../../../common/ingest/label_shape.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const RULES: LabelRules = { set: new Map(), elide: new Set(), always: new Set(), maxLabelBytes: 255 };
const NOW = 1_700_000_000_000;

/** The shape of these names, on bytes as a push has them. */
function shapeOf(shapes: LabelShapes, names: readonly string[]): LabelShape {
  const bytes = new TextEncoder().encode(names.join(""));
  const spans = new Int32Array(4 * names.length);
  names.reduce((at, name, i) => {
    const end = at + new TextEncoder().encode(name).length;
    spans.set([at, end, end, end], 4 * i);
    return end;
  }, 0);
  return shapes.build(bytes, spans, names.length);
}

/** The heads of the output, with the index of the label whose value follows. */
function headsOf({ segments }: LabelShape): string[] {
  return segments.map(({ head, source }) => source < 0 ? head : `${head}${source}`);
}

/** An ingester, and what it shows of a push of series with these names, whose values are their places. */
function openIngester() {
  const kernel = new Kernel();
  const ingester = new Ingester({
    ...RULES,
    maxNameBytes: 255,
    maxTextBytes: 1e8,
    maxAgeMs: 1,
    maxAheadMs: 1,
    limits: { maxFamilies: 1, maxSeries: 5_000, maxLabels: 100 },
  }, kernel);
  const show = (series: readonly (readonly string[])[]): string => {
    const metrics = series.map((names, at) => ({
      labels: names.map((name, i) => ({ name, value: name === "_id" ? "me" : String(i) })),
      value: at,
      timestampMs: NOW,
    }));
    const families: MetricFamily[] = [{ name: "x", type: "gauge", metrics }];
    const identity = new Map([["_id", "me"]]);
    return new TextDecoder().decode(ingester.ingest(encodeFamilies(families), { identity, nowMs: NOW }).text);
  };
  /** What it should show of them. */
  const expected = (series: readonly (readonly string[])[]): string =>
    series.map((names, at) => {
      const labels = names.map((name, i) => `${name}="${name === "_id" ? "me" : i}"`).sort();
      return `x{${labels.join()}} ${at}\n`;
    }).join("");
  return { kernel, show, expected };
}

Deno.test("LabelShapes.build() sorts the labels, and has its own say on those set, elided and always shown", () => {
  const shapes = new LabelShapes({
    set: new Map([["region", 'a"b'], ["zone", "z"]]),
    elide: new Set(["secret", "zone"]),
    always: new Set(["job", "instance"]),
    maxLabelBytes: 255,
  }, ["_id"]);
  const shape = shapeOf(shapes, ["z", "secret", "job", "_id", "region"]);
  assert.deepEqual(headsOf(shape), ['_id="3', 'instance="",', 'job="2', 'region="a\\"b",', 'z="0', ""]);
  assert.deepEqual([...shape.elided].sort(), [1, 4]);
  assert.deepEqual(shape.identity, [3]);
  assert.equal(shape.fault, undefined);
});

Deno.test("Ingester tells shapes apart whose hashes collide", () => {
  // Two names each with the same effect on the hash, so that all 32 choices have the same one.
  const pairs = [
    ["a000000000000000", "a0000004000j0000"],
    ["b000000000000000", "b0000004000Z0000"],
    ["c000000000000000", "c0000004000F0000"],
    ["d000000000000000", "d0000002000K0000"],
    ["e000000000000000", "e0000004000f0000"],
  ];
  const { kernel, show, expected } = openIngester();
  const choices = Array.from({ length: 32 }, (_, i) => ["_id", ...pairs.map((pair, k) => pair[i >> k & 1])]);
  const hashes = new Set<number>();
  for (const names of choices) {
    assert.equal(show([names]), expected([names]));
    hashes.add(kernel.view.getInt32(kernel.exports.shape.value + SHAPE_HASH, true));
  }
  assert.equal(hashes.size, 1, "the hashes do not collide, so that the test would show nothing");
  assert.equal(
    show([...choices, ...choices.toReversed()]),
    expected(choices.toReversed()).replaceAll(/\d+$/gm, (at) => {
      return String(Number(at) + 32);
    }),
  );
});

Deno.test("LabelShapes.build() keeps to a bound on names that one push may bring anew, and forgets it with the next", () => {
  const shapes = new LabelShapes(RULES, ["_id"]);
  const fresh = (from: number) => {
    for (let i = from;; i++) {
      try {
        shapeOf(shapes, ["_id", ...Array.from({ length: 14 }, (_, j) => `l${j}_${i}`)]);
      } catch (error) {
        assert(error instanceof LimitError, String(error));
        assert.match(error.message, /more than 32768 names/);
        return i - from;
      }
    }
  };
  assert.equal(fresh(0), 2_048);
  assert.equal(fresh(100_000), 0);
  shapes.open();
  assert.equal(fresh(200_000), 2_048);
});

Deno.test("Ingester counts no names that it has seen before, and is right when it has forgotten them", () => {
  const { show, expected } = openIngester();
  const series = (from: number) =>
    Array.from({ length: 2_048 }, (_, i) => ["_id", ...Array.from({ length: 14 }, (_, j) => `l${j}_${from + i}`)]);
  assert.equal(show(series(0)), expected(series(0)));
  assert.equal(show(series(0)), expected(series(0)));
  assert.equal(show([...series(0), ...series(2_048)]), expected([...series(0), ...series(2_048)]));
  assert.throws(() => show([...series(4_096), ["_id"]]), LimitError);
  // More than are kept.
  for (let i = 3; i < 9; i++) assert.equal(show(series(2_048 * i)), expected(series(2_048 * i)));
  assert.equal(show(series(0)), expected(series(0)));
  assert.equal(show([["b", "_id", "a"]]), expected([["b", "_id", "a"]]));
});
