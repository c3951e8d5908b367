/**
 * What a server shows of a push, worked out from families as objects and from the rules in words: an independent reading of
 * what `server/ingest/` and `server/exposition/` do on bytes.
 *
 * @module
 */

import type { Label, MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";
import { type ExpositionFamily, seriesKey } from "./exposition_parser.ts";

/** What the server does to series. */
export interface SeriesRules {
  /** Labels that are set on every series, over what it has. */
  readonly set: ReadonlyMap<string, string>;
  /** Labels that are removed. */
  readonly elide: ReadonlySet<string>;
  /** Whether a sample of this family, with the labels it came with, is kept. */
  readonly keeps: (family: string, labels: ReadonlyMap<string, string>) => boolean;
  /** When the push came, and the page is read, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** How long samples are shown. */
  readonly ttlMs: number;
}

/** No rules but the TTL. */
export function plainRules({ nowMs, ttlMs }: { nowMs: number; ttlMs: number }): SeriesRules {
  return { set: new Map(), elide: new Set(), keeps: () => true, nowMs, ttlMs };
}

type Lines = [key: string, value: number][];

/**
 * The lines of the page by {@linkcode seriesKey}, of pushed families. The last sample of a series stands, and one without a
 * timestamp is of now.
 */
export function expectedSeries(families: readonly MetricFamily[], rules: SeriesRules): Map<string, number> {
  const shown = new Map<string, { lines: Lines; timestampMs: number }>();
  for (const { name, type, metrics } of families) {
    for (const { labels, value, timestampMs = rules.nowMs } of metrics) {
      const own = new Map(labels.map((label) => [label.name, label.value]));
      if (!rules.keeps(name, own)) continue;
      const line = (suffix: string, number: number, point: [string, string][] = []): Lines[number] => [
        seriesKey(name + suffix, [...ruled(own, rules), ...point]),
        number,
      ];
      const lines: Lines = [];
      if (typeof value === "number") lines.push(line("", value));
      else if (value !== undefined) {
        if ("quantiles" in value) {
          for (const { quantile, value: at } of value.quantiles) {
            lines.push(line("", at, [["quantile", number(quantile)]]));
          }
        } else {
          for (const { upperBound, count } of value.buckets) {
            lines.push(line("_bucket", count, [["le", number(upperBound)]]));
          }
          if (value.buckets.at(-1)?.upperBound !== Infinity) lines.push(line("_bucket", value.count, [["le", "+Inf"]]));
        }
        lines.push(line("_sum", value.sum), line("_count", value.count));
      }
      shown.set(seriesKey(`${name} ${type === "histogram" || type === "summary"}`, ruled(own, rules)), {
        lines,
        timestampMs,
      });
    }
  }
  const fresh = [...shown.values()].filter(({ timestampMs }) =>
    Math.min(timestampMs, rules.nowMs) >= rules.nowMs - rules.ttlMs
  );
  return new Map(fresh.flatMap(({ lines }) => lines));
}

/**
 * The families of a text as objects. Undefined where the lines of a sample differ in their timestamps, of which the server
 * takes the last: a sample has one.
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
      if (parts.timestampMs !== timestampMs) return undefined;
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
          ? { sum, count, buckets: points.map(([upperBound, count]) => ({ upperBound, count })) }
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

function ruled(labels: ReadonlyMap<string, string>, { set, elide }: SeriesRules): Map<string, string> {
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
