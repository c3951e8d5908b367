/**
 * Summaries and histograms of a push: families whose samples are several lines each.
 *
 * @module
 */

import { type DistributionType, POINT_LABEL, SUFFIX } from "../exposition/metric_family.ts";
import { lineHead } from "./line_head.ts";
import { LINE_ROOM, type LineWriter } from "./line_writer.ts";

const encoder = new TextEncoder();
const BOUND_HEAD = encoder.encode(`${POINT_LABEL.histogram}="`);
const QUANTILE_HEAD = encoder.encode(`${POINT_LABEL.summary}="`);

/** The points of a sample: quantiles or buckets, in columns. */
export interface Points {
  /** Quantiles or bounds. */
  readonly keys: ArrayLike<number>;
  /** What stands beside each: a value, or a count. */
  readonly values: ArrayLike<number>;
  /** How many there are. */
  readonly pointCount: number;
  /** Observations in all. */
  readonly count: number;
  /** What they add up to. */
  readonly sum: number;
}

/**
 * What is wrong with the points of a sample, if a reader of the page might refuse them: they do not ascend, or they
 * contradict the count. Undefined if nothing is.
 */
export function faultOfPoints({ keys, values, pointCount, count }: Points, type: DistributionType): string | undefined {
  const label = POINT_LABEL[type];
  for (let i = 0; i < pointCount; i++) {
    if (Number.isNaN(keys[i]) || (i > 0 && keys[i] <= keys[i - 1])) {
      return `the ${label} values of a ${type} repeat or do not ascend`;
    }
  }
  if (Number.isNaN(count)) return `a ${type} has no count`;
  // Beyond, numbers are not exact, and our own text is not read again; what reads as negative has its 64th bit set.
  if (!(count >= 0 && count <= Number.MAX_SAFE_INTEGER)) return `the count of a ${type} is not from 0 to 2^53`;
  if (type === "summary") {
    const fits = pointCount === 0 || (keys[0] >= 0 && keys[pointCount - 1] <= 1);
    return fits ? undefined : "a quantile of a summary is not from 0 to 1";
  }
  for (let i = 0; i < pointCount; i++) {
    if (!(values[i] >= (i === 0 ? 0 : values[i - 1]))) return `the buckets of a ${type} are not cumulative`;
  }
  const last = pointCount === 0 ? 0 : values[pointCount - 1];
  const whole = pointCount > 0 && keys[pointCount - 1] === Infinity;
  return (whole ? last !== count : last > count) ? `the buckets of a ${type} contradict its count` : undefined;
}

/** What the lines of a sample start with: the name of a line and the brace behind it, or in quotes what comes to that. */
export interface LineHeads {
  /** Of a point. */
  readonly point: Uint8Array;
  /** Of the sum. */
  readonly sum: Uint8Array;
  /** Of the count. */
  readonly count: Uint8Array;
}

/** The heads of the lines of a family of this name and type. */
export function lineHeads(name: string, type: DistributionType): LineHeads {
  const head = (suffix: string) => encoder.encode(lineHead(name + suffix));
  return { point: head(type === "summary" ? "" : SUFFIX.bucket), sum: head(SUFFIX.sum), count: head(SUFFIX.count) };
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
   * Writes a sample: its points, a `+Inf` bucket if a histogram has none, sum and count. Returns where the name and labels of
   * its count stand, which name the series. `check` may throw at each line.
   */
  write(
    { keys, values, pointCount, count, sum }: Points,
    { heads, type, check }: { heads: LineHeads; type: DistributionType; check: () => void },
  ): { keyStart: number; keyEnd: number; lines: number } {
    const label = type === "summary" ? QUANTILE_HEAD : BOUND_HEAD;
    for (let i = 0; i < pointCount; i++) {
      check();
      this.#line(heads.point, { value: values[i], point: keys[i], label });
    }
    const open = type !== "summary" && (pointCount === 0 || keys[pointCount - 1] !== Infinity);
    if (open) this.#line(heads.point, { value: count, point: Infinity, label });
    this.#line(heads.sum, { value: sum });
    const keyStart = this.#out.at;
    const keyEnd = this.#line(heads.count, { value: count });
    return { keyStart, keyEnd, lines: pointCount + 2 + Number(open) };
  }

  /** Writes one line and returns where its labels end. */
  #line(
    head: Uint8Array,
    { value, point, label }: { value: number; point?: number; label?: Uint8Array },
  ): number {
    const out = this.#out;
    out.reserve(head.length + this.#length + 2 * LINE_ROOM);
    out.append(head);
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
