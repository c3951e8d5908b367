/**
 * What a server shows of a push, worked out from families as objects and from the rules in words: an independent reading of
 * what `common/ingest/` and `server/exposition/` do on bytes.
 *
 * @module
 */

import {
  type HistogramValue,
  isDistribution,
  type Label,
  type MetricFamily,
  type MetricType,
} from "../../common/exposition/metric_family.ts";
import { type ExpositionFamily, seriesKey } from "./exposition_parser.ts";

/** What the server does to the series that it keeps. */
export interface SeriesRules {
  /** Labels that are set on every series, over what it has. */
  readonly set: ReadonlyMap<string, string>;
  /** Labels that are removed. */
  readonly elide: ReadonlySet<string>;
  /** When the push came, and the page is read, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** How long samples are shown. */
  readonly ttlMs: number;
  /** Whether samples age from their timestamps on, and not from their arrival. */
  readonly honorTimestamps: boolean;
}

/** No rules but the TTL. */
export function plainRules({ nowMs, ttlMs }: { nowMs: number; ttlMs: number }): SeriesRules {
  return { set: new Map(), elide: new Set(), nowMs, ttlMs, honorTimestamps: true };
}

/** What the page shows of a push. */
export interface ExpectedSeries {
  /** Lines by {@linkcode seriesKey}, without those of native histograms. */
  readonly lines: ReadonlyMap<string, number>;
  /** Native histograms by type and {@linkcode seriesKey}. */
  readonly natives: ReadonlyMap<string, ExpectedNative>;
  /** Samples that later ones of their series replaced. */
  readonly duplicates: number;
  /** Lines that are too old to be shown. */
  readonly stale: number;
}

/** A native histogram. */
export interface ExpectedNative {
  /** Whose it is. */
  readonly family: Pick<MetricFamily, "name" | "type">;
  /** As they are shown. */
  readonly labels: ReadonlyMap<string, string>;
  /** What protobuf says of it. */
  readonly value: HistogramValue;
  /** What text says of it. */
  readonly lines: Lines;
}

/** Lines by {@linkcode seriesKey}. */
export type Lines = [key: string, value: number][];

/** A sample and what it is shown as. */
interface Shown {
  readonly family: MetricFamily & { readonly type: MetricType };
  readonly labels: ReadonlyMap<string, string>;
  readonly native?: HistogramValue;
  readonly lines: Lines;
  readonly timestampMs: number;
}

/** What is shown of families. The last sample of a series stands, and one without a timestamp is of now. */
export function expectedSeries(families: readonly MetricFamily[], rules: SeriesRules): ExpectedSeries {
  const { nowMs, ttlMs, honorTimestamps } = rules;
  const shown = new Map<string, Shown>();
  let samples = 0;
  for (const family of families) {
    const { name, type, metrics } = family;
    if (type === undefined) continue;
    for (const { labels: given, value, timestampMs = nowMs } of metrics) {
      if (value === undefined) continue;
      samples++;
      const labels = ruled(new Map(given.map((label) => [label.name, label.value])), rules);
      // The samples of summaries and histograms are told apart by the line that has their count.
      shown.set(seriesKey(`${name} ${isDistribution(type)}`, labels), {
        family: { ...family, type },
        labels,
        ...(typeof value === "object" && "native" in value && value.native ? { native: value } : {}),
        lines: linesOf({ name, labels, value }),
        timestampMs: honorTimestamps ? timestampMs : nowMs,
      });
    }
  }
  const isFresh = ({ timestampMs }: Shown) => Math.min(timestampMs, nowMs) >= nowMs - ttlMs;
  const fresh = [...shown.values()].filter(isFresh);
  return {
    lines: new Map(fresh.filter(({ native }) => native === undefined).flatMap(({ lines }) => lines)),
    natives: new Map(fresh.flatMap(({ family, labels, native, lines }) => {
      const key = `${family.type} ${seriesKey(family.name, labels)}`;
      return native === undefined ? [] : [[key, { family, labels, value: native, lines }] as const];
    })),
    duplicates: samples - shown.size,
    stale: [...shown.values()].filter((one) => !isFresh(one)).reduce((sum, { lines }) => sum + lines.length, 0),
  };
}

function linesOf({ name, labels, value }: {
  name: string;
  labels: ReadonlyMap<string, string>;
  value: NonNullable<MetricFamily["metrics"][number]["value"]>;
}): Lines {
  const line = (suffix: string, number: number, point: [string, string][] = []): Lines[number] => [
    seriesKey(name + suffix, [...labels, ...point]),
    number,
  ];
  if (typeof value === "number") return [line("", value)];
  // Where floats differ by rounding alone, the last bucket is the count.
  const last = "buckets" in value && value.isFloat ? value.buckets.at(-1) : undefined;
  const count = last !== undefined && (last.upperBound === Infinity || last.count > value.count)
    ? last.count
    : value.count;
  const points = "quantiles" in value
    ? value.quantiles.map(({ quantile, value: at }) => line("", at, [["quantile", number(quantile)]]))
    : value.buckets.map(({ upperBound, count }) => line("_bucket", count, [["le", number(upperBound)]]));
  if ("buckets" in value && value.buckets.at(-1)?.upperBound !== Infinity) {
    points.push(line("_bucket", count, [["le", "+Inf"]]));
  }
  return [...points, line("_sum", value.sum), line("_count", count)];
}

/**
 * The families of a text as objects. Undefined where the lines of a sample differ in their timestamps, of which the server
 * takes the last: a sample has one. And where one is no exact number, which the server takes for none.
 */
export function familiesOfText(page: ReadonlyMap<string, ExpositionFamily>): MetricFamily[] | undefined {
  const families: MetricFamily[] = [];
  for (const { name, type, samples } of page.values()) {
    const point = type === "histogram" ? "le" : type === "summary" ? "quantile" : undefined;
    const metrics = new Map<string, Parts>();
    for (const { name: lineName, labels, value, timestampMs } of samples.values()) {
      const own = [...labels].filter(([label]) => label !== point);
      const key = seriesKey(point === undefined ? lineName : name, own);
      const parts = metrics.get(key) ??
        { labels: own.map(([name, value]) => ({ name, value })), timestampMs, points: [], sum: 0, count: 0, value };
      if (parts.timestampMs !== timestampMs || !Number.isSafeInteger(timestampMs ?? 0)) return undefined;
      const at = point === undefined ? undefined : labels.get(point);
      if (at !== undefined) parts.points.push([numberOf(at), value]);
      else if (lineName === `${name}_sum`) parts.sum = value;
      else parts.count = value;
      metrics.set(key, parts);
    }
    families.push({
      name,
      type: type as MetricType,
      metrics: Array.from(metrics.values(), ({ labels, timestampMs, points, sum, count, value }) => ({
        labels,
        timestampMs,
        value: type === "histogram"
          ? {
            sum,
            count,
            buckets: points.map(([upperBound, count]) => ({ upperBound, count })),
            ...([count, ...points.map(([, count]) => count)].every(Number.isInteger) ? {} : { isFloat: true }),
          }
          : type === "summary"
          ? { sum, count, quantiles: points.map(([quantile, value]) => ({ quantile, value })) }
          : value,
      })),
    });
  }
  return families;
}

interface Parts {
  readonly labels: readonly Label[];
  readonly timestampMs: number | undefined;
  readonly points: [key: number, value: number][];
  sum: number;
  count: number;
  readonly value: number;
}

function ruled(
  labels: ReadonlyMap<string, string>,
  { set, elide }: Pick<SeriesRules, "set" | "elide">,
): Map<string, string> {
  const ruled = new Map([...labels, ...set]);
  for (const name of elide) ruled.delete(name);
  return ruled;
}

/** A number in a label, as Go writes it: in exponential form, of two digits at least, below 1e-04 and from 1e+06 on. */
function number(value: number): string {
  if (Object.is(value, -0)) return "-0";
  if (Math.abs(value) === Infinity) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}
