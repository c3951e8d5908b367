/**
 * Leaves each series once.
 *
 * @module
 */

import type { Label, MetricFamily } from "../../common/exposition/metric_family.ts";
import type { Account } from "./pipeline.ts";

/**
 * Leaves the last sample of each series, and drops families that this empties. Two samples are of one series if their
 * families share a name and their labels are the same, whatever their order and not counting empty ones. Such twins come
 * about when a label is removed for its length, a family is renamed, or a label set over what told them apart.
 */
export function dedupe(families: readonly MetricFamily[], account: Account): MetricFamily[] {
  const seenOf = new Map<string, Set<string>>();
  const kept: MetricFamily[] = [];
  for (const family of families.toReversed()) {
    const seen = seenOf.get(family.name) ?? new Set<string>();
    seenOf.set(family.name, seen);
    const metrics = family.metrics.toReversed().filter(({ labels }) => {
      const size = seen.size;
      return seen.add(keyOf(labels)).size > size;
    });
    const dropped = family.metrics.length - metrics.length;
    if (dropped > 0) {
      const why = "rules have made several series one: label them apart, or drop what is not wanted";
      account.drop({ rule: "dedupe (series comes again later)", metric: family.name, why }, dropped);
    }
    if (metrics.length === family.metrics.length) kept.push(family);
    else if (metrics.length > 0) kept.push({ ...family, metrics: metrics.reverse() });
  }
  return kept.reverse();
}

/** The keys of labels that come again with every scrape. */
const keys = new WeakMap<readonly Label[], string>();

function keyOf(labels: readonly Label[]): string {
  let key = keys.get(labels);
  if (key === undefined) keys.set(labels, key = newKeyOf(labels));
  return key;
}

function newKeyOf(labels: readonly Label[]): string {
  let key = "";
  // Lengths stand before the texts, which may hold any character, so that no two series share a key.
  for (const { name, value } of labels.toSorted((a, b) => Number(a.name > b.name) - Number(a.name < b.name))) {
    if (value !== "") key += ` ${name.length} ${name} ${value.length} ${value}`;
  }
  return key;
}
