/**
 * What `/federate` shows of every source beside its series, so that a central Prometheus can alert on each.
 *
 * @module
 */

import type { Label, Metric, MetricFamily } from "../../common/exposition/metric_family.ts";
import type { SourceView } from "./directory.ts";
import { SOURCE_LIMITS, type SourceLimits } from "./source.ts";
import { usedOf } from "./source_state.ts";

/** How the series of sources are made. */
export interface SourceFamiliesOptions {
  /** The label that holds the cluster id. */
  readonly partitionLabel: string;
  /** Labels that every series has, if need be empty, so that a scraping Prometheus adds none of that name. */
  readonly labels: ReadonlyMap<string, string>;
  /** The limits of a push. */
  readonly limits: SourceLimits;
}

/** Sources whose series are made at a time. */
const SOURCES_A_PART = 500;

/**
 * The families of what is known of sources, each in parts of so many sources, so that other work gets its turn. A revoked source
 * is not shown.
 */
export function* sourceFamilies(
  views: Iterable<SourceView>,
  { partitionLabel, labels, limits }: SourceFamiliesOptions,
): Generator<MetricFamily> {
  const shown = [...views].filter(({ state }) => state !== "revoked");
  const labelsOf = (id: string, more: readonly Label[] = []): Label[] => {
    const own = Array.from(labels, ([name, value]): Label => ({ name, value }));
    return [...own, ...more, { name: partitionLabel, value: id }].sort((a, b) => a.name < b.name ? -1 : 1);
  };
  for (const { name, type, help, of } of FAMILIES) {
    for (let at = 0; at < shown.length; at += SOURCES_A_PART) {
      const metrics = shown.slice(at, at + SOURCES_A_PART).flatMap((view) =>
        of(view, limits).map(({ value, more }): Metric => ({ labels: labelsOf(view.source.id, more), value }))
      );
      if (metrics.length > 0) yield { name, type, help, metrics };
    }
  }
}

interface Row {
  readonly value: number;
  readonly more?: readonly Label[];
}

interface FamilyRow extends Pick<MetricFamily, "name" | "help" | "type"> {
  readonly of: (view: SourceView, limits: SourceLimits) => Row[];
}

const FAMILIES: readonly FamilyRow[] = [
  {
    name: "telemeter_source_up",
    type: "gauge",
    help: "Whether the source pushes as expected: 0 if it is silent, or if what it sent last was refused",
    of: ({ state }) => [{ value: state === "up" ? 1 : 0 }],
  },
  {
    name: "telemeter_source_last_push_timestamp_seconds",
    type: "gauge",
    help: "When the last accepted push of the source came",
    of: ({ source: { pushedAtMs } }) => pushedAtMs === 0 ? [] : [{ value: pushedAtMs / 1_000 }],
  },
  {
    name: "telemeter_source_series",
    type: "gauge",
    help: "Series of the last accepted push of the source",
    of: ({ source: { pushedAtMs, series } }) => pushedAtMs === 0 ? [] : [{ value: series }],
  },
  {
    name: "telemeter_source_skew_seconds",
    type: "gauge",
    help: "How far the newest sample of the source was behind the arrival of its push; below 0 its clock is ahead",
    of: ({ source: { pushedAtMs, skewMs } }) => pushedAtMs === 0 ? [] : [{ value: skewMs / 1_000 }],
  },
  {
    name: "telemeter_source_limit_ratio",
    type: "gauge",
    help: "How much of a limit the last accepted push of the source took",
    of: ({ source }, limits) =>
      source.pushedAtMs === 0 ? [] : SOURCE_LIMITS.map((limit) => ({
        value: usedOf(source, limit) / limits[limit],
        more: [{ name: "limit", value: limit }],
      })),
  },
  {
    name: "telemeter_source_refused_total",
    type: "counter",
    help: "How many times the source was refused",
    of: ({ source: { refusals } }) => [{ value: refusals }],
  },
];
