/**
 * What the kernel means by its statuses: a sample that breaks a rule, or a push that must be refused.
 *
 * @module
 */

import { formatDuration } from "../duration.ts";
import { LimitError, type MetricType, SeriesLimitError } from "../exposition/metric_family.ts";
import * as status from "../kernel/assembly/status.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { IngestRules } from "./ingested_push.ts";
import { invalid } from "./invalid_push.ts";
import { SAMPLE_RULES, type SampleRule } from "./sample_rules.ts";

/** What is malformed, by the kernel's status, given the tag of the field. */
const MALFORMED: Readonly<Record<number, (tag: number) => string>> = {
  [status.CUT_VARINT]: () => "a varint is cut short",
  [status.LONG_VARINT]: () => "a varint has more than 64 bits",
  [status.BAD_LENGTH]: () => "a length goes past the end",
  [status.CUT_DOUBLE]: () => "a double is cut short",
  [status.OTHER_WIRE_TYPE]: (tag) => `field ${tag >>> 3} has the wire type ${tag & 7}`,
  [status.NO_WIRE_TYPE]: (tag) => `a field has the wire type ${tag & 7}`,
  [status.CUT_FIELD]: () => "a field is cut short",
  [status.BAD_FIELD_NUMBER]: () => "a field has a number that none may have",
};

/** What else there is to know of a fault. */
export interface FaultContext {
  /** What found it. */
  readonly kernel: Kernel;
  /** The rules that it broke. */
  readonly rules: IngestRules;
  /** Where the push starts in the kernel's memory, and which timestamps it may have. */
  readonly push: { readonly start: number; readonly oldestMs: number; readonly newestMs: number };
  /** The type of the family. */
  readonly type: MetricType;
  /** The series at hand, as people are told of it. */
  readonly series: () => string;
}

/** What is wrong with a sample, which is left out. */
export interface Broken {
  /** The rule that it breaks. */
  readonly rule: SampleRule;
  /** What is wrong with it. */
  readonly what: string;
}

/** What a status says of the sample at hand; undefined if it is at fault with more than that sample. */
export function brokenRule(
  fault: number,
  { kernel: { exports }, rules, push, type }: FaultContext,
): Broken | undefined {
  const { limits: { maxLabels }, maxLabelBytes } = rules;
  switch (fault) {
    case status.BAD_TIME:
      return whyTime(exports.timestampMs.value, { rules, push });
    case status.NO_VALUE:
      return { rule: "value", what: `the sample has no value of its metric's type, ${type}` };
    case status.UNKNOWN_FIELD:
      return { rule: "unknown_field", what: SAMPLE_RULES.unknown_field.what };
    case status.LONG_LABEL_NAME:
      return { rule: "label_name", what: `the name of a label is longer than ${maxLabelBytes} bytes` };
    case status.LONG_LABEL_VALUE:
      return { rule: "label_value", what: `a label value is longer than ${maxLabelBytes} bytes` };
    case status.NOT_UTF8:
      return { rule: "label_value", what: "a label value is not UTF-8" };
    case status.TOO_MANY_LABELS:
      return { rule: "labels", what: `the series has more than ${maxLabels} labels` };
    default:
      return undefined;
  }
}

/** The error for a status that costs the whole push: an `InvalidPushError` or a {@linkcode LimitError}. */
export function kernelFault(fault: number, { kernel: { exports }, rules, push, series }: FaultContext): Error {
  const { limits: { maxSeries }, maxTextBytes } = rules;
  const at = exports.faultAt.value - push.start;
  const malformed = MALFORMED[fault]?.(exports.faultDetail.value >>> 0);
  if (malformed !== undefined) return invalid("malformed", malformed, at);
  switch (fault) {
    case status.OTHER_IDENTITY:
      return invalid("identity", `a label of the token has another value on a series: ${series()}`, at);
    case status.TOO_MANY_SERIES:
      return tooManySeries(maxSeries);
    case status.TOO_MUCH_TEXT:
      return new LimitError(`Cannot take a push that becomes more than ${maxTextBytes} bytes of text`, {
        limit: "decompressedBytes",
      });
    case status.COLLISIONS:
      return new LimitError("Cannot tell the series of the push apart: their hashes collide", {});
    default:
      return new Error(`Cannot tell what the kernel means by the status ${fault}`);
  }
}

/** The refusal of a push that passes the limit on series. */
export function tooManySeries(maxSeries: number): LimitError {
  return new SeriesLimitError(maxSeries, { what: "a push" });
}

function whyTime(timestampMs: number, { rules, push }: Pick<FaultContext, "rules" | "push">): Broken {
  if (Number.isNaN(timestampMs)) return { rule: "timestamp", what: SAMPLE_RULES.timestamp.what };
  return timestampMs < push.oldestMs
    ? { rule: "too_old", what: `the sample is more than ${formatDuration(rules.maxAgeMs)} old` }
    : { rule: "too_new", what: `the sample is more than ${formatDuration(rules.maxAheadMs)} ahead of the clock` };
}
