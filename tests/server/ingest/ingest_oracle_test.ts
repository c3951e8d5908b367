/** What the server makes of a push against a rendering by strings, from the rules in words. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Label, Metric, MetricFamily, MetricType } from "../../../common/exposition/metric_family.ts";
import { Random } from "../../support/random.ts";
import { Ingester } from "../../../server/ingest/ingest.ts";
import type { IngestedPush, IngestRules } from "../../../server/ingest/ingested_push.ts";
import { InvalidPushError } from "../../../server/ingest/invalid_push.ts";
import { parseExposition } from "../../support/exposition_parser.ts";
import { oracleDecode } from "../../support/metric_family_oracle.ts";
import { delimited, double, field, integer, varint } from "../../support/wire_bytes.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;
const MAX_AGE_MS = 86_400_000;
const IDENTITY = new Map([["_id", "me"], ["tenant", 'a"b']]);
const TYPES: readonly MetricType[] = ["counter", "gauge", "summary", "untyped", "histogram"];
const VALUE_FIELD: Readonly<Record<MetricType, number>> = {
  gauge: 2,
  counter: 3,
  summary: 4,
  untyped: 5,
  histogram: 7,
  gauge_histogram: 7,
};

// From small pools, so that series repeat, label sets recur in another order, and families take each other's names.
const PLAIN = { noNullPrototype: true } as const;
const VALUE = fc.oneof(
  fc.constantFrom("", "x", "yy", "zzz", "four", 'q"', "\\", "\n", "é", "值", "😀", "0123456789abcdef", "x".repeat(255)),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const LABELS: fc.Arbitrary<Label[]> = fc.uniqueArray(
  fc.record({ name: fc.constantFrom("a", "b", "B", "_", "instance", "job", "quite_a_long_name"), value: VALUE }, PLAIN),
  { selector: ({ name }) => name, maxLength: 5 },
);
const NUMBER = fc.oneof(fc.double(), fc.nat(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity));

function valueOf(type: MetricType): fc.Arbitrary<Metric["value"]> {
  if (type === "summary") {
    return fc.tuple(fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }), fc.nat(), NUMBER).map(
      ([keys, count, sum]) => ({
        count,
        sum,
        quantiles: ascending(keys).map((quantile, i) => ({ quantile, value: i })),
      }),
    );
  }
  if (type === "histogram") {
    return fc.tuple(fc.uniqueArray(NUMBER.filter((bound) => !Number.isNaN(bound)), { maxLength: 3 }), fc.nat(9), NUMBER)
      .map(([bounds, last, sum]) => {
        const buckets = ascending(bounds).map((upperBound, i) => ({ upperBound, count: i }));
        const whole = buckets.at(-1)?.upperBound === Infinity;
        return { count: whole ? buckets.length - 1 : buckets.length + last, sum, buckets };
      });
  }
  return NUMBER;
}

function ascending(keys: readonly number[]): number[] {
  return [...new Set(keys.map((key) => key + 0))].sort((a, b) => a - b);
}

const FAMILY: fc.Arbitrary<MetricFamily> = fc.constantFrom(...TYPES).chain((type) =>
  fc.record({
    name: fc.constantFrom("x", "y", "z:z", "x_count", "x_sum", "x_bucket", "a_name_that_goes_on"),
    help: fc.option(fc.string(), { nil: undefined }),
    type: fc.constant(type),
    metrics: fc.array(
      fc.record(
        { labels: LABELS, value: valueOf(type), timestampMs: fc.integer({ min: -MAX_AGE_MS, max: 600_000 }) },
        PLAIN,
      ),
      { maxLength: 5 },
    ).map((metrics) =>
      metrics.sort((a, b) => a.timestampMs - b.timestampMs).map((metric) => ({
        ...metric,
        timestampMs: NOW + metric.timestampMs,
        labels: [...metric.labels, ...Array.from(IDENTITY, ([name, value]) => ({ name, value }))],
      }))
    ),
  })
);

const RULES: readonly Pick<IngestRules, "set" | "elide" | "always">[] = [
  { set: new Map(), elide: new Set(), always: new Set() },
  { set: new Map(), elide: new Set(["a", "B"]), always: new Set(["instance", "job"]) },
  {
    set: new Map([["a", 'set\n"'], ["zone", ""], ["job", "set"]]),
    elide: new Set(["_", "job"]),
    always: new Set(["job"]),
  },
];

const shuffled = <T>(random: Random, items: readonly T[]): T[] =>
  items.map((item) => ({ item, at: random.uint32() })).sort((a, b) => a.at - b.at).map(({ item }) => item);

/** Fields that no message has, of every wire type. */
const UNKNOWN = [integer(100, 2n ** 64n - 1n), field(101, "?"), double(102, 1), [...varint(103 * 8 + 5), 1, 2, 3, 4]];

/** Encodes families with the fields of every message in an order of no sense, and unknown ones in between. */
function encode(families: readonly MetricFamily[], random: Random): Uint8Array {
  // Repeated fields keep their order among themselves.
  const message = (single: number[][], repeated: number[][]) => {
    const all = [...single, ...repeated.map(() => undefined), ...random.chance(0.2) ? [random.pick(UNKNOWN)] : []];
    let next = 0;
    return shuffled(random, all).flatMap((one) => one ?? repeated[next++]);
  };
  const bytes: number[] = [];
  for (const { name, help, type, metrics } of families) {
    const encoded = metrics.map(({ labels, value, timestampMs }) => {
      const pairs = shuffled(random, labels).map((label) => {
        const parts = [field(1, label.name), field(2, label.value)];
        // An empty value may as well be left out.
        return field(1, message(label.value === "" && random.chance(0.5) ? parts.slice(0, 1) : parts, []));
      });
      const inner = typeof value === "number" ? message([double(1, value)], []) : "quantiles" in value!
        ? message(
          [integer(1, value.count), double(2, value.sum)],
          value.quantiles.map((q) => field(3, message([double(1, q.quantile), double(2, q.value)], []))),
        )
        : message(
          [integer(1, value!.count), double(2, value!.sum)],
          value!.buckets.map((b) => field(3, message([integer(1, b.count), double(2, b.upperBound)], []))),
        );
      return field(4, message([field(VALUE_FIELD[type!], inner), integer(6, timestampMs!)], pairs));
    });
    const own = [field(1, name), ...help === undefined ? [] : [field(2, help)], integer(3, TYPES.indexOf(type!))];
    bytes.push(...delimited(message(own, encoded)));
  }
  return new Uint8Array(bytes);
}

interface Line {
  readonly series: string;
  readonly value: number;
  readonly ageMs: number;
}

const isCompound = (type: MetricType | undefined) => type === "histogram" || type === "summary";

/** Names that the lines of a family may have, and its own. */
function namesOf({ name, type }: MetricFamily): string[] {
  if (!isCompound(type)) return [name];
  return [name, `${name}_sum`, `${name}_count`, ...type === "histogram" ? [`${name}_bucket`] : []];
}

/** Whether two families of a push cannot stand beside each other. */
function collide(one: MetricFamily, other: MetricFamily): boolean {
  const alike = one.type === other.type || (!isCompound(one.type) && !isCompound(other.type));
  if (one.name === other.name && alike) return false;
  return namesOf(one).some((name) => namesOf(other).includes(name));
}

const escaped = (value: string) => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
/** A bound or a quantile as Go writes it: in exponential form, of two digits at least, below 1e-04 and from 1e+06 on. */
const bound = (value: number) => {
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
};

/** The lines of each family, in order; the last of equal series stands. */
function render(families: readonly MetricFamily[], { set, elide, always }: (typeof RULES)[number]): Line[][] {
  const latest = new Map<string, Metric>();
  const all = families.map(({ name, type, metrics }) =>
    metrics.map((metric) => {
      const labels = new Map(metric.labels.map((label) => [label.name, label.value]));
      for (const [label, value] of set) labels.set(label, value);
      for (const label of elide) labels.delete(label);
      for (const label of always) if (!labels.has(label)) labels.set(label, "");
      const shown = [...labels].filter(([label, value]) => value !== "" || always.has(label))
        .sort(([a], [b]) => a < b ? -1 : 1).map(([label, value]) => `${label}="${escaped(value)}"`);
      const key = JSON.stringify([name, isCompound(type), shown]);
      latest.set(key, metric);
      return { key, name, metric, shown };
    })
  );
  return all.map((samples) =>
    samples.filter(({ key, metric }) => latest.get(key) === metric).flatMap(({ name, metric, shown }) => {
      const { value, timestampMs } = metric;
      const ageMs = Math.min(timestampMs!, NOW) - (NOW - MAX_AGE_MS);
      const line = (suffix: string, number: number, ...point: string[]): Line => ({
        series: `${name}${suffix}{${[...shown, ...point].join()}}`,
        value: number,
        ageMs,
      });
      if (typeof value === "number") return [line("", value)];
      const points = "quantiles" in value!
        ? value.quantiles.map((q) => line("", q.value, `quantile="${bound(q.quantile)}"`))
        : value!.buckets.map((b) => line("_bucket", b.count, `le="${bound(b.upperBound)}"`));
      if ("buckets" in value! && value.buckets.at(-1)?.upperBound !== Infinity) {
        points.push(line("_bucket", value.count, 'le="+Inf"'));
      }
      return [...points, line("_sum", value!.sum), line("_count", value!.count)];
    })
  );
}

/** The lines of a push with what its runs say of their age. */
function linesOf({ text, blocks, runs }: IngestedPush): { name: string; type: MetricType; lines: Line[] }[] {
  return blocks.map(({ name, type, start, end, firstRun, endRun }) => {
    const lines: Line[] = [];
    let run = firstRun;
    for (let at = start; at < end;) {
      const next = text.indexOf(0x0a, at) + 1;
      const line = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(text.subarray(at, next - 1));
      const space = line.lastIndexOf(" ");
      while (runs[2 * run + 1] <= at) run++;
      const value = Number(line.slice(space + 1).replace("Inf", "Infinity"));
      lines.push({ series: line.slice(0, space), value, ageMs: runs[2 * run] });
      at = next;
    }
    assert.equal(run, endRun - 1);
    return { name, type, lines };
  });
}

/** Fixed, as what is seen on the way is counted. */
const SEED = 20_261_123;

Deno.test("Ingester shows what a rendering by strings shows, whatever the order of fields and labels", () => {
  const limits = { maxFamilies: 100, maxSeries: 1_000, maxLabels: 20 };
  const ingesters = RULES.map((rules) =>
    new Ingester({
      ...rules,
      limits,
      maxLabelBytes: 255,
      maxNameBytes: 255,
      maxTextBytes: 1e6,
      maxAgeMs: MAX_AGE_MS,
      maxAheadMs: 600_000,
    })
  );
  const seen = { accepted: 0, refused: 0, duplicates: 0 };
  const family = fc.array(FAMILY, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(family, fc.nat(), fc.nat({ max: RULES.length - 1 }), (families, seed, which) => {
      const bytes = encode(families, new Random(seed));
      // The bytes say what they are meant to say.
      const sorted = ({ labels, ...metric }: Metric) => ({
        ...metric,
        labels: labels.toSorted((a, b) => a.name < b.name ? -1 : 1),
      });
      const plain = families.map(({ help, ...rest }) => ({
        ...rest,
        ...(help === undefined ? {} : { help }),
        metrics: rest.metrics.map(sorted),
      }));
      assert.deepEqual(oracleDecode(bytes).map((f) => ({ ...f, metrics: f.metrics.map(sorted) })), plain);

      const present = families.filter(({ metrics }) => metrics.length > 0);
      const ingest = () => ingesters[which].ingest(bytes, { identity: IDENTITY, nowMs: NOW });
      if (present.some((one, i) => present.slice(i + 1).some((other) => collide(one, other)))) {
        seen.refused++;
        return assert.throws(ingest, (e) => e instanceof InvalidPushError && e.reason === "family_collision");
      }
      const push = ingest();
      const expected = render(present, RULES[which]);
      const received = present.reduce((sum, { metrics }) => sum + metrics.length, 0);
      assert.deepEqual(
        linesOf(push),
        present.map(({ name, type }, i) => ({ name, type, lines: expected[i] })).filter(({ lines }) =>
          lines.length > 0
        ),
      );
      assert.equal(push.series, expected.flat().length);
      assert.equal(push.received, received);
      assert.equal(push.dropped, 0);
      assert.equal(push.baseMs, NOW - MAX_AGE_MS);
      seen.accepted++;
      seen.duplicates += push.duplicates;
      const page = push.blocks.map(({ type, name, start, end }, i, all) => {
        // One name in two blocks is one group of the page, which is not this test's to make.
        if (all.some((other, j) => j !== i && other.name === name)) return "";
        return `# TYPE ${name} ${type}\n` + new TextDecoder().decode(push.text.subarray(start, end));
      });
      parseExposition(page.join(""));
    }),
    { numRuns: 400, seed: SEED },
  );
  // Otherwise the test would show little.
  assert.ok(seen.accepted > 50 && seen.refused > 50 && seen.duplicates > 20, JSON.stringify(seen));
});
