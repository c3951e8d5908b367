/**
 * Gives families names that every reader takes, for those that do not take every name.
 *
 * @module
 */

import { type Label, LINE_SUFFIXES, type Metric, type MetricFamily, type MetricType } from "./metric_family.ts";
import {
  escapeLabelName,
  escapeMetricName,
  isClassicLabelName,
  isClassicMetricName,
  METRIC_NAME_LABEL,
} from "./names.ts";

/** Two names that become one by underscores, and what is left out for it. */
export interface NameCollision {
  /**
   * What is left out: a label of a sample that stays; a sample, as another one has the same name and labels; or the samples
   * of a family, as another one of the name has another type.
   */
  readonly what: "label" | "sample" | "family";
  /** The name of the metric as it was. */
  readonly metric: string;
  /** Of a label, its name as it was. */
  readonly label?: string;
  /** What both would be called. */
  readonly escaped: string;
  /** The labels of the sample as they were. */
  readonly labels: readonly Label[];
}

type OnCollision = (collision: NameCollision) => void;

/** A sample with the labels that it gets. */
interface Sample {
  readonly metric: Metric;
  /** As it was. */
  readonly given: { readonly name: string; readonly labels: readonly Label[] };
  /** Whether nothing of it was escaped, its metric's name included. */
  readonly isClassic: boolean;
}

/** A family with the name that it gets. */
interface Draft extends Omit<MetricFamily, "metrics" | "type"> {
  type: MetricType | undefined;
  readonly samples: Sample[];
  /** Whether it had that name before. */
  readonly isClassic: boolean;
}

const ONE_NUMBER: ReadonlySet<MetricType | undefined> = new Set(["counter", "gauge", "untyped"]);

/**
 * Writes underscores for what is not classic in the names of families and labels, as Prometheus does for who does not take
 * every name.
 *
 * Where names become one by that, the classic name stands. Of the labels of a sample that become one, the one with the least
 * name stands. Families of one name are joined, as untyped if their samples are one number each and their types differ; any
 * other that does not fit to one with the name of its lines is left out. Of samples that become one series, the first stands.
 * All that is left out is reported. What is classic stays as it is.
 */
export function escapeFamilies(
  families: Iterable<MetricFamily>,
  onCollision: (collision: NameCollision) => void,
): MetricFamily[] {
  const drafts = Array.from(families, (family) => draftOf(family, onCollision));
  const names = new LineNames();
  const kept = new Set<Draft>();
  /** The first of each name among those that can be joined. */
  const firsts = new Map<string, Draft>();
  // Classic names first, since they stand wherever they are.
  for (const draft of [...drafts.filter((one) => one.isClassic), ...drafts.filter((one) => !one.isClassic)]) {
    const { name, type, samples, isClassic } = draft;
    const key = `${ONE_NUMBER.has(type) ? "number" : type}\n${name}`;
    const first = firsts.get(key);
    if (names.take(draft) || isClassic) {
      if (first === undefined || isClassic) {
        kept.add(draft);
        if (first === undefined) firsts.set(key, draft);
      } else {
        if (first.type !== type) first.type = "untyped";
        first.samples.push(...samples);
      }
    } else {
      for (const { given } of samples) {
        onCollision({ what: "family", metric: given.name, escaped: name, labels: given.labels });
      }
    }
  }
  return drafts.filter((draft) => kept.has(draft)).map((draft) => {
    const { name, help, type, unit } = draft;
    const rest = { ...(help === undefined ? {} : { help }), type, ...(unit === undefined ? {} : { unit }) };
    return { name, ...rest, metrics: withoutRepeats(draft, onCollision) };
  });
}

function draftOf({ metrics, ...family }: MetricFamily, onCollision: OnCollision): Draft {
  const isClassic = isClassicMetricName(family.name);
  const samples = metrics.map((metric): Sample => {
    const given = { name: family.name, labels: metric.labels };
    if (metric.labels.every(({ name }) => isClassicLabelName(name))) return { metric, given, isClassic };
    return { metric: { ...metric, labels: escapeLabels(given, onCollision) }, given, isClassic: false };
  });
  return { ...family, name: escapeMetricName(family.name), samples, isClassic };
}

function escapeLabels({ name: metric, labels }: Sample["given"], onCollision: OnCollision): Label[] {
  const taken = new Set([METRIC_NAME_LABEL, ...labels.map(({ name }) => name).filter(isClassicLabelName)]);
  const escaped = new Map<string, string>();
  for (const label of labels.map(({ name }) => name).filter((name) => !isClassicLabelName(name)).sort()) {
    const name = escapeLabelName(label);
    if (taken.has(name)) onCollision({ what: "label", metric, label, escaped: name, labels });
    else escaped.set(label, name);
    taken.add(name);
  }
  return labels.flatMap((label) => {
    const name = isClassicLabelName(label.name) ? label.name : escaped.get(label.name);
    return name === undefined ? [] : [{ name, value: label.value }];
  });
}

/** Who has the names of lines. */
class LineNames {
  readonly #takers = new Map<string, string>();

  /** Takes the names of a family's lines; false if another that does not fit has one of them. */
  take(draft: Draft): boolean {
    const names = lineNames(draft);
    const fits = names.every(([name, taker]) => (this.#takers.get(name) ?? taker) === taker);
    if (fits) { for (const [name, taker] of names) this.#takers.set(name, taker); }
    return fits;
  }
}

/** The names of a family's lines, each with what fits to it. A histogram that is native alone has no lines. */
function lineNames({ name, type, samples }: Draft): [name: string, taker: string][] {
  if (type === undefined) return [];
  if (ONE_NUMBER.has(type)) return [[name, "a number"]];
  const isNative = samples.every(({ metric: { value } }) =>
    typeof value === "object" && "native" in value && value.native !== undefined && value.buckets.length === 0
  );
  if (isNative) return [];
  const parts = LINE_SUFFIXES[type].filter((part) => part !== "");
  return [[name, type], ...parts.map((part): [string, string] => [name + part, `${type} ${name}`])];
}

function withoutRepeats({ name, samples }: Draft, onCollision: OnCollision): Metric[] {
  const escaped = samples.filter(({ isClassic }) => !isClassic);
  const seen = escaped.length === 0 ? undefined : new Set(samples.filter((one) => one.isClassic).map(seriesOf));
  return samples.filter((sample) => {
    if (seen === undefined || sample.isClassic) return true;
    const series = seriesOf(sample);
    const isNew = !seen.has(series);
    seen.add(series);
    if (!isNew) {
      const { given } = sample;
      onCollision({ what: "sample", metric: given.name, escaped: name, labels: given.labels });
    }
    return isNew;
  }).map(({ metric }) => metric);
}

/** What two samples of one series have in common: their labels, whatever the order, but for empty ones. */
function seriesOf({ metric: { labels } }: Sample): string {
  const pairs = labels.filter(({ value }) => value !== "").map(({ name, value }) => [name, value]);
  return JSON.stringify(pairs.sort(([a], [b]) => a < b ? -1 : 1));
}
