/**
 * What a client is told where the kernel found a fault in its push.
 *
 * @module
 */

import { formatDuration } from "../../common/duration.ts";
import { LimitError, type MetricType } from "../../common/exposition/metric_family.ts";
import * as status from "../../common/kernel/assembly/status.ts";
import type { Kernel } from "../../common/kernel/kernel.ts";
import type { IngestRules } from "./ingested_push.ts";
import { invalid } from "./invalid_push.ts";

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
}

/** The error for a status that stands for a fault: an `InvalidPushError` or a {@linkcode LimitError}. */
export function kernelFault(fault: number, { kernel: { exports }, rules, push, type }: FaultContext): Error {
  const { limits: { maxSeries, maxLabels }, maxTextBytes, maxLabelBytes } = rules;
  const at = exports.faultAt.value - push.start;
  const malformed = MALFORMED[fault]?.(exports.faultDetail.value >>> 0);
  if (malformed !== undefined) return invalid("malformed", malformed, at);
  switch (fault) {
    case status.BAD_TIME:
      return invalid("timestamp", whyTime(exports.timestampMs.value, { rules, push }), at);
    case status.NO_VALUE:
      return invalid("value", `a sample has no value of its family's type, ${type}`, at);
    case status.LONG_LABEL_NAME:
      return invalid("label_name", `a label name is longer than ${maxLabelBytes} bytes`, at);
    case status.LONG_LABEL_VALUE:
      return invalid("label_value", `a label value is longer than ${maxLabelBytes} bytes`, at);
    case status.NOT_UTF8:
      return invalid("label_value", "a label value is not UTF-8", at);
    case status.OTHER_IDENTITY:
      return invalid("identity", "a label of the token has another value on a series", at);
    case status.TOO_MANY_SERIES:
      return new LimitError(`Cannot take a push of more than ${maxSeries} series`);
    case status.TOO_MANY_LABELS:
      return new LimitError(`Cannot take a series of more than ${maxLabels} labels`);
    case status.TOO_MUCH_TEXT:
      return new LimitError(`Cannot take a push that becomes more than ${maxTextBytes} bytes of text`);
    case status.COLLISIONS:
      return new LimitError("Cannot tell the series of the push apart: their hashes collide");
    default:
      return new Error(`Cannot tell what the kernel means by the status ${fault}`);
  }
}

function whyTime(timestampMs: number, { rules, push }: Pick<FaultContext, "rules" | "push">): string {
  return Number.isNaN(timestampMs)
    ? "a sample has no timestamp"
    : timestampMs < push.oldestMs
    ? `a sample is more than ${formatDuration(rules.maxAgeMs)} old`
    : timestampMs > push.newestMs
    ? `a sample is more than ${formatDuration(rules.maxAheadMs)} ahead of the server's clock`
    : "timestamps decrease within a family";
}
