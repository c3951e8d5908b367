/**
 * What mutations start from: parts of a realistic push, with histograms and summaries of every kind beside them.
 *
 * @module
 */

import type { Label, MetricFamily } from "../../common/exposition/metric_family.ts";
import { realisticFamilies } from "../support/realistic_push.ts";
import type { Random } from "../support/random.ts";
import { seedDistributions } from "./seed_distributions.ts";

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
    const candidates = [...this.#realistic, ...seedDistributions(random, this.#nowMs)];
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
