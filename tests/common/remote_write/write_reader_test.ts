import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isDistribution,
  LimitError,
  type Metric,
  type MetricFamily,
  type MetricType,
} from "../../../common/exposition/metric_family.ts";
import { decodeFamilies } from "../../../common/exposition/protobuf.ts";
import { Losses } from "../../../common/ingest/losses.ts";
import { WRITE_VERSIONS, type WriteVersion } from "../../../common/remote_write/write_fields.ts";
import type { WriteLimits } from "../../../common/remote_write/write_limits.ts";
import { type ReadWriteOptions, WriteReader } from "../../../common/remote_write/write_reader.ts";
import { oracleDecode } from "../../support/metric_family_oracle.ts";
import {
  type OracleHistogram,
  type OracleSeries,
  oracleWriteRequest,
  STALE,
} from "../../support/write_request_oracle.ts";
import { field } from "../../support/wire_bytes.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const LIMITS: WriteLimits = { maxSeries: 1e3, maxFamilies: 1e3, maxLabels: 64, maxBytes: 1e6 };
const UNLIMITED = { maxFamilies: Infinity, maxSeries: Infinity, maxLabels: Infinity };

const reader = new WriteReader(LIMITS);

interface Read {
  readonly values: MetricFamily[];
  readonly ended: MetricFamily[];
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  readonly replaced: number;
  readonly lost: { readonly samples: number; readonly histograms: number };
  readonly rules: Record<string, number>;
  readonly types: Record<string, string>;
}

function read(
  series: readonly OracleSeries[] | Uint8Array,
  { version = "1.0", metadata, identity = {}, by = reader }: {
    version?: WriteVersion;
    metadata?: { type: number; metricFamilyName: string }[];
    identity?: Record<string, string>;
    by?: WriteReader;
  } = {},
): Read {
  const losses = new Losses();
  const bytes = series instanceof Uint8Array ? series : oracleWriteRequest(series, { version, metadata });
  const options: ReadWriteOptions = {
    version,
    identity: new Map(Object.entries(identity)),
    losses,
  };
  const { values, ended, samples, histograms, exemplars, replaced, leftOut, types: told } = by.read(bytes, options);
  return {
    values: decodeFamilies(values, UNLIMITED),
    ended: decodeFamilies(ended, UNLIMITED),
    ...{ samples, histograms, exemplars, replaced, lost: leftOut },
    rules: Object.fromEntries(Array.from(losses.leftOut, ([rule, { count }]) => [rule, count])),
    types: Object.fromEntries(told),
  };
}

const labels = (texts: Record<string, string>) => Object.entries(texts).map(([name, value]) => ({ name, value }));

const PLAIN = { noNullPrototype: true };
const text = fc.string({ unit: "binary", maxLength: 200 });
const name = fc.constantFrom("up", "node_cpu", "ünï", "x_bucket");
const value = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, NaN, Infinity),
);
const timestamp = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: -5, max: 2 ** 48 }));
const spans = fc.array(fc.record({ offset: fc.integer({ min: 0, max: 9 }), length: fc.constant(1) }, PLAIN), {
  maxLength: 4,
});
const histogram: fc.Arbitrary<OracleHistogram> = fc.tuple(
  fc.record({ sum: fc.double({ noNaN: true }), schema: fc.integer({ min: -4, max: 8 }), timestamp }),
  fc.tuple(spans, spans, fc.integer({ min: 1, max: 999 }), fc.boolean(), fc.boolean()),
).map(([common, [positiveSpans, negativeSpans, count, isFloat, isGauge]]) => ({
  ...common,
  zeroThreshold: 0.001,
  ...isFloat ? { countFloat: count + 0.5, zeroCountFloat: 1.5 } : { countInt: count, zeroCountInt: 1 },
  positiveSpans,
  negativeSpans,
  ...isFloat
    ? { positiveCounts: positiveSpans.map((_, i) => i + 0.5), negativeCounts: negativeSpans.map(() => 2) }
    : { positiveDeltas: positiveSpans.map((_, i) => i), negativeDeltas: negativeSpans.map(() => 0) },
  resetHint: isGauge ? 3 : 0,
}));
const oneSeries: fc.Arbitrary<OracleSeries> = fc.record({
  labels: fc.tuple(
    name,
    fc.uniqueArray(fc.record({ name: text, value: text }, PLAIN), {
      maxLength: 6,
      selector: (label) => label.name,
    }),
  ).map((
    [name, others],
  ) => [...others.filter((other) => other.name !== "__name__"), { name: "__name__", value: name }]),
  samples: fc.array(fc.record({ value, timestamp }), { maxLength: 3 }),
  histograms: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(histogram, { maxLength: 2 })),
  exemplars: fc.integer({ min: 0, max: 2 }),
});

/** The same, at times with labels that the token has as well. */
const withIdentity: fc.Arbitrary<OracleSeries> = fc.tuple(
  oneSeries,
  fc.constantFrom<Record<string, string>>({}, { _id: "a" }, { _id: "b" }, { _id: "a", job: "x" }),
  fc.constantFrom(undefined, STALE),
  fc.constantFrom(undefined, 0, 1, 2, 3),
).map(([{ labels: own, samples, ...rest }, more, stale, type]) => ({
  ...rest,
  labels: [...own, ...labels(more)],
  samples: stale === undefined ? samples : samples?.map(({ timestamp }) => ({ value: stale, timestamp })),
  type,
}));

/** A field of a request that nobody knows: what makes one unusual, and changes nothing. */
const UNKNOWN = [0x78, 1];

/** Families in an order of their own, as that in which they come says nothing, but that those of histograms come last. */
function ordered(families: readonly MetricFamily[]): MetricFamily[] {
  const keyOf = (family: MetricFamily) => `${rankOf(family)} ${family.name} ${family.type}`;
  const ranks = families.map(rankOf);
  assert.deepEqual(ranks, ranks.toSorted());
  return families.toSorted((a, b) => keyOf(a) < keyOf(b) ? -1 : 1);
}

/** What a request is, worked out from objects. */
function expected(series: readonly OracleSeries[]): MetricFamily[] {
  const families = new Map<string, MetricFamily & { metrics: Metric[] }>();
  const nameOf = ({ labels }: OracleSeries) => labels.findLast(({ name }) => name === "__name__")!.value;
  for (const one of series) {
    const all = [...one.samples!, ...one.histograms!];
    if (all.length === 0) continue;
    const newest = all.reduce((best, next) => next.timestamp >= best.timestamp ? next : best);
    const type: MetricType = "value" in newest ? "untyped" : newest.resetHint === 3 ? "gauge_histogram" : "histogram";
    const name = nameOf(one);
    const key = `${type} ${name}`;
    const found = families.get(key) ?? { name, type, metrics: [] };
    families.set(key, found);
    found.metrics.push({
      labels: one.labels.filter(({ name }) => name !== "__name__"),
      value: "value" in newest ? newest.value : histogramValue(newest),
      timestampMs: newest.timestamp,
    });
  }
  const ascending = ordered([...families.values()].sort((a, b) => rankOf(a) - rankOf(b)));
  for (const { metrics } of families.values()) metrics.sort((a, b) => a.timestampMs! - b.timestampMs!);
  return ascending;
}

function rankOf({ type = "untyped" }: MetricFamily): number {
  return Number(isDistribution(type));
}

function histogramValue(histogram: OracleHistogram): Metric["value"] {
  const { countInt, countFloat, sum, schema, zeroThreshold, zeroCountInt, zeroCountFloat } = histogram;
  const cumulate = (deltas: readonly number[]) => deltas.map((_, i) => deltas.slice(0, i + 1).reduce((a, b) => a + b));
  const isFloat = countFloat !== undefined;
  return {
    count: (isFloat ? countFloat : countInt)!,
    sum,
    buckets: [],
    ...isFloat ? { isFloat } : {},
    native: {
      schema,
      zeroThreshold,
      zeroCount: (isFloat ? zeroCountFloat : zeroCountInt)!,
      positive: {
        spans: histogram.positiveSpans!,
        counts: isFloat ? histogram.positiveCounts! : cumulate(histogram.positiveDeltas!),
      },
      negative: {
        spans: histogram.negativeSpans!,
        counts: isFloat ? histogram.negativeCounts! : cumulate(histogram.negativeDeltas!),
      },
    },
  };
}

for (const version of WRITE_VERSIONS) {
  Deno.test(`WriteReader reads what protobufjs writes of ${version}`, () => {
    fc.assert(
      fc.property(fc.array(oneSeries, { maxLength: 12 }), fc.boolean(), (series, isUsual) => {
        const bytes = oracleWriteRequest(series, { version });
        const got = read(isUsual ? bytes : Uint8Array.of(...UNKNOWN, ...bytes), { version });
        assert.deepEqual(ordered(got.values), expected(series));
        assert.deepEqual(got.ended, []);
        assert.equal(got.samples, series.reduce((sum, { samples }) => sum + samples!.length, 0));
        assert.equal(got.histograms, series.reduce((sum, { histograms }) => sum + histograms!.length, 0));
        assert.equal(got.exemplars, series.reduce((sum, { exemplars }) => sum + exemplars!, 0));
        const kept = got.values.reduce((sum, { metrics }) => sum + metrics.length, 0);
        assert.equal(got.replaced, got.samples + got.histograms - kept);
      }),
      { numRuns: 600 },
    );
  });

  Deno.test(`WriteReader writes families of ${version} that protobufjs reads`, () => {
    fc.assert(fc.property(fc.array(oneSeries, { maxLength: 6 }), (series) => {
      const options = { version, identity: new Map([["_id", "a"]]), losses: new Losses() };
      const { values } = reader.read(oracleWriteRequest(series, { version }), options);
      assert.deepEqual(oracleDecode(values), decodeFamilies(values, UNLIMITED));
    }));
  });

  Deno.test(`WriteReader adds the labels of the token in ${version} and leaves out what has others`, () => {
    const identity = { _id: "a", account: "1" };
    const samples = [{ value: 1, timestamp: 5 }];
    const got = read([
      { labels: labels({ __name__: "lacks", job: "x" }), samples },
      { labels: labels({ __name__: "half", account: "1" }), samples },
      { labels: labels({ __name__: "has", _id: "a", account: "1" }), samples },
      { labels: labels({ __name__: "other", _id: "b" }), samples },
      { labels: [...labels({ __name__: "twice", _id: "a" }), { name: "_id", value: "a" }], samples },
      { labels: labels({ job: "nameless" }), samples },
      { labels: [...labels({ __name__: "x" }), { name: "__name__", value: "y" }], samples },
    ], { version, identity });
    assert.deepEqual(got.values.map(({ name, metrics: [{ labels }] }) => [name, labels]), [
      ["lacks", labels({ job: "x", _id: "a", account: "1" })],
      ["half", labels({ account: "1", _id: "a" })],
      ["has", labels({ _id: "a", account: "1" })],
    ]);
    assert.deepEqual(got.rules, { identity: 2, family_name: 1, duplicate_label: 1 });
    assert.deepEqual(got.lost, { samples: 4, histograms: 0 });
  });

  Deno.test(`WriteReader tells series of ${version} that have ended from those without a number`, () => {
    const stale: OracleHistogram = { sum: STALE, schema: 0, zeroThreshold: 0, timestamp: 7 };
    const got = read([
      { labels: labels({ __name__: "up" }), samples: [{ value: 1, timestamp: 5 }, { value: STALE, timestamp: 6 }] },
      { labels: labels({ __name__: "back" }), samples: [{ value: 1, timestamp: 8 }, { value: STALE, timestamp: 6 }] },
      { labels: labels({ __name__: "nan" }), samples: [{ value: NaN, timestamp: 5 }] },
      { labels: labels({ __name__: "native" }), histograms: [stale] },
    ], { version });
    assert.deepEqual(got.values.map(({ name, metrics }) => [name, metrics[0].value]), [["back", 1], ["nan", NaN]]);
    assert.deepEqual(
      got.ended.map(({ name, type, metrics }) => [name, type, metrics[0].timestampMs]),
      [["up", "untyped", 6], ["native", "histogram", 7]],
    );
  });

  Deno.test(`WriteReader leaves out native histograms of ${version} with custom buckets`, () => {
    const custom = { countInt: 1, sum: 1, schema: -53, zeroThreshold: 0, customValues: [1, 2], timestamp: 1 };
    const got = read([{ labels: labels({ __name__: "x" }), histograms: [custom] }], { version });
    assert.deepEqual([got.values, got.rules, got.lost], [[], { unknown_field: 1 }, { samples: 0, histograms: 1 }]);
  });

  Deno.test(`WriteReader takes ${version} to its limits and no further`, () => {
    const series = (count: number, of = (i: number) => `m${i}`) =>
      Array.from({ length: count }, (_, i) => ({
        labels: labels({ __name__: of(i) }),
        samples: [{ value: 1, timestamp: 1 }],
      }));
    const by = new WriteReader({ maxSeries: 3, maxFamilies: 2, maxLabels: 2, maxBytes: 600 });
    assert.equal(read(series(3, () => "m"), { version, by }).samples, 3);
    assert.throws(() => read(series(4, () => "m"), { version, by }), LimitError);
    assert.equal(read(series(2), { version, by }).samples, 2);
    assert.throws(() => read(series(3), { version, by }), LimitError);
    const long = [{ labels: labels({ __name__: "m", a: "x".repeat(600) }), samples: [{ value: 1, timestamp: 1 }] }];
    assert.throws(() => read(long, { version, by }), {
      name: "LimitError",
      message: "Cannot take a request that becomes more than 600 bytes of families",
    });
  });

  Deno.test(`WriteReader reads a garbled request of ${version} the same whether there is something unusual in it or not`, () => {
    const identity = { _id: "a", job: "x" };
    const outcomeOf = (bytes: Uint8Array) => {
      try {
        const { values, ended, ...rest } = read(bytes, { version, identity });
        return { values: ordered(values), ended: ordered(ended), ...rest };
      } catch (error) {
        return String(error).replaceAll(/\d+/g, "#");
      }
    };
    const garbling = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(10, 18, 34, 42))), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.array(withIdentity, { maxLength: 4 }), garbling, (series, changes) => {
        const bytes = oracleWriteRequest(series, { version }).slice();
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        assert.deepEqual(outcomeOf(bytes), outcomeOf(Uint8Array.of(...UNKNOWN, ...bytes)));
      }),
      { numRuns: 2_000 },
    );
  });

  Deno.test(`WriteReader of ${version} counts native histograms towards the limits on families and on bytes`, () => {
    const native: OracleHistogram = { countInt: 1, sum: 1, schema: 0, zeroThreshold: 0, timestamp: 1 };
    const both = (value: string): OracleSeries[] => [
      { labels: labels({ __name__: "x", a: value }), samples: [{ value: 1, timestamp: 1 }] },
      { labels: labels({ __name__: "y", a: value }), histograms: [native] },
    ];
    const by = (limits: Partial<WriteLimits>) => new WriteReader({ ...LIMITS, ...limits });
    assert.throws(() => read(both("1"), { version, by: by({ maxFamilies: 1 }) }), LimitError);
    assert.throws(() => read(both("1".repeat(850)), { version, by: by({ maxBytes: 1_000 }) }), LimitError);
    assert.equal(
      read(both("1".repeat(850)), { version, by: by({ maxBytes: 2_000, maxFamilies: 2 }) }).values.length,
      2,
    );
  });

  Deno.test(`WriteReader of ${version} takes one of two times that no number tells apart as it always does`, () => {
    const series = [{
      labels: labels({ __name__: "x" }),
      samples: [{ value: 1, timestamp: 2 ** 53 + 2 }, { value: 2, timestamp: 2 ** 53 }],
    }];
    const bytes = oracleWriteRequest(series, { version });
    // An odd one, which protobufjs cannot be given.
    const at = bytes.indexOf(0x82, bytes.indexOf(0x10));
    bytes[at] = 0x81;
    const valueOf = (bytes: Uint8Array) => read(bytes, { version }).values[0].metrics[0].value;
    assert.equal(valueOf(bytes), valueOf(Uint8Array.of(...UNKNOWN, ...bytes)));
  });

  Deno.test(`WriteReader throws nothing but SyntaxErrors and LimitErrors at garbled requests of ${version}`, () => {
    fc.assert(
      fc.property(
        fc.array(oneSeries, { maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (series, changes, cut) => {
          const bytes = oracleWriteRequest(series, { version }).slice();
          for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
          try {
            read(bytes.subarray(0, bytes.length - cut % (bytes.length + 1) % 9), { version });
          } catch (error) {
            assert.ok(error instanceof SyntaxError || error instanceof LimitError, String(error));
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
}

Deno.test("WriteReader reads labels that do not stand together, in which what is not known is passed over", () => {
  const label = (name: string, value: string) => field(1, [...field(9, "?"), ...field(2, value), ...field(1, name)]);
  const sample = field(2, [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 7]);
  const bytes = Uint8Array.from(
    field(1, [...label("__name__", "up"), ...sample, ...label("a", "1"), ...field(7, "?"), ...label("b", "2")]),
  );
  const got = read(bytes, { identity: { _id: "x" } });
  assert.deepEqual(got.values, [
    {
      name: "up",
      type: "untyped",
      metrics: [{ labels: labels({ a: "1", b: "2", _id: "x" }), value: 1, timestampMs: 7 }],
    },
  ]);
});

Deno.test("WriteReader types metrics by what 2.0 says of their series", () => {
  const series = ["c", "g", "h", "unknown"].map((name, i) => ({
    labels: labels({ __name__: name }),
    samples: [{ value: 1, timestamp: 1 }],
    type: [1, 2, 3, 0][i],
  }));
  const typesOf = (version: WriteVersion) => read(series, { version }).values.map(({ type }) => type);
  assert.deepEqual(typesOf("2.0"), ["counter", "gauge", "untyped", "untyped"]);
  assert.deepEqual(typesOf("1.0"), ["untyped", "untyped", "untyped", "untyped"]);
});

Deno.test("WriteReader tells the types that 1.0 says, of metrics whose series are lines of their own", () => {
  const metadata = [1, 2, 3, 4, 5, 6, 7, 0, 99].map((type) => ({ type, metricFamilyName: `m${type}` }));
  assert.deepEqual(read([], { metadata }).types, { m1: "counter", m2: "gauge" });
});

Deno.test("WriteReader refuses references of 2.0 to symbols that there are not", () => {
  const series = (...references: number[]) => Uint8Array.from([...field(4, ""), ...field(5, field(1, references))]);
  assert.throws(() => read(series(0, 1), { version: "2.0" }), /there is no symbol 1/);
  assert.throws(() => read(series(0), { version: "2.0" }), /a label has no value/);
});
