/**
 * Removes labels that no server takes, as openshift/telemeter does: their samples stay.
 *
 * @module
 */

import type { Label, Metric, MetricFamily } from "../../common/exposition/metric_family.ts";
import { isTooLong, MAX_NAME_BYTES } from "../../common/exposition/names.ts";
import type { Account } from "./pipeline.ts";

/** Removes labels without a name, and those whose name or value has more than 255 bytes. */
export function removeLongLabels(families: readonly MetricFamily[], account: Account): MetricFamily[] {
  return families.map((family) => {
    if (family.metrics.every(({ labels }) => areShort(labels))) return family;
    return { ...family, metrics: family.metrics.map((metric) => withoutLongLabels(metric, account)) };
  });
}

/** Labels that come again with every scrape, all of which stay. */
const short = new WeakSet<readonly Label[]>();

function areShort(labels: readonly Label[]): boolean {
  if (short.has(labels)) return true;
  const areKept = labels.every(isKept);
  if (areKept) short.add(labels);
  return areKept;
}

function isKept({ name, value }: Label): boolean {
  return name !== "" && !isTooLong(name) && !isTooLong(value);
}

function withoutLongLabels(metric: Metric, account: Account): Metric {
  if (areShort(metric.labels)) return metric;
  const labels = metric.labels.filter(isKept);
  const rule = `remove long labels (without a name or over ${MAX_NAME_BYTES} bytes)`;
  account.add(rule, "truncated", metric.labels.length - labels.length);
  return { ...metric, labels };
}
