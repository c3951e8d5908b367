/**
 * Renames families: `--rename OLD=NEW`.
 *
 * @module
 */

import type { MetricFamily, MetricType } from "../../common/exposition/metric_family.ts";
import type { Transform } from "./pipeline.ts";

const ONE_NUMBER: ReadonlySet<MetricType | undefined> = new Set(["counter", "gauge", "untyped"]);

/**
 * Renames families by a table from old to new names, each once: a new name is not looked up again.
 *
 * A family that gets a name which another has is joined with it, since a page shows each name once. Where their types
 * differ but carry one number each, the result is untyped; a histogram or summary stays apart from what is not its like.
 */
export function rename(names: ReadonlyMap<string, string>): Transform {
  return (families, account) => {
    for (const [from, to] of names) account.add(ruleOf(from, to), "renamed", 0);
    const taken = new Set<string>();
    const renamed = families.map((family) => {
      const to = names.get(family.name);
      if (to === undefined) return family;
      taken.add(to);
      account.add(ruleOf(family.name, to), "renamed", family.metrics.length);
      return { ...family, name: to };
    });
    return taken.size === 0 ? families : joinNamesakes(renamed, taken);
  };
}

function ruleOf(from: string, to: string): string {
  return `--rename ${from}=${to}`;
}

function joinNamesakes(families: readonly MetricFamily[], names: ReadonlySet<string>): MetricFamily[] {
  const joined: MetricFamily[] = [];
  const places = new Map<string, number>();
  for (const family of families) {
    const place = names.has(family.name) ? places.get(family.name) : undefined;
    const first = place === undefined ? undefined : joined[place];
    const type = first && commonType(first.type, family.type);
    if (place !== undefined && first && type) {
      joined[place] = { ...first, type, metrics: [...first.metrics, ...family.metrics] };
    } else {
      places.set(family.name, joined.length);
      joined.push(family);
    }
  }
  return joined;
}

function commonType(one: MetricType | undefined, other: MetricType | undefined): MetricType | undefined {
  if (one === other) return one;
  return ONE_NUMBER.has(one) && ONE_NUMBER.has(other) ? "untyped" : undefined;
}
