/**
 * Drops what a server would refuse, since it refuses the whole push for the sake of one sample.
 *
 * @module
 */

import { isLabelName as isInCharset, METRIC_NAME_LABEL } from "../../common/exposition/label_name.ts";
import {
  isDistribution,
  type Label,
  type Metric,
  type MetricFamily,
  type MetricType,
  POINT_LABEL,
} from "../../common/exposition/metric_family.ts";
import type { Account, Transform } from "./pipeline.ts";

/** The most bytes that a family's name, a label's name and a label's value may have. */
export const MAX_TEXT_BYTES = 255;

/** How old a sample may be, in milliseconds: 24 hours. */
export const MAX_AGE_MS = 86_400_000;

const FAMILY_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const RULE = "drop invalid";

const utf8 = new TextEncoder();
const scratch = new Uint8Array(MAX_TEXT_BYTES + 1);

/** Whether `name` may name a label: within the length and the charset, and not `__name__`, which is the family's name. */
export function isLabelName(name: string): boolean {
  return name.length <= MAX_TEXT_BYTES && isInCharset(name) && name !== METRIC_NAME_LABEL;
}

/** Whether `name` may name a family. */
export function isFamilyName(name: string): boolean {
  return name.length <= MAX_TEXT_BYTES && FAMILY_NAME.test(name);
}

/** Whether `text` has more than {@linkcode MAX_TEXT_BYTES} bytes as UTF-8. */
export function isTooLong(text: string): boolean {
  // A UTF-16 unit takes one to three bytes, so that most texts need not be encoded to know.
  if (text.length > MAX_TEXT_BYTES) return true;
  if (3 * text.length <= MAX_TEXT_BYTES) return false;
  return utf8.encodeInto(text, scratch).written > MAX_TEXT_BYTES || utf8.encode(text).length > MAX_TEXT_BYTES;
}

/**
 * Drops samples without a timestamp, or with one more than 24 hours before `now()` (milliseconds since the epoch), without
 * a value of their family's type, or with labels that no server takes, and families of a name or type that none takes.
 *
 * Labels over 255 bytes are removed and their samples stay, as openshift/telemeter has it.
 */
export function dropInvalid({ now }: { now: () => number }): Transform {
  return (families, account) => {
    // Whole seconds, as openshift/telemeter cuts it.
    const oldestMs = Math.floor((now() - MAX_AGE_MS) / 1_000) * 1_000;
    return families.flatMap((family) => {
      const fault = familyFault(family);
      if (fault) {
        account.add(`${RULE} (${fault})`, "dropped", family.metrics.length);
        return [];
      }
      const metrics = family.metrics.flatMap((given) => {
        const metric = withoutLongLabels(given, account);
        const fault = sampleFault(metric, { type: family.type, oldestMs });
        if (fault) account.add(`${RULE} (${fault})`, "dropped", 1);
        return fault ? [] : [metric];
      });
      return [{ ...family, metrics }];
    });
  };
}

function familyFault({ name, type }: MetricFamily): string | undefined {
  if (!isFamilyName(name)) return "bad name";
  if (type === undefined) return "unknown type";
  return undefined;
}

function withoutLongLabels(metric: Metric, account: Account): Metric {
  const isKept = ({ name, value }: Label) => name !== "" && !isTooLong(name) && !isTooLong(value);
  if (metric.labels.every(isKept)) return metric;
  const labels = metric.labels.filter(isKept);
  account.add(
    `${RULE} (label without a name or over ${MAX_TEXT_BYTES} bytes)`,
    "truncated",
    metric.labels.length - labels.length,
  );
  return { ...metric, labels };
}

function sampleFault(
  { labels, value, timestampMs }: Metric,
  { type, oldestMs }: { type: MetricType | undefined; oldestMs: number },
): string | undefined {
  if (timestampMs === undefined) return "no timestamp";
  if (timestampMs < oldestMs) return "older than 24 hours";
  if (!hasValueOf(type, value)) return "value not of its type";
  if (!labels.every(({ name }) => isLabelName(name))) return "bad label name";
  if (new Set(labels.map(({ name }) => name)).size < labels.length) return "label name twice";
  const reserved = type !== undefined && isDistribution(type) ? POINT_LABEL[type] : undefined;
  if (reserved && labels.some(({ name }) => name === reserved)) return `label ${reserved} on a ${type}`;
  return undefined;
}

function hasValueOf(type: MetricType | undefined, value: Metric["value"]): boolean {
  if (value === undefined) return false;
  if (typeof value === "number") return type === "counter" || type === "gauge" || type === "untyped";
  if ("buckets" in value) return type === "histogram" && ascends(value.buckets.map(({ upperBound }) => upperBound));
  return type === "summary" && ascends(value.quantiles.map(({ quantile }) => quantile));
}

function ascends(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => !Number.isNaN(number) && (i === 0 || number > numbers[i - 1]));
}
