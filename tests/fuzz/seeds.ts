/**
 * What mutations start from: parts of a realistic push, with histograms and summaries beside them.
 *
 * @module
 */

import type { Label, Metric, MetricFamily } from "../../common/exposition/metric_family.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import type { Random } from "../support/random.ts";

/** Whose push, and how long. */
export interface SeedOptions {
  /** The labels that every series must have. */
  readonly identity: ReadonlyMap<string, string>;
  /** The most samples. */
  readonly maxSamples: number;
}

/** Good pushes, as many as one likes. */
export class Seeds {
  readonly #nowMs: number;
  readonly #realistic: readonly MetricFamily[];

  /** Prepares pushes whose samples were taken in the four minutes before `nowMs`. */
  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.#realistic = realisticFamilies({ id: "", nowMs });
  }

  /** The families of one good push, some of those that there can be. */
  families(random: Random, { identity, maxSamples }: SeedOptions): MetricFamily[] {
    const own: Label[] = Array.from(identity, ([name, value]) => ({ name, value }));
    const withIdentity = (labels: readonly Label[]) => [...labels.filter(({ name }) => !identity.has(name)), ...own];
    const candidates = [...this.#realistic, ...distributions(random, this.#nowMs)];
    const families: MetricFamily[] = [];
    for (let left = random.size(maxSamples); left > 0 && candidates.length > 0;) {
      const [family] = candidates.splice(random.below(candidates.length), 1);
      const metrics = family.metrics.slice(0, random.size(Math.min(left, family.metrics.length)));
      left -= metrics.length;
      families.push({
        ...family,
        ...(random.chance(0.2) ? { help: random.pick(["", "Help", "With \\ and\nline feed"]) } : {}),
        metrics: metrics.map((metric) => ({ ...metric, labels: withIdentity(metric.labels) })),
      });
    }
    return families;
  }
}

function distributions(random: Random, nowMs: number): MetricFamily[] {
  const metrics = (value: () => Metric["value"]): Metric[] =>
    Array.from({ length: 6 }, (_, i) => ({
      labels: [{ name: "code", value: String(200 + i) }, { name: "job", value: "api" }],
      value: value(),
      timestampMs: nowMs - 60_000 + 10_000 * i,
    }));
  const histogram = () => {
    let count = 0;
    const bounds = [0.005, 0.01, 0.1, 1, 2.5, 10].slice(random.below(6));
    const buckets = bounds.map((upperBound) => ({ upperBound, count: count += random.size(1_000) }));
    count += random.size(1_000);
    return {
      count,
      sum: random.unit() * count,
      buckets: random.chance(0.7) ? [...buckets, { upperBound: Infinity, count }] : buckets,
    };
  };
  const summary = () => ({
    count: random.size(100_000),
    sum: random.unit() * 1e6,
    quantiles: [0, 0.5, 0.9, 0.99, 1].slice(random.below(5)).map((quantile) => ({
      quantile,
      value: random.chance(0.1) ? NaN : random.unit(),
    })),
  });
  return [
    { name: "request_duration_seconds", type: "histogram", metrics: metrics(histogram) },
    { name: "response_size", type: "histogram", metrics: metrics(histogram) },
    { name: "rpc_duration_seconds", type: "summary", metrics: metrics(summary) },
    { name: "gc_duration_seconds", type: "summary", metrics: metrics(summary) },
  ];
}
