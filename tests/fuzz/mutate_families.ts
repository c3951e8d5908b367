/**
 * Mutations of families as objects: pushes that are well-formed and break, or nearly break, a rule.
 *
 * @module
 */

import {
  type Label,
  type Metric,
  METRIC_TYPES,
  type MetricFamily,
  type NativeHistogram,
} from "../../common/exposition/metric_family.ts";
import type { Random } from "../support/random.ts";
import { NUMBERS, TEXTS } from "./vocabulary.ts";

const MINUTE_MS = 60_000;
/** How far from now the edges of what is accepted and shown lie: ten minutes either way, and a day back. */
const EDGES_MS: readonly number[] = [0, 10 * MINUTE_MS, -10 * MINUTE_MS, -1_440 * MINUTE_MS];
/** Families and samples are repeated at most so often, */
const MAX_REPEATS = 1_500;
/** and families with many samples less often, so that all their samples together are at most so many. */
const MAX_REPEATED_SAMPLES = 10_000;

type Mutation = (families: MetricFamily[], random: Random, nowMs: number) => void;

function replaceFamily(
  change: (family: MetricFamily, random: Random, nowMs: number) => Partial<MetricFamily>,
): Mutation {
  return (families, random, nowMs) => {
    const at = random.below(families.length);
    families[at] = { ...families[at], ...change(families[at], random, nowMs) };
  };
}

function replaceMetric(change: (metric: Metric, random: Random, nowMs: number) => Partial<Metric>): Mutation {
  return replaceFamily(({ metrics }, random, nowMs) => {
    if (metrics.length === 0) return {};
    const at = random.below(metrics.length);
    return { metrics: metrics.with(at, { ...metrics[at], ...change(metrics[at], random, nowMs) }) };
  });
}

function replaceLabels(change: (labels: Label[], random: Random) => void): Mutation {
  return replaceMetric(({ labels }, random) => {
    const changed = [...labels];
    change(changed, random);
    return { labels: changed };
  });
}

const MUTATIONS: readonly Mutation[] = [
  replaceFamily(({ name }, random) => ({
    name: random.pick([random.pick(TEXTS), `${name}_count`, `${name}_bucket`, "up"]),
  })),
  replaceFamily((_, random) => ({ type: random.pick([...METRIC_TYPES, undefined]) })),
  replaceFamily(({ type }) => ({ type: type === "histogram" ? "gauge_histogram" : "histogram" })),
  // What becomes the same name with underscores.
  replaceFamily(({ name }, random) => ({ name: name.replaceAll("_", random.pick([".", "-", "é"])) })),
  replaceFamily((_, random) => ({ help: random.pick(TEXTS), unit: random.pick(TEXTS) })),
  replaceFamily(({ metrics }) => ({ metrics: metrics.toReversed() })),
  replaceFamily(({ metrics }, random) => ({
    metrics: Array(random.size(MAX_REPEATS)).fill(metrics).flat().slice(0, MAX_REPEATS),
  })),
  replaceFamily(({ metrics }, random) => ({
    metrics: Array.from({ length: metrics.length && random.size(MAX_REPEATS) }, (_, i) => {
      const metric = metrics[metrics.length - 1];
      return { ...metric, labels: [...metric.labels, { name: "i", value: String(i) }] };
    }),
  })),
  replaceFamily(({ metrics }, random) => ({ metrics: metrics.slice(random.below(metrics.length + 1)) })),
  // Every sample under the same labels: what comes later replaces what came before.
  replaceFamily(({ metrics }) => ({ metrics: metrics.map((metric) => ({ ...metric, labels: metrics[0].labels })) })),
  (families, random) => void families.splice(random.below(families.length), 1),
  (families, random) => void families.push(random.pick(families)),
  (families, random) => void families.push({ ...random.pick(families), name: random.pick(families).name }),
  (families, random) => {
    const family = random.pick(families);
    const repeats = Math.min(random.size(MAX_REPEATS), Math.ceil(MAX_REPEATED_SAMPLES / (family.metrics.length + 1)));
    for (let i = repeats; i > 0; i--) families.push({ ...family, name: `${family.name}_${i}` });
  },
  replaceMetric((_, random) => ({ timestampMs: random.pick([undefined, 0, -1, 2 ** 53, -(2 ** 53)]) })),
  replaceMetric((_, random, nowMs) => ({ timestampMs: nowMs + random.pick(EDGES_MS) + random.between(-1, 1) })),
  replaceMetric(({ value }, random) => ({ value: mutateValue(value, random) })),
  replaceMetric(({ value }, random) => ({ value: mutateValue(value, random) })),
  replaceLabels((labels, random) => labels.push({ name: random.pick(TEXTS), value: random.pick(TEXTS) })),
  replaceLabels((labels, random) => void labels.splice(random.below(labels.length), 1)),
  replaceLabels((labels, random) => labels.push(...labels.slice(random.below(labels.length + 1)))),
  replaceLabels((labels) => labels.reverse()),
  replaceLabels((labels, random) => {
    const { name, value } = random.pick(labels) ?? { name: "x", value: "" };
    labels.push({ name: name.replaceAll("_", random.pick([".", "-", "_"])), value });
  }),
  replaceLabels((labels, random) => {
    if (labels.length === 0) return;
    const at = random.below(labels.length);
    labels[at] = { ...labels[at], [random.pick(["name", "value", "value"])]: random.pick(TEXTS) };
  }),
  replaceLabels((labels, random) => {
    for (let i = random.size(80); i > 0; i--) labels.push({ name: `l${i}`, value: random.pick(["", "v"]) });
  }),
];

function mutateValue(value: Metric["value"], random: Random): Metric["value"] {
  if (value === undefined || typeof value === "number") return random.pick([...NUMBERS, undefined]);
  const number = () => random.pick(NUMBERS);
  const isFloat = "isFloat" in value && value.isFloat === true;
  // Counts have no sign and no fraction on the wire, unless they are doubles.
  const count = () => isFloat ? number() : random.pick([0, 1, 2 ** 32, 2 ** 53 - 1]);
  const change = random.below(4);
  if (change === 0) return { ...value, count: count() };
  if (change === 1) return { ...value, sum: number() };
  if ("quantiles" in value) {
    return {
      ...value,
      quantiles: mutateList(value.quantiles, random, () => ({ quantile: number(), value: number() })),
    };
  }
  if (value.native !== undefined && random.chance(0.7)) {
    // Differences of native counts have 52 bits.
    const nativeCount = () => isFloat ? number() : random.pick([0, 1, 2 ** 32, 2 ** 50]);
    return { ...value, native: mutateNative(value.native, { random, count: nativeCount }) };
  }
  if (change === 2) return { ...value, isFloat: true };
  return { ...value, buckets: mutateList(value.buckets, random, () => ({ upperBound: number(), count: count() })) };
}

/** A native histogram that breaks a rule, or nearly. */
function mutateNative(
  native: NativeHistogram,
  { random, count }: { random: Random; count: () => number },
): NativeHistogram | undefined {
  const side = random.pick(["positive", "negative"] as const);
  const { spans, counts } = native[side];
  const span = () => ({
    offset: random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]),
    length: random.pick([0, 1, 2, 2 ** 32 - 1]),
  });
  return random.pick([
    () => undefined,
    () => ({ ...native, schema: random.pick([-53, -5, -4, 0, 8, 9, 2 ** 31 - 1]) }),
    () => ({ ...native, zeroThreshold: random.pick(NUMBERS) }),
    () => ({ ...native, zeroCount: count() }),
    () => ({ ...native, [side]: { spans: mutateList(spans, random, span), counts } }),
    () => ({ ...native, [side]: { spans, counts: mutateList(counts, random, count) } }),
    () => ({ ...native, [side]: { spans: [], counts: [] } }),
    () => ({ ...native, [side]: native[side === "positive" ? "negative" : "positive"] }),
  ])();
}

function mutateList<T>(list: readonly T[], random: Random, make: () => T): T[] {
  const at = random.below(list.length + 1);
  return random.pick([
    () => list.toSpliced(at, 1),
    () => list.toSpliced(at, 0, make()),
    () => list.toSpliced(at, 1, make()),
    () => list.toReversed(),
    () => [...list, ...list],
    () => Array.from({ length: random.size(MAX_REPEATS) }, make),
  ])();
}

/** Changes families in up to four places. */
export function mutateFamilies(
  families: readonly MetricFamily[],
  { random, nowMs }: { random: Random; nowMs: number },
): MetricFamily[] {
  const mutated = [...families];
  for (let count = random.size(5) - 1; count > 0 && mutated.length > 0; count--) {
    random.pick(MUTATIONS)(mutated, random, nowMs);
  }
  return mutated;
}
