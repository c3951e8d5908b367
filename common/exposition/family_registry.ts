/**
 * Counters and gauges of a program that has a few of them, kept as the families that its page shows.
 *
 * @module
 */
// The server, which counts at every request, has prom-client: that is the faster one, and takes 13 MB.

import type { Label, Metric, MetricFamily } from "./metric_family.ts";

/** What a metric is called and means. */
export interface MetricInfo {
  /** Its name. */
  readonly name: string;
  /** What it counts or measures, in a sentence. */
  readonly help: string;
}

/** Labels by their names, in the order in which they are shown. */
export type LabelValues = Readonly<Record<string, string>>;

/** The numbers of one metric, by labels. */
export class Numbers {
  readonly #metrics = new Map<string, Metric>();

  /** Adds to a number, which is 0 at first. */
  add(by: number, labels: LabelValues = {}): void {
    const key = keyOf(labels);
    const before = this.#metrics.get(key)?.value;
    this.#metrics.set(key, metricOf(labels, by + (typeof before === "number" ? before : 0)));
  }

  /** Puts another number in the place of one. */
  set(value: number, labels: LabelValues = {}): void {
    this.#metrics.set(keyOf(labels), metricOf(labels, value));
  }

  /** The numbers as samples, in the order in which they first came up. */
  get metrics(): readonly Metric[] {
    return [...this.#metrics.values()];
  }
}

/** The metrics of one program. */
export class FamilyRegistry {
  readonly #families: (() => MetricFamily)[] = [];

  /** Adds a counter, which somebody only adds to. Without labels it is 0 at once. */
  counter(info: MetricInfo, { labelled = false }: { labelled?: boolean } = {}): Pick<Numbers, "add"> {
    return this.#numbers({ ...info, type: "counter" }, labelled);
  }

  /** Adds a gauge. Without labels it is 0 at once. */
  gauge(info: MetricInfo, { labelled = false }: { labelled?: boolean } = {}): Pick<Numbers, "set"> {
    return this.#numbers({ ...info, type: "gauge" }, labelled);
  }

  /** Adds a family that is read whenever the page is shown. */
  read(family: () => MetricFamily): void {
    this.#families.push(family);
  }

  /** All families as they are now, in the order in which they were added. */
  families(): MetricFamily[] {
    return this.#families.map((read) => read());
  }

  #numbers(about: Omit<MetricFamily, "metrics">, labelled: boolean): Numbers {
    const numbers = new Numbers();
    if (!labelled) numbers.set(0);
    this.read(() => ({ ...about, metrics: [...numbers.metrics] }));
    return numbers;
  }
}

/** A sample with these labels. */
export function metricOf(labels: LabelValues, value: number): Metric {
  return { labels: Object.entries(labels).map(([name, value]): Label => ({ name, value })), value };
}

function keyOf(labels: LabelValues): string {
  return JSON.stringify(labels);
}
