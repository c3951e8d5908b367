/**
 * Which samples of a push a server keeps, and which rules the others break, worked out from families as objects and from the
 * rules in words: an independent reading of what `common/ingest/` does on bytes.
 *
 * @module
 */

import type { HistogramValue, Metric, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";
import type { SampleRule } from "../../common/ingest/sample_rules.ts";

/** What a server demands of samples. */
export interface KeepRules {
  /** The labels of the token, which every series must have. */
  readonly identity: ReadonlyMap<string, string>;
  /** Whether a sample of this family, with the labels it came with, is on the allow-list. */
  readonly keeps: (family: string, labels: ReadonlyMap<string, string>) => boolean;
  /** The most labels of a series. */
  readonly maxLabels: number;
  /** The longest name of a metric or a label, and value of a label, in bytes. */
  readonly maxTextBytes: number;
  /** When the push came, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** How old a timestamp may be, in milliseconds. */
  readonly maxAgeMs: number;
  /** How far a timestamp may be ahead, in milliseconds. */
  readonly maxAheadMs: number;
  /** Whether timestamps count at all. */
  readonly honorTimestamps: boolean;
}

/** What becomes of the samples of a push. */
export interface KeptSamples {
  /** The families with what is left of them; native histograms among that which have no lines in text are told apart. */
  readonly families: readonly MetricFamily[];
  /** Of each sample that is left out, the rules that it breaks, any of which may be the one that is told. */
  readonly leftOut: readonly ReadonlySet<SampleRule>[];
  /** How many samples came. */
  readonly received: number;
  /** How many samples the allow-list drops. */
  readonly dropped: number;
  /**
   * What is to become of the push as a whole, by the labels of the token: refused for a sample that is fine but for them;
   * either where they are wrong on a sample that breaks a rule as well.
   */
  readonly identity: "right" | "wrong" | "wrong where a rule is broken";
  /** Whether lines of other families have the names that the lines of a native histogram would have. */
  readonly hidesLines: (family: Pick<MetricFamily, "name" | "type">) => boolean;
}

const LINE_ENDINGS: Readonly<Record<MetricType, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  summary: ["", "_sum", "_count"],
  histogram: ["_bucket", "_sum", "_count"],
  gauge_histogram: ["_bucket", "_sum", "_count"],
};
const HISTOGRAMS: ReadonlySet<MetricType | undefined> = new Set(["histogram", "gauge_histogram"]);
/** What stands for the families of one line a sample, which may share their names with each other. */
const SINGLE = "a number";

const utf8 = new TextEncoder();

/** Goes through the samples in the order in which they came. */
export function keptSamples(families: readonly MetricFamily[], rules: KeepRules): KeptSamples {
  const names = new Map<string, string>();
  const kept: MetricFamily[] = [];
  const leftOut: Set<SampleRule>[] = [];
  let received = 0, dropped = 0;
  let identity: KeptSamples["identity"] = "right";
  for (const family of families) {
    const { name, type } = family;
    // Whether a family collides is settled by those before it; a histogram is no obstacle to itself.
    const collides = hasOtherTaker(names, family);
    const metrics: Metric[] = [];
    for (const metric of family.metrics) {
      received++;
      const broken = new Set([...brokenByFamily(family, rules), ...brokenBySample(metric, { type, rules })]);
      const isNative = typeof metric.value === "object" && "native" in metric.value &&
        metric.value.native !== undefined;
      if (collides && !isNative) broken.add("family_collision");
      if (!hasIdentity(metric, rules)) {
        if (broken.size === 0) identity = "wrong";
        else if (identity === "right") identity = "wrong where a rule is broken";
      }
      if (broken.size > 0) leftOut.push(broken);
      else if (rules.keeps(name, new Map(metric.labels.map((label) => [label.name, label.value])))) {
        metrics.push(metric);
        // Native histograms have no lines by right: they yield to who has.
        if (!isNative) { for (const line of lineNames(family)) names.set(line, takerOf(family)); }
      } else dropped++;
    }
    kept.push({ ...family, metrics });
  }
  return { families: kept, leftOut, received, dropped, identity, hidesLines: (family) => hasOtherTaker(names, family) };
}

type Named = Pick<MetricFamily, "name" | "type">;

function lineNames({ name, type }: Named): string[] {
  return type === undefined ? [] : LINE_ENDINGS[type].map((ending) => name + ending);
}

function takerOf({ name, type }: Named): string {
  return type === undefined || LINE_ENDINGS[type].length === 1 ? SINGLE : `the ${type} ${name}`;
}

function hasOtherTaker(names: ReadonlyMap<string, string>, family: Named): boolean {
  return lineNames(family).some((line) => (names.get(line) ?? takerOf(family)) !== takerOf(family));
}

function brokenByFamily({ name, type }: MetricFamily, { maxTextBytes }: KeepRules): SampleRule[] {
  if (name === "" || !isText(name, maxTextBytes)) return ["family_name"];
  // The lines of a histogram begin with its name and an underscore.
  if (`${underscored(name)}_`.startsWith("telemeter_source_")) return ["reserved_name"];
  return type === undefined ? ["family_type"] : [];
}

/** A name as readers of classic names alone see it, of a metric or, without colons, of a label. */
function underscored(name: string, other = /[^\w:]/gu): string {
  return name.replace(other, "_").replace(/^\d/, "_");
}

function isText(text: string, maxBytes: number): boolean {
  return text.isWellFormed() && utf8.encode(text).length <= maxBytes;
}

function brokenBySample(
  { labels, value, fault, timestampMs }: Metric,
  { type, rules }: { type: MetricType | undefined; rules: KeepRules },
): SampleRule[] {
  const { maxLabels, maxTextBytes, honorTimestamps, nowMs, maxAgeMs, maxAheadMs } = rules;
  const broken: SampleRule[] = [];
  if (labels.length > maxLabels) broken.push("labels");
  if (honorTimestamps && timestampMs === undefined) broken.push("timestamp");
  if (honorTimestamps && timestampMs! < nowMs - maxAgeMs) broken.push("too_old");
  if (honorTimestamps && timestampMs! > nowMs + maxAheadMs) broken.push("too_new");
  // Nobody can tell whether a value is there as well.
  if (fault === "unknown_field") broken.push("unknown_field", "value");
  // A sample of a type that has no points has its own rule for what it lacks.
  else if (value === undefined) broken.push(fault ?? "value");
  const own = HISTOGRAMS.has(type) ? "le" : type === "summary" ? "quantile" : "__name__";
  const isTaken = (name: string) => !rules.identity.has(name) && rules.identity.has(underscored(name, /\W/gu));
  const isName = (name: string) =>
    name !== "" && name !== "__name__" && name !== own && isText(name, maxTextBytes) && !isTaken(name);
  if (!labels.every(({ name }) => isName(name))) broken.push("label_name");
  if (!labels.every(({ value }) => isText(value, maxTextBytes))) broken.push("label_value");
  if (new Set(labels.map(({ name }) => name)).size < labels.length) broken.push("duplicate_label");
  if (typeof value === "object") {
    if ("quantiles" in value) {
      const isSound = isExact(value.count) && ascend(value.quantiles.map(({ quantile }) => quantile)) &&
        value.quantiles.every(({ quantile }) => quantile >= 0 && quantile <= 1);
      if (!isSound) broken.push("summary");
    } else if (!isSoundHistogram(value)) broken.push("histogram");
  }
  return broken;
}

/** The labels of the token, each once and with its value. What has too many labels is not looked at so far. */
function hasIdentity({ labels }: Metric, { identity }: KeepRules): boolean {
  return identity.entries().every(([name, value]) => {
    const values = labels.filter((label) => label.name === name).map((label) => label.value);
    return values.length === 1 && values[0] === value;
  });
}

function ascend(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => !Number.isNaN(number) && (i === 0 || number > numbers[i - 1]));
}

/** Whether a number may be a count: beyond 2^53 they are not exact. */
function isExact(count: number): boolean {
  return count >= 0 && count <= Number.MAX_SAFE_INTEGER;
}

/** How far sums of doubles may be apart, relatively. */
const ROUNDING = 1e-9;

function isSoundHistogram(value: HistogramValue): boolean {
  const { count, sum, buckets, isFloat = false, native } = value;
  const equals = (a: number, b: number) => isFloat ? Math.abs(a - b) <= ROUNDING * b : a === b;
  const counts = buckets.map(({ count }) => count);
  const last = counts.at(-1) ?? 0;
  const isClassicSound = ascend(buckets.map(({ upperBound }) => upperBound)) &&
    counts.every((count, i) => isExact(count) && (i === 0 || count >= counts[i - 1])) &&
    (last <= count || equals(last, count)) && (buckets.at(-1)?.upperBound !== Infinity || equals(last, count));
  if (!isExact(count) || !isClassicSound) return false;
  if (native === undefined) return true;
  const { schema, zeroThreshold, zeroCount, positive, negative } = native;
  if (!(schema >= -4 && schema <= 8 && zeroThreshold >= 0 && isExact(zeroCount))) return false;
  for (const { spans, counts } of [positive, negative]) {
    if (spans.some(({ offset }, i) => i > 0 && offset < 0) || !counts.every(isExact)) return false;
    if (spans.reduce((sum, { length }) => sum + length, 0) !== counts.length) return false;
  }
  if (isFloat) return true;
  const inBuckets = [...positive.counts, ...negative.counts].reduce((sum, count) => sum + count, zeroCount);
  // An observation of NaN is in no bucket, and makes the sum NaN.
  return Number.isNaN(sum) ? inBuckets <= count : inBuckets === count;
}
