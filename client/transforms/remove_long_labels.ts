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
  return families.map((family) => ({
    ...family,
    metrics: family.metrics.map((metric) => withoutLongLabels(metric, account)),
  }));
}

function withoutLongLabels(metric: Metric, account: Account): Metric {
  const isKept = ({ name, value }: Label) => name !== "" && !isTooLong(name) && !isTooLong(value);
  if (metric.labels.every(isKept)) return metric;
  const labels = metric.labels.filter(isKept);
  const rule = `remove long labels (without a name or over ${MAX_NAME_BYTES} bytes)`;
  account.add(rule, "truncated", metric.labels.length - labels.length);
  return { ...metric, labels };
}
