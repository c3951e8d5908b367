/**
 * Summaries and histograms of a push: families whose samples are several lines each.
 *
 * @module
 */

import { type DistributionType, POINT_LABEL, SUFFIX } from "../../common/exposition/metric_family.ts";
import { invalid } from "./invalid_push.ts";
import type { LabelShape } from "./label_shape.ts";
import { LINE_ROOM, type LineWriter } from "./line_writer.ts";
import type { PushReader } from "./push_reader.ts";

const encoder = new TextEncoder();
const POINT_HEAD = {
  histogram: encoder.encode(`${POINT_LABEL.histogram}="`),
  summary: encoder.encode(`${POINT_LABEL.summary}="`),
};
const BUCKET = encoder.encode(SUFFIX.bucket), COUNT = encoder.encode(SUFFIX.count), SUM = encoder.encode(SUFFIX.sum);

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

/** Writes the lines of a sample, all with the same labels. */
export class DistributionWriter {
  readonly #out: LineWriter;
  #labels = new Uint8Array(4_096);
  #length = 0;

  /** Writes to `out`. */
  constructor(out: LineWriter) {
    this.#out = out;
  }

  /** Takes the labels of the sample at hand, `a="b",` each. */
  take(labels: Uint8Array): void {
    if (labels.length > this.#labels.length) this.#labels = new Uint8Array(2 * labels.length);
    this.#labels.set(labels);
    this.#length = labels.length;
  }

  /**
   * Writes the sample that the reader is at: its points, a `+Inf` bucket if it has none, sum and count. Returns where the
   * name and labels of its count stand, which name the series.
   *
   * @throws {LimitError} if the text becomes too long, as `check` finds at each line.
   */
  write(
    { keys, values, pointCount, count, sum }: PushReader,
    { name, type, check }: { name: Uint8Array; type: DistributionType; check: () => void },
  ): { keyStart: number; keyEnd: number; lines: number } {
    const suffix = type === "histogram" ? BUCKET : undefined;
    const label = POINT_HEAD[type];
    for (let i = 0; i < pointCount; i++) {
      check();
      this.#line(name, suffix, { value: values[i], point: keys[i], label });
    }
    const open = type === "histogram" && (pointCount === 0 || keys[pointCount - 1] !== Infinity);
    if (open) this.#line(name, suffix, { value: count, point: Infinity, label });
    this.#line(name, SUM, { value: sum });
    const keyStart = this.#out.at;
    const keyEnd = this.#line(name, COUNT, { value: count });
    return { keyStart, keyEnd, lines: pointCount + 2 + Number(open) };
  }

  /** Writes one line and returns where its labels end. */
  #line(
    name: Uint8Array,
    suffix: Uint8Array | undefined,
    { value, point, label }: { value: number; point?: number; label?: Uint8Array },
  ): number {
    const out = this.#out;
    out.reserve(name.length + this.#length + 2 * LINE_ROOM);
    out.append(name);
    if (suffix !== undefined) out.append(suffix);
    out.openLabels();
    out.append(this.#labels.subarray(0, this.#length));
    if (point !== undefined && label !== undefined) {
      out.append(label);
      out.bound(point);
      out.endLabel();
    }
    out.closeLabels();
    const end = out.at;
    out.value(value);
    return end;
  }
}
