/** What an encoder knows of the series of clusters changes nothing in what it writes. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { MetricFamily, MetricType } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import type { TimedFamilies } from "../../../common/ingest/sample_runs.ts";
import { Kernel } from "../../../common/kernel/kernel.ts";
import { type KnownSeries, NOTHING_KNOWN, WriteEncoder } from "../../../common/remote_write/write_encoder.ts";
import { WRITE_VERSIONS, type WriteVersion } from "../../../common/remote_write/write_fields.ts";
import { type WriteRequest, WriteRequests } from "../../../common/remote_write/write_requests.ts";
import { NOW, RULES } from "../../support/ingest_push.ts";
import { ownThreadMs } from "../../support/processor_time.ts";
import { decodeWriteRequest, type ReadSeries } from "../../support/write_request_oracle.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS = { maxFamilies: 100, maxSeries: 100_000, maxLabels: 64 };

/** Takes pushes of clusters in, with samples noted as numbers or not, and keys of series by a seed. */
function ingester({ notesSamples = true, seed = 7 }: { notesSamples?: boolean; seed?: number } = {}) {
  const kernel = new Kernel();
  kernel.exports.seedSeriesHash(seed);
  const made = new Ingester({ ...RULES, maxTextBytes: 1e9, limits: LIMITS, notesSamples }, kernel);
  return (id: string, families: readonly MetricFamily[]): TimedFamilies => {
    const metricsOf = ({ metrics }: MetricFamily) =>
      metrics.map((metric) => ({ ...metric, labels: [...metric.labels, { name: "_id", value: id }] }));
    const bytes = new Uint8Array(encodeFamilies(families.map((one) => ({ ...one, metrics: metricsOf(one) }))));
    const push = made.ingest(bytes, { identity: new Map([["_id", id]]), nowMs: NOW });
    const { text, runs, natives, samples } = push;
    return { ...push, text: text.slice(), runs: runs.slice(), natives: natives.slice(), samples: samples.slice() };
  };
}

/** Requests of the families of clusters, with what is known of each from turn to turn, and what they say. */
class Clusters {
  readonly #encoder = new WriteEncoder();
  readonly #known = new Map<string, KnownSeries>();

  send(turn: ReadonlyMap<string, TimedFamilies>, version: WriteVersion): ReadSeries[][] {
    return this.write(turn, version).map(({ body }) => decodeWriteRequest(body, version));
  }

  write(turn: ReadonlyMap<string, TimedFamilies>, version: WriteVersion): readonly WriteRequest[] {
    const requests = new WriteRequests(this.#encoder, version);
    for (const [id, families] of turn) {
      this.#known.set(id, requests.addFamilies(families, { known: this.known(id) }));
    }
    return requests.finish();
  }

  known(id: string): KnownSeries {
    return this.#known.get(id) ?? NOTHING_KNOWN;
  }
}

/** What an encoder says that has never seen anything. */
function sentAnew(turn: ReadonlyMap<string, TimedFamilies>, version: WriteVersion): ReadSeries[][] {
  const requests = new WriteRequests(new WriteEncoder(), version);
  for (const families of turn.values()) requests.addFamilies(families);
  return requests.finish().map(({ body }) => decodeWriteRequest(body, version));
}

const VALUE = fc.oneof(
  { weight: 4, arbitrary: fc.nat(400).map((i) => `pod-${i}`) },
  fc.constantFrom("", "x", "xy", 'x"', "é\n", "x".repeat(100), `${"x".repeat(99)}y`, "x".repeat(255)),
);
const NAMES = ["A", "a", "instance", "job", "pod", ...Array.from({ length: 30 }, (_, i) => `l${i}`)];
/** Few labels, or as many as make the content of a series longer than a byte says. */
const LABELS = fc.tuple(
  fc.subarray(NAMES, { maxLength: 5 }),
  fc.boolean(),
  fc.array(VALUE, { minLength: 40, maxLength: 40 }),
)
  .map(([few, isMany, values]) => (isMany ? NAMES : few).map((name, i) => ({ name, value: values[i] })));
const SERIES = fc.array(LABELS, { minLength: 1, maxLength: 40 });
const NUMBER = fc.oneof(fc.double(), fc.nat(9), fc.constantFrom(NaN, Infinity, -0, 1e300));
const TIME = fc.oneof(fc.constant(NOW), fc.integer({ min: NOW - 3_600_000, max: NOW }), fc.constantFrom(0, 1, 2 ** 35));

/** A push of some of the series, each with a value, in any order. */
const PICK = fc.record({
  types: fc.array(fc.constantFrom<MetricType>("gauge", "counter", "untyped", "histogram"), {
    minLength: 2,
    maxLength: 2,
  }),
  order: fc.array(fc.nat(39), { maxLength: 60 }),
  numbers: fc.array(fc.tuple(NUMBER, TIME), { minLength: 1, maxLength: 60 }),
}, { noNullPrototype: true });

Deno.test("WriteEncoder writes the same whatever it knows of the series of its clusters", () => {
  const turns = fc.tuple(SERIES, fc.array(fc.tuple(PICK, PICK), { minLength: 2, maxLength: 5 }), fc.boolean());
  fc.assert(
    fc.property(turns, fc.constantFrom(...WRITE_VERSIONS), ([pool, turns, notesSamples], version) => {
      const take = ingester({ notesSamples }), clusters = new Clusters();
      for (const picks of turns) {
        const turn = new Map(picks.map((pick, i) => [`cluster-${i}`, take(`cluster-${i}`, familiesOf(pick, pool))]));
        assert.deepEqual(clusters.send(turn, version), sentAnew(turn, version));
      }
    }),
    { numRuns: 200 },
  );
});

function familiesOf(
  { types, order, numbers }: typeof PICK extends fc.Arbitrary<infer T> ? T : never,
  pool: readonly MetricFamily["metrics"][number]["labels"][],
): MetricFamily[] {
  return types.map((type, family) => ({
    name: `family_${family}`,
    type,
    metrics: order.map((at, i) => {
      const [value, timestampMs] = numbers[i % numbers.length];
      const labels = pool[at % pool.length];
      const own = type === "histogram" ? { count: 3, sum: value, buckets: [{ upperBound: 1, count: i % 4 }] } : value;
      return { labels, value: own, timestampMs: Math.max(timestampMs, NOW - 3_600_000 * 20) };
    }),
  }));
}

/** A push of so many series. */
function gauges(
  count: number,
  { from = 0, value = (i: number) => i }: { from?: number; value?: (i: number) => number } = {},
) {
  const metrics = Array.from({ length: count }, (_, i) => ({
    labels: [{ name: "pod", value: `pod-${from + i}` }, { name: "zone", value: `zone-${(from + i) % 3}` }],
    value: value(i),
    timestampMs: NOW - 1_000 + i % 7,
  }));
  return [{ name: "x", type: "gauge" as const, metrics }];
}

for (const version of WRITE_VERSIONS) {
  Deno.test(`WriteEncoder begins another request amid series that it knows, by ${version}`, () => {
    const take = ingester(), clusters = new Clusters();
    for (let i = 0; i < 3; i++) {
      const turn = new Map([["a", take("a", gauges(3_000, { value: (j) => i + j }))], ["b", take("b", gauges(9_000))]]);
      const sent = clusters.send(turn, version);
      assert.deepEqual(sent.map(({ length }) => length), [5_000, 5_000, 2_000]);
      assert.deepEqual(sent, sentAnew(turn, version));
    }
  });
}

for (const version of WRITE_VERSIONS) {
  Deno.test(`WriteEncoder writes clusters of more strings than it numbers, by ${version}`, () => {
    const take = ingester(), clusters = new Clusters();
    const metrics = Array.from({ length: 5_000 }, (_, i) => ({
      labels: Array.from({ length: 10 }, (_, j) => ({ name: `l${j}`, value: `${i * 7 % 5_000}-${j % 9}` })),
      value: i,
      timestampMs: NOW,
    }));
    const turn = new Map(["a", "b"].map((id) => [id, take(id, [{ name: "x", type: "gauge", metrics }])]));
    for (let i = 0; i < 2; i++) {
      const sent = clusters.send(turn, version).flat();
      assert.equal(sent.length, 10_000);
      assert.deepEqual(sent, sentAnew(turn, version).flat());
      const values = sent.map(({ labels }) => Object.fromEntries(labels));
      assert.ok(values.every(({ l0, l8, l9 }) => l0 === l9 && l8.split("-")[0] === l0.split("-")[0]));
    }
    assert.equal(clusters.known("a"), NOTHING_KNOWN);
  });
}

Deno.test("WriteEncoder knows the series of a cluster after the first time, and reads no line of them again", () => {
  const take = ingester(), clusters = new Clusters();
  const push = take("a", gauges(500));
  clusters.send(new Map([["a", push]]), "2.0");
  const known = clusters.known("a");
  assert.equal(known.count, 500);
  // Whatever the lines say: nobody looks.
  const blank = { ...take("a", gauges(500, { value: (i) => 2 * i })), text: push.text.slice().fill(0x0a) };
  const [series] = clusters.send(new Map([["a", blank]]), "2.0");
  assert.equal(clusters.known("a"), known);
  assert.deepEqual(
    series.map(({ samples: [{ value }] }) => value).toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 500 }, (_, i) => 2 * i),
  );
  assert.ok(
    series.every(({ labels: [[, name], [, id], [, pod]] }) => name === "x" && id === "a" && pod.startsWith("pod-")),
  );
});

Deno.test("WriteEncoder takes up series that are new, and forgets all once most have gone", () => {
  const take = ingester(), clusters = new Clusters();
  const send = (count: number, from: number) => {
    const turn = new Map([["a", take("a", gauges(count, { from }))]]);
    assert.deepEqual(clusters.send(turn, "2.0"), sentAnew(turn, "2.0"));
    return clusters.known("a").count;
  };
  assert.deepEqual([send(100, 0), send(100, 50), send(100, 50), send(100, 300), send(100, 300), send(100, 300)], [
    100,
    150,
    150,
    0,
    100,
    100,
  ]);
});

Deno.test("WriteEncoder takes a series for another one whose value moves to a label of nearly the same name", () => {
  const take = ingester(), clusters = new Clusters();
  const send = (job: string, pod: string) => {
    const labels = [{ name: "exported_job", value: job }, { name: "exported_pod", value: pod }];
    const turn = new Map([[
      "a",
      take("a", [{ name: "x", type: "gauge", metrics: [{ labels, value: 1, timestampMs: NOW }] }]),
    ]]);
    assert.deepEqual(clusters.send(turn, "2.0"), sentAnew(turn, "2.0"));
    return turn.get("a")!.blocks[0].seriesHash;
  };
  assert.notEqual(send("y", ""), send("", "y"));
});

Deno.test("WriteEncoder takes no longer for as many strings as it numbers than for a few more or less", () => {
  const take = ingester(), turn = new Map<string, TimedFamilies>();
  const timeMs = (strings: number) => {
    // Each string comes several times, so that all are looked up when the last has its number.
    const metrics = Array.from({ length: 10_000 }, (_, i) => ({
      labels: Array.from(
        { length: 10 },
        (_, j) => ({ name: `l${j}`, value: `${(i * 10 + j * (1 + (i * 10 / strings | 0))) % strings}` }),
      ),
      value: 1,
      timestampMs: NOW,
    }));
    turn.set("a", take("a", [{ name: "x", type: "gauge", metrics }]));
    const clusters = new Clusters(), before = ownThreadMs();
    clusters.write(turn, "2.0");
    return ownThreadMs() - before;
  };
  timeMs(20_000);
  // Beside names of labels, the metric's and its own, and the cluster's.
  const usualMs = timeMs(30_000);
  for (let strings = 32_752; strings < 32_758; strings++) assert.ok(timeMs(strings) < 5 * usualMs + 50, `${strings}`);
});

Deno.test("WriteEncoder knows series of two shapes that come by turns", () => {
  const take = ingester(), clusters = new Clusters();
  const metrics = Array.from({ length: 9_000 }, (_, i) => ({
    labels: Array.from({ length: 8 + i % 2 }, (_, j) => ({ name: `l${j}`, value: `${j === 0 ? i : 0}` })),
    value: i,
    timestampMs: NOW,
  }));
  for (let i = 0; i < 2; i++) {
    const turn = new Map([["a", take("a", [{ name: "x", type: "gauge", metrics }])]]);
    assert.deepEqual(clusters.send(turn, "2.0"), sentAnew(turn, "2.0"));
    assert.equal(clusters.known("a").count, 9_000);
  }
});

Deno.test("WriteEncoder keeps no series by the keys of rules that hold no more", () => {
  const clusters = new Clusters();
  const counts = [1, 1, 2, 2, 2].map((seed) => {
    const turn = new Map([["a", ingester({ seed })("a", gauges(100))]]);
    assert.deepEqual(clusters.send(turn, "2.0"), sentAnew(turn, "2.0"));
    return clusters.known("a").count;
  });
  assert.deepEqual(counts, [100, 100, 0, 100, 100]);
});

Deno.test("WriteEncoder reads the lines of two series that have one key, and keeps nothing of their cluster", () => {
  const take = ingester(), clusters = new Clusters();
  const push = take("a", gauges(10));
  clusters.send(new Map([["a", push]]), "2.0");
  const samples = push.samples!.slice();
  samples.copyWithin(4 * 5, 0, 2);
  const forged = new Map([["a", { ...push, samples }]]);
  assert.deepEqual(clusters.send(forged, "2.0"), sentAnew(forged, "2.0"));
  assert.equal(clusters.known("a"), NOTHING_KNOWN);
});
