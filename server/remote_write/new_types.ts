/**
 * What a request says of the types of metrics, of which only what is news has to be merged.
 *
 * @module
 */

import { isDistribution, type MetricType } from "../../common/exposition/metric_family.ts";
import type { Block } from "../../common/ingest/ingested_push.ts";

/** The types that are not known yet of metrics that a cluster shows, or is about to. */
export function newTypesOf(
  types: ReadonlyMap<string, MetricType>,
  shown: readonly (readonly Block[])[],
): ReadonlyMap<string, MetricType> {
  if (types.size === 0) return types;
  const news = new Map<string, MetricType>();
  for (const { name, type } of shown.flat()) {
    const told = types.get(name) ?? counterOf(name, types);
    if (told !== undefined && told !== type && !isDistribution(type)) news.set(name, told);
  }
  return news;
}

/** The type of a counter that OpenMetrics names without the ending that its series has. */
function counterOf(name: string, types: ReadonlyMap<string, MetricType>): MetricType | undefined {
  const ENDING = "_total";
  return name.endsWith(ENDING) && types.get(name.slice(0, -ENDING.length)) === "counter" ? "counter" : undefined;
}
