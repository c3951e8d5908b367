import assert from "node:assert/strict";
import fc from "fast-check";
import type { HistogramValue, MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { Ingester } from "../../common/ingest/ingester.ts";
import { countLeftOut } from "../../common/ingest/sample_rules.ts";
import { type ServerAbilities, UNKNOWN_SERVER } from "../../common/ingest/server_abilities.ts";
import { OutgoingPushes } from "../../client/outgoing.ts";
import { anonymize } from "../../client/transforms/anonymize.ts";
import { dropEmpty } from "../../client/transforms/drop_empty.ts";
import { Account, countSamples, pipeline } from "../../client/transforms/pipeline.ts";
import { removeLongLabels } from "../../client/transforms/remove_long_labels.ts";
import { rename } from "../../client/transforms/rename.ts";
import { setLabels } from "../../client/transforms/set_labels.ts";
import { sortByTimestamp } from "../../client/transforms/sort_by_timestamp.ts";
import { RENDER_RULES } from "../support/render_rules.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;

/** Families as a careless or hostile source might send them; short alphabets make collisions likely. */
const anyFamilies: fc.Arbitrary<MetricFamily[]> = fc.array(
  fc.record({
    name: fc.constantFrom("", "a", "b", "a_count", "ALERTS", "my.metric", "é"),
    type: fc.constantFrom("counter" as const, "gauge" as const, "untyped" as const, "summary" as const, undefined),
    metrics: fc.array(fc.record({
      labels: fc.array(
        fc.record({
          name: fc.constantFrom("", "x", "y", "_id", "label.x", "label_x", "quantile", "__name__", "l".repeat(256)),
          value: fc.constantFrom("", "1", "2", "é".repeat(128)),
        }),
        { maxLength: 4 },
      ),
      value: fc.constantFrom(1, NaN, undefined, { count: 1, sum: 1, quantiles: [] }),
      timestampMs: fc.option(fc.integer({ min: NOW - 100_000_000, max: NOW + 1_000_000 }), { nil: undefined }),
    })),
  }),
  { maxLength: 6 },
);

/** All rules, then what leaves. */
function prepare(given: readonly MetricFamily[], server: ServerAbilities) {
  const account = new Account();
  const kept = pipeline([
    setLabels(new Map([["y", "label"]]), { origin: "--label" }),
    rename(new Map([["ALERTS", "a"]])),
    removeLongLabels,
    dropEmpty,
    sortByTimestamp,
    anonymize({ labels: ["x"], salt: "salt" }),
  ])(given, account);
  const outgoing = new OutgoingPushes().prepare(kept, { labels: IDENTITY, server, nowMs: NOW }, account);
  return { kept, outgoing, account };
}

const IDENTITY = new Map([["_id", "me"]]);
const OURS: ServerAbilities = { ...UNKNOWN_SERVER, takesUtf8Names: true, takesNativeHistograms: true };

Deno.test("OutgoingPushes.prepare() sends any timestamp, and none, to a server that counts ages from the arrival", () => {
  const times = [NOW - 100_000_000, NOW + 100_000_000, undefined];
  const metrics = times.map((timestampMs, i) => ({ labels: [{ name: "i", value: `${i}` }], value: 1, timestampMs }));
  const given: MetricFamily[] = [{ name: "up", type: "gauge", metrics }];
  assert.equal(countSamples(prepare(given, OURS).outgoing.families), 0);
  const server = { ...OURS, takesAnyTimestamps: true };
  assert.equal(countSamples(prepare(given, server).outgoing.families), 3);
});

Deno.test("OutgoingPushes.prepare() leaves a histogram that contradicts itself out for a server that takes no native ones", () => {
  const [name, labels] = ["a", [{ name: "_id", value: "me" }]];
  const good: HistogramValue = { count: 1, sum: 1, buckets: [{ upperBound: Infinity, count: 1 }] };
  const metrics = [{ labels, value: undefined, fault: "histogram" as const, timestampMs: NOW }];
  const others = [{ labels: [...labels, { name: "x", value: "1" }], value: good, timestampMs: NOW }];
  const given: MetricFamily[] = [{ name, type: "histogram", metrics: [...metrics, ...others] }];
  for (const server of [OURS, UNKNOWN_SERVER]) {
    const { outgoing } = prepare(given, server);
    assert.equal(countSamples(outgoing.families), 1);
    assert.equal(countLeftOut(outgoing.leftOut), 1);
  }
});

/** What a server of ours leaves out of families. */
function leftOutByServer(families: readonly MetricFamily[]) {
  const encoded = encodeFamilies(families);
  if (encoded.length === 0) return [];
  const rules = { ...RENDER_RULES, limits: { maxFamilies: 1_000, maxSeries: 1_000, maxLabels: 64 } };
  const { leftOut } = new Ingester(rules).ingest(encoded, { identity: IDENTITY, nowMs: NOW });
  return [...leftOut].map(([rule, { count }]) => [rule, count] as const);
}

for (const [what, server] of [["our server", OURS], ["a server that says nothing", UNKNOWN_SERVER]] as const) {
  Deno.test(`OutgoingPushes.prepare() drops exactly what the server would, for ${what}, and accounts for every sample`, () => {
    const seen = { lost: 0, sent: 0 };
    fc.assert(fc.property(anyFamilies, (given) => {
      const { outgoing: { families, encoded, leftOut }, account } = prepare(given, server);
      assert.deepEqual(leftOutByServer(families), []);
      assert.deepEqual(encoded, encodeFamilies(families));
      const series = new Set<string>();
      for (const { name, type, metrics } of families) {
        assert.ok(type !== undefined && metrics.length > 0);
        if (server === UNKNOWN_SERVER) assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/);
        for (const { labels, value, timestampMs } of metrics) {
          assert.ok(timestampMs !== undefined && value !== undefined);
          const byName = new Map(labels.map((label) => [label.name, label.value]));
          assert.deepEqual([byName.size, byName.get("_id"), byName.get("y")], [labels.length, "me", "label"]);
          assert.ok(["", undefined, "3JDPB96QfMxk", "28RXmuKzqyky"].includes(byName.get("x")), byName.get("x"));
          const key = JSON.stringify([name, ...[...byName].filter(([, text]) => text !== "").sort()]);
          assert.ok(!series.has(key));
          series.add(key);
        }
      }
      const dropped = account.entries().filter(({ effect }) => effect === "dropped");
      assert.equal(countSamples(given) - countSamples(families), dropped.reduce((sum, { count }) => sum + count, 0));
      seen.lost += countLeftOut(leftOut);
      seen.sent += countSamples(families);
    }));
    assert.ok(seen.lost > 50 && seen.sent > 50, JSON.stringify(seen));
  });
}

Deno.test("OutgoingPushes.prepare() finds by the server's rules what a server finds in what was to be sent", () => {
  fc.assert(fc.property(anyFamilies, (given) => {
    const { kept, outgoing: { leftOut } } = prepare(given, OURS);
    const labelled = setLabels(IDENTITY, { origin: "" })(kept, new Account());
    const wanted = dropEmpty(labelled);
    // What has no type that can be written does not come to a server.
    const found = [...leftOut].filter(([rule]) => rule !== "family_type");
    assert.deepEqual(found.map(([rule, { count }]) => [rule, count]), leftOutByServer(wanted));
  }));
});

Deno.test("OutgoingPushes.prepare() sends names of any UTF-8 and native histograms to who takes them, and to nobody else", () => {
  const native: HistogramValue = {
    count: 1,
    sum: 2.5,
    buckets: [],
    isFloat: true,
    native: {
      schema: 0,
      zeroThreshold: 0,
      zeroCount: 0,
      positive: { spans: [{ offset: 0, length: 1 }], counts: [1] },
      negative: { spans: [], counts: [] },
    },
  };
  const sample = { labels: [{ name: "label.x", value: "v" }], timestampMs: NOW };
  const given: MetricFamily[] = [
    { name: "my.metric", type: "gauge", metrics: [{ ...sample, value: 1 }] },
    { name: "h", type: "histogram", metrics: [{ ...sample, value: native }] },
  ];
  const namesFor = (server: ServerAbilities) =>
    prepare(given, server).outgoing.families.map(({ name, metrics }) => `${name} ${metrics[0].labels[0].name}`);
  assert.deepEqual(namesFor(OURS), ["my.metric label.x", "h label.x"]);
  assert.deepEqual(namesFor(UNKNOWN_SERVER), ["my_metric label_x"]);
});

Deno.test("OutgoingPushes.prepare() counts what the server would be too late to show, by the server's clock", () => {
  const sample = { labels: [], value: 1 };
  const given: MetricFamily[] = [{
    name: "x",
    type: "gauge",
    metrics: [{ ...sample, timestampMs: NOW - 600_001 }, {
      labels: [{ name: "a", value: "b" }],
      value: 1,
      timestampMs: NOW,
    }],
  }];
  const { stale, families } = prepare(given, { ...OURS, ttlMs: 600_000 }).outgoing;
  assert.deepEqual([stale, countSamples(families)], [1, 2]);
});
