/**
 * Sets labels on every sample: those of `--label`, and later those that the server gave with the token.
 *
 * @module
 */

import type { Label } from "../../common/exposition/metric_family.ts";
import type { Transform } from "./pipeline.ts";

/**
 * Sets each label on every sample, in the place of the one that has its name, else behind all others. `origin` is what
 * the account calls the rule, with the label's name behind it.
 */
export function setLabels(labels: ReadonlyMap<string, string>, { origin }: { origin: string }): Transform {
  const added = [...labels].map(([name, value]): Label => ({ name, value }));
  // By labels that come again with every scrape.
  const known = new WeakMap<readonly Label[], readonly Label[]>();
  const mergedWith = (labels: readonly Label[]) => {
    let merged = known.get(labels);
    if (merged === undefined) known.set(labels, merged = merge(labels, added));
    return merged;
  };
  return (families, account) => {
    if (added.length === 0) return families;
    let count = 0;
    const labelled = families.map((family) => {
      count += family.metrics.length;
      return {
        ...family,
        metrics: family.metrics.map((metric) => ({ ...metric, labels: mergedWith(metric.labels) })),
      };
    });
    for (const { name } of added) account.add(`${origin} ${name}`, "labelled", count);
    return labelled;
  };
}

/** A label that comes twice under an added name comes out once: the server refuses a sample that repeats a name. */
function merge(existing: readonly Label[], added: readonly Label[]): Label[] {
  const missing = new Map(added.map((label) => [label.name, label]));
  const names = new Set(missing.keys());
  const merged: Label[] = [];
  for (const label of existing) {
    if (!names.has(label.name)) merged.push(label);
    else {
      const replacement = missing.get(label.name);
      if (replacement) merged.push(replacement);
      missing.delete(label.name);
    }
  }
  merged.push(...missing.values());
  return merged;
}
