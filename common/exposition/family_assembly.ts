/**
 * Puts the lines of a text exposition together to families: a histogram and a summary come in many lines.
 *
 * @module
 */

import {
  isDistribution,
  type Label,
  LimitError,
  LINE_SUFFIXES,
  type Metric,
  type MetricFamily,
  type MetricType,
  type ParseLimits,
  POINT_LABEL,
  SUFFIX,
} from "./metric_family.ts";

/** One line of a text exposition. */
export interface Line {
  /** As it stands at the start of the line, with the suffix of a part. */
  readonly name: string;
  /** With the bound of a bucket, or the quantile. */
  readonly labels: readonly Label[];
  /** What was measured. */
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly timestampMs?: number;
}

/** A sample of a histogram or summary whose lines are still coming in. */
interface Distribution {
  readonly labels: readonly Label[];
  timestampMs?: number;
  count?: number;
  sum: number;
  readonly points: { readonly key: number; readonly value: number }[];
}

/** A family whose lines are still coming in. */
interface Assembly {
  readonly name: string;
  type?: MetricType;
  help?: string;
  readonly metrics: Metric[];
  readonly distributions: Map<string, Distribution>;
  /** The distribution of the line before, which mostly goes on. */
  latest?: Distribution;
}

/** Takes comments and lines in the order of the text, as `expfmt` of Go does. */
export class FamilyAssembler {
  readonly #maxFamilies: number;
  readonly #parseNumber: (text: string) => number | undefined;
  readonly #fail: (why: string) => never;
  readonly #families = new Map<string, Assembly>();

  /** `fail` throws for what is wrong with the line at hand; `parseNumber` reads a bucket's bound or a quantile. */
  constructor(
    { limits, parseNumber, fail }: {
      limits: ParseLimits;
      parseNumber: (text: string) => number | undefined;
      fail: (why: string) => never;
    },
  ) {
    this.#maxFamilies = limits.maxFamilies;
    this.#parseNumber = parseNumber;
    this.#fail = fail;
  }

  /** Takes a `# HELP`; the first of a family stands. */
  help(name: string, help: string) {
    const family = this.#find(name)?.family ?? this.#create(name);
    family.help ??= help;
  }

  /** Takes a `# TYPE`, which may come again if it says the same. */
  type(name: string, type: MetricType) {
    const found = this.#find(name);
    if (found !== undefined && found.suffix !== "") {
      this.#fail(`${name} is a part of the ${found.family.type} ${found.family.name}`);
    }
    const family = found?.family ?? this.#create(name);
    if (family.type !== undefined && family.type !== type) this.#fail(`${name} is a ${family.type} further up`);
    if (family.type === undefined && family.metrics.length > 0) {
      this.#fail(`the type of ${name} comes after its first line`);
    }
    family.type = type;
  }

  /** Takes a line. */
  add(line: Line) {
    const { family, suffix } = this.#find(line.name) ?? { family: this.#create(line.name), suffix: "" };
    const { type } = family;
    if (type === undefined || !isDistribution(type)) {
      const { labels, value, timestampMs } = line;
      family.metrics.push(timestampMs === undefined ? { labels, value } : { labels, value, timestampMs });
      return;
    }
    if (!LINE_SUFFIXES[type].includes(suffix)) {
      this.#fail(`${line.name} is a histogram, which has no line of its own name`);
    }
    const isPoint = suffix !== SUFFIX.sum && suffix !== SUFFIX.count;
    this.#addPart(line, { family, suffix, key: isPoint ? POINT_LABEL[type] : "" });
  }

  /** The families that have samples, in the order of the text. */
  finish(): MetricFamily[] {
    return Array.from(this.#families.values(), finished).filter(({ metrics }) => metrics.length > 0);
  }

  #addPart(line: Line, { family, suffix, key }: { family: Assembly; suffix: string; key: string }) {
    const at = key === "" ? -1 : line.labels.findIndex(({ name }) => name === key);
    if (key !== "" && at < 0) this.#fail(`a line of the ${family.type} ${family.name} has no label ${key}`);
    const distribution = this.#distribution(family, at < 0 ? line.labels : line.labels.toSpliced(at, 1));
    distribution.timestampMs = line.timestampMs ?? distribution.timestampMs;
    if (suffix === SUFFIX.sum) distribution.sum = line.value;
    else if (suffix === SUFFIX.count) distribution.count = this.#count(line);
    else {
      const bound = this.#parseNumber(line.labels[at].value);
      if (bound === undefined || Number.isNaN(bound)) this.#fail(`the label ${key} is not a number`);
      else distribution.points.push({ key: bound, value: suffix === SUFFIX.bucket ? this.#count(line) : line.value });
    }
  }

  /** A count as Go takes it, without its fraction; what the protobuf has no room for is refused. */
  #count({ value }: Line): number {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) this.#fail("a count is not a whole number from 0 to 2^53");
    return Math.trunc(value);
  }

  #distribution(family: Assembly, labels: readonly Label[]): Distribution {
    if (family.latest !== undefined && equal(family.latest.labels, labels)) return family.latest;
    const pairs = labels.map(({ name, value }) => [name, value]).sort(([a], [b]) => a < b ? -1 : 1);
    const key = JSON.stringify(pairs);
    let distribution = family.distributions.get(key);
    if (distribution === undefined) family.distributions.set(key, distribution = { labels, sum: 0, points: [] });
    return family.latest = distribution;
  }

  /** The family that a name belongs to: its own, else the histogram or summary that it is a part of. */
  #find(name: string): { readonly family: Assembly; readonly suffix: string } | undefined {
    const own = this.#families.get(name);
    if (own !== undefined) return { family: own, suffix: "" };
    const suffix = suffixOf(name);
    if (suffix === undefined) return undefined;
    const family = this.#families.get(name.slice(0, -suffix.length));
    const isPart = family?.type !== undefined && LINE_SUFFIXES[family.type].includes(suffix);
    return family !== undefined && isPart ? { family, suffix } : undefined;
  }

  #create(name: string): Assembly {
    if (this.#families.size === this.#maxFamilies) {
      throw new LimitError(`Cannot take more than ${this.#maxFamilies} families`);
    }
    const family: Assembly = { name, metrics: [], distributions: new Map() };
    this.#families.set(name, family);
    return family;
  }
}

function suffixOf(name: string): string | undefined {
  if (name.endsWith(SUFFIX.bucket)) return SUFFIX.bucket;
  if (name.endsWith(SUFFIX.count)) return SUFFIX.count;
  return name.endsWith(SUFFIX.sum) ? SUFFIX.sum : undefined;
}

function equal(a: readonly Label[], b: readonly Label[]): boolean {
  return a.length === b.length && a.every(({ name, value }, i) => name === b[i].name && value === b[i].value);
}

function finished({ name, type = "untyped", help, metrics, distributions }: Assembly): MetricFamily {
  const whole = Array.from(distributions.values(), ({ labels, timestampMs, count, sum, points }): Metric => {
    // Sorting is stable and cheap on what is in order, as it mostly is.
    points.sort((a, b) => a.key - b.key || 0);
    const value = type === "summary"
      ? { count: count ?? 0, sum, quantiles: points.map(({ key, value }) => ({ quantile: key, value })) }
      : {
        // What a histogram counted in all is also in its last bucket.
        count: count ?? points.at(-1)?.value ?? 0,
        sum,
        buckets: points.map(({ key, value }) => ({ upperBound: key, count: value })),
      };
    return timestampMs === undefined ? { labels, value } : { labels, value, timestampMs };
  });
  return { name, ...(help === undefined ? {} : { help }), type, metrics: [...metrics, ...whole] };
}
