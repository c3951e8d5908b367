/**
 * The native histograms of a group as a page in protobuf shows them: as they came, and written anew only where the reader
 * takes no names of any UTF-8.
 *
 * @module
 */

import type { Label, Metric } from "../../common/exposition/metric_family.ts";
import { escapeLabelName, isClassicLabelName, isClassicMetricName } from "../../common/exposition/names.ts";
import { runAt } from "../../common/ingest/sample_runs.ts";
import { decodeMetricField, encodeMetric, timedMetric } from "../../common/exposition/protobuf.ts";
import type { Group, Piece } from "./exposition_groups.ts";
import type { LineOptions } from "./page_lines.ts";

/** What is wanted of native histograms. */
export type NativeOptions = Pick<LineOptions, "allowsUtf8" | "timestamps" | "onCollision">;

/** The fields `metric` of a group's message. */
export function* nativeFields({ type, pieces }: Group, options: NativeOptions): Generator<Uint8Array> {
  if (options.allowsUtf8 || !pieces.some(({ block }) => block.quoted)) {
    for (const piece of pieces) yield* fieldsOf(piece, options);
    return;
  }
  // One cluster's series are apart from another's by the label that names it.
  for (const own of Map.groupBy(pieces, ({ entry }) => entry).values()) {
    for (const metric of escapedMetrics({ ...options, pieces: own, type })) yield encodeMetric(metric, type);
  }
}

/** The fields of a piece, as they came, or with their times: of those samples whose lines are asked for. */
function* fieldsOf(
  { entry, block, start, end, picked }: Piece,
  { timestamps }: Pick<NativeOptions, "timestamps">,
): Generator<Uint8Array> {
  const ranges = (picked ?? [[start, end]]).values();
  let range = ranges.next().value;
  for (const native of block.natives) {
    while (range !== undefined && range[1] <= native.start) range = ranges.next().value;
    if (range === undefined) return;
    if (native.start < range[0]) continue;
    const field = entry.natives.subarray(native.nativeStart, native.nativeEnd);
    if (!timestamps) yield field;
    else yield timedMetric(field, entry.baseMs + entry.runs[2 * runAt(entry, { block, at: native.start })]);
  }
}

/** The samples of one cluster with underscores. One that has its name by itself stands, else the first. */
function* escapedMetrics(
  { pieces, type, onCollision, ...options }: NativeOptions & Pick<Group, "pieces" | "type">,
): Generator<Metric> {
  const read = pieces.flatMap((piece) =>
    Array.from(fieldsOf(piece, options), (field) => escaped(decodeMetricField(field, type), piece.block.name))
  );
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
