/**
 * The native histograms of a group as a page in protobuf shows them: as they came, and written anew only where the reader
 * takes no names of any UTF-8.
 *
 * @module
 */

import type { Label, Metric } from "../../common/exposition/metric_family.ts";
import { escapeLabelName, isClassicLabelName, isClassicMetricName } from "../../common/exposition/names.ts";
import { decodeMetricField, encodeMetric } from "../../common/exposition/protobuf.ts";
import type { Group, Piece } from "./exposition_groups.ts";
import type { LineOptions } from "./page_lines.ts";

/** What is wanted of native histograms. */
export interface NativeOptions extends Pick<LineOptions, "allowsUtf8" | "onCollision"> {
  /** Whether a sample of the metric of a name is wanted, by its names as they came. @default all of them are */
  readonly picks?: (metric: Metric, name: string) => boolean;
}

/** The fields `metric` of a group's message. */
export function* nativeFields({ type, pieces }: Group, options: NativeOptions): Generator<Uint8Array> {
  const { allowsUtf8, picks } = options;
  if (allowsUtf8 || !pieces.some(({ block }) => block.quoted)) {
    for (const piece of pieces) {
      for (const field of fieldsOf(piece)) {
        if (picks === undefined || picks(decodeMetricField(field, type), piece.block.name)) yield field;
      }
    }
    return;
  }
  // One cluster's series are apart from another's by the label that names it.
  for (const own of Map.groupBy(pieces, ({ entry }) => entry).values()) {
    for (const metric of escapedMetrics({ ...options, pieces: own, type })) yield encodeMetric(metric, type);
  }
}

/** The fields of a piece, as they came. */
function* fieldsOf({ entry, block: { natives }, start }: Piece): Generator<Uint8Array> {
  for (const native of natives) {
    if (native.start >= start) yield entry.natives.subarray(native.nativeStart, native.nativeEnd);
  }
}

/** The samples of one cluster with underscores. One that has its name by itself stands, else the first. */
function* escapedMetrics(
  { pieces, type, picks, onCollision }: NativeOptions & Pick<Group, "pieces" | "type">,
): Generator<Metric> {
  const read = pieces.flatMap((piece) => {
    const { name } = piece.block;
    return Array.from(fieldsOf(piece), (field) => decodeMetricField(field, type))
      .filter((metric) => picks?.(metric, name) ?? true).map((metric) => escaped(metric, name));
  });
  const taken = new Set(read.filter(({ isOwn }) => isOwn).map(({ key }) => key));
  for (const { metric, key, isOwn, isWhole } of read) {
    if (!isOwn && (!isWhole || taken.has(key))) onCollision();
    else {
      taken.add(key);
      yield metric;
    }
  }
}

/** A sample with underscores, what names its series, and whether it had its name by itself and has kept all labels. */
function escaped(metric: Metric, name: string): { metric: Metric; key: string; isOwn: boolean; isWhole: boolean } {
  const isOwn = isClassicMetricName(name) && metric.labels.every((label) => isClassicLabelName(label.name));
  const byName = new Map(metric.labels.map((label) => [escapeLabelName(label.name), label.value]));
  const labels: Label[] = Array.from(byName, ([name, value]) => ({ name, value }));
  const key = JSON.stringify([...byName].sort(([a], [b]) => a < b ? -1 : 1));
  return { metric: { ...metric, labels }, key, isOwn, isWhole: byName.size === metric.labels.length };
}
