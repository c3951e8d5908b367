/**
 * Summaries and histograms of a push: families whose samples are several lines each.
 *
 * @module
 */

import { LimitError } from "../../common/exposition/metric_family.ts";
import { invalid } from "./invalid_push.ts";
import type { LabelShape } from "./label_shape.ts";
import { type Constant, constant, LINE_ROOM, LineWriter } from "./line_writer.ts";
import type { PushReader } from "./push_reader.ts";

/** The types whose samples are several lines. */
export type DistributionType = "histogram" | "summary";

/** What the lines' names end with, besides the name itself in a summary. */
export const SUFFIXES: Readonly<Record<DistributionType, readonly string[]>> = {
  histogram: ["_bucket", "_count", "_sum"],
  summary: ["_count", "_sum"],
};

/** The label that tells the points of one sample apart, which is the type's own. */
const POINT_LABEL: Readonly<Record<DistributionType, string>> = { histogram: "le", summary: "quantile" };
const POINT_HEAD = { histogram: constant('le="'), summary: constant('quantile="') };
const BUCKET = constant("_bucket"), COUNT = constant("_count"), SUM = constant("_sum");

/**
 * Checks the points of the sample that the reader is at.
 *
 * @throws {import("./invalid_push.ts").InvalidPushError} if a reader of the page might refuse them: they do not ascend, they
 *   contradict the count, or a label takes the place of theirs.
 */
export function checkPoints(
  { keys, values, pointCount, count }: PushReader,
  { type, shape, at }: { type: DistributionType; shape: LabelShape; at: number },
): void {
  const label = POINT_LABEL[type];
  if (shape.indexOf.has(label)) throw invalid("label_name", `a series of a ${type} has a label ${label}`, at);
  for (let i = 0; i < pointCount; i++) {
    if (Number.isNaN(keys[i]) || (i > 0 && keys[i] <= keys[i - 1])) {
      throw invalid("value", `the ${label} values of a ${type} repeat or do not ascend`, at);
    }
  }
  // What reads as negative has its 64th bit set.
  if (count < 0) throw invalid("value", `the count of a ${type} is 2^63 or more`, at);
  if (type === "summary") {
    if (pointCount > 0 && (keys[0] < 0 || keys[pointCount - 1] > 1)) {
      throw invalid("value", "a quantile of a summary is not from 0 to 1", at);
    }
    return;
  }
  for (let i = 0; i < pointCount; i++) {
    if (values[i] < (i === 0 ? 0 : values[i - 1])) {
      throw invalid("value", "the buckets of a histogram are not cumulative", at);
    }
  }
  const last = pointCount === 0 ? 0 : values[pointCount - 1];
  const whole = pointCount > 0 && keys[pointCount - 1] === Infinity;
  if (whole ? last !== count : last > count) {
    throw invalid("value", "the buckets of a histogram contradict its count", at);
  }
}

/**
 * Checks that what a push has become is not too long.
 *
 * @throws {LimitError} if it is.
 */
export function checkLength({ length }: LineWriter, { maxTextBytes }: { maxTextBytes: number }): void {
  if (length > maxTextBytes) {
    throw new LimitError(`Cannot take a push that becomes more than ${maxTextBytes} bytes of text`);
  }
}

/** Writes the lines of a sample, all with the same labels. */
export class DistributionWriter {
  /** Where the caller writes the labels of the sample at hand. */
  readonly labels: LineWriter = new LineWriter();
  readonly #out: LineWriter;
  readonly #limits: { readonly maxTextBytes: number };

  /** Writes to `out`. */
  constructor(out: LineWriter, limits: { readonly maxTextBytes: number }) {
    this.#out = out;
    this.#limits = limits;
  }

  /**
   * Writes the sample that the reader is at: its points, a `+Inf` bucket if it has none, sum and count. Returns where the
   * name and labels of its count stand, which name the series.
   *
   * @throws {LimitError} if the text becomes too long.
   */
  write(
    { keys, values, pointCount, count, sum }: PushReader,
    { name, type }: { name: Constant; type: DistributionType },
  ): { keyStart: number; keyEnd: number; lines: number } {
    const suffix = type === "histogram" ? BUCKET : undefined;
    const label = POINT_HEAD[type];
    for (let i = 0; i < pointCount; i++) this.#line(name, suffix, { value: values[i], point: keys[i], label });
    const open = type === "histogram" && (pointCount === 0 || keys[pointCount - 1] !== Infinity);
    if (open) this.#line(name, suffix, { value: count, point: Infinity, label });
    this.#line(name, SUM, { value: sum });
    const keyStart = this.#out.length;
    const keyEnd = this.#line(name, COUNT, { value: count });
    return { keyStart, keyEnd, lines: pointCount + 2 + Number(open) };
  }

  /** Writes one line and returns where its labels end. */
  #line(
    name: Constant,
    suffix: Constant | undefined,
    { value, point, label }: { value: number; point?: number; label?: Constant },
  ): number {
    const out = this.#out;
    out.reserve(name.length + this.labels.length + 2 * LINE_ROOM);
    checkLength(out, this.#limits);
    out.constant(name);
    if (suffix !== undefined) out.constant(suffix);
    out.openLabels();
    out.all(this.labels);
    if (point !== undefined && label !== undefined) {
      out.constant(label);
      out.number(point);
      out.endLabel();
    }
    out.closeLabels();
    const end = out.length;
    out.value(value);
    return end;
  }
}
