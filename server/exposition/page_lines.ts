/**
 * The lines of a group as a page shows them: slices of what clusters pushed, and written anew only where the reader takes no
 * names in quotes, or asks for timestamps.
 *
 * @module
 */

import { UNLIMITED } from "../../common/exposition/metric_family.ts";
import {
  escapeLabelName,
  escapeMetricName,
  isClassicLabelName,
  isClassicMetricName,
} from "../../common/exposition/names.ts";
import { escapeLabelValue, parseText } from "../../common/exposition/text_format.ts";
import type { NativeSample } from "../../common/ingest/ingested_push.ts";
import type { Group, Piece } from "./exposition_groups.ts";
import type { Range } from "./sample_picker.ts";
import { timedLines } from "./sample_times.ts";

/** What the reader of a page takes. */
export interface LineOptions {
  /** Whether native histograms are shown by their lines, as text can say no more of them. */
  readonly nativesAsLines: boolean;
  /** Whether names may stand in quotes; else they get underscores. */
  readonly allowsUtf8: boolean;
  /** Whether each line ends with the time of its sample. */
  readonly timestamps: boolean;
  /** Hears of each sample that is left out, as with underscores it is the same series as another one of its cluster. */
  readonly onCollision: () => void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const LINE_FEED = 0x0a;

/** The lines of a group, in slices. */
export function* groupLines(group: Group, options: LineOptions): Generator<Uint8Array> {
  if (options.allowsUtf8 || !group.pieces.some(({ block }) => block.quoted)) {
    for (const piece of group.pieces) yield* slicesOf(piece, options);
    return;
  }
  // One cluster's series are apart from another's by the label that names it.
  const byEntry = Map.groupBy(group.pieces, ({ entry }) => entry);
  for (const pieces of byEntry.values()) yield* escapedSlices({ pieces, options });
}

/** The lines of a piece that are asked for: slices of its cluster's text, or, with timestamps, copies of them. */
function* slicesOf(piece: Piece, options: Omit<LineOptions, "allowsUtf8" | "onCollision">): Generator<Uint8Array> {
  const { entry, block } = piece;
  for (const range of rangesOf(piece, options)) {
    if (!options.timestamps) yield entry.text.subarray(...range);
    else yield* timedLines(entry, { block, range });
  }
}

/** Where the lines of a piece are that are asked for. */
function* rangesOf(piece: Piece, { nativesAsLines }: Pick<LineOptions, "nativesAsLines">): Generator<Range> {
  const { block: { natives, hidesNatives }, start, end, picked } = piece;
  for (const range of picked ?? [[start, end]]) {
    if (natives.length === 0 || (nativesAsLines && !hidesNatives)) yield* only(piece, range);
    else for (const part of withoutNatives(range, natives)) yield* only(piece, part);
  }
}

/** What is left of a range without the lines of native histograms. */
function* withoutNatives([start, end]: Range, natives: readonly NativeSample[]): Generator<Range> {
  let from = start;
  for (const native of natives) {
    if (native.start < start || native.end > end) continue;
    if (native.start > from) yield [from, native.start];
    from = native.end;
  }
  if (from < end) yield [from, end];
}

/** All of a range, or the lines of the one name that is meant. */
function* only(
  { entry: { text }, onlySuffix, block }: Piece,
  [start, end]: Range,
): Generator<Range> {
  if (onlySuffix === undefined) {
    yield [start, end];
    return;
  }
  const name = block.name + onlySuffix;
  const isClassic = isClassicMetricName(name);
  const head = encoder.encode(isClassic ? name : `{"${escapeLabelValue(name)}"`);
  // A name ends where labels or the value begin, one in quotes where the next label or the closing brace is.
  const behind = isClassic ? [0x7b, 0x20] : [0x2c, 0x7d];
  for (let at = start; at < end;) {
    const next = text.indexOf(LINE_FEED, at) + 1;
    if (behind.includes(text[at + head.length]) && head.every((byte, i) => text[at + i] === byte)) {
      yield [at, next];
    }
    at = next;
  }
}

/** The lines of one cluster, written anew with underscores. A series that has its name by itself stands, else the first. */
function* escapedSlices(
  { pieces, options }: { pieces: readonly Piece[]; options: LineOptions },
): Generator<Uint8Array> {
  const taken = new Set<string>();
  for (const piece of pieces.filter(({ block }) => !block.quoted)) {
    for (const slice of slicesOf(piece, options)) {
      for (const { key } of samplesOf(slice, options)) taken.add(key);
      yield slice;
    }
  }
  const quoted = pieces.filter(({ block }) => block.quoted).flatMap((piece) => [...slicesOf(piece, options)]);
  const read = quoted.map((slice) => [...samplesOf(slice, options)]);
  for (const { key, isOwn } of read.flat()) if (isOwn) taken.add(key);
  for (const samples of read) {
    const lines: string[] = [];
    for (const { key, rest, isWhole, isOwn } of samples) {
      if (!isOwn && (!isWhole || taken.has(key))) options.onCollision();
      else {
        lines.push(`${key} ${rest}\n`);
        taken.add(key);
      }
    }
    yield encoder.encode(lines.join(""));
  }
}

/** A line with its name and labels in underscores. */
interface EscapedLine {
  /** The series. */
  readonly key: string;
  /** Its value, and its time if that is shown. */
  readonly rest: string;
  /** Whether that left each of its labels apart. */
  readonly isWhole: boolean;
  /** Whether there was nothing to do. */
  readonly isOwn: boolean;
}

function* samplesOf(lines: Uint8Array, { timestamps }: Pick<LineOptions, "timestamps">): Generator<EscapedLine> {
  for (const line of decoder.decode(lines).split("\n")) {
    if (line === "") continue;
    const rest = line.split(" ").slice(timestamps ? -2 : -1).join(" ");
    const [{ name, metrics: [{ labels }] }] = parseText(encoder.encode(line + "\n"), UNLIMITED);
    const escaped = new Map(labels.map((label) => [escapeLabelName(label.name), label.value]));
    const written = [...escaped].sort(([a], [b]) => a < b ? -1 : 1).map(([label, value]) =>
      `${label}="${escapeLabelValue(value)}"`
    );
    const key = `${escapeMetricName(name)}${written.length > 0 ? `{${written.join()}}` : ""}`;
    const isOwn = isClassicMetricName(name) && labels.every(({ name }) => isClassicLabelName(name));
    yield { key, rest, isWhole: escaped.size === labels.length, isOwn };
  }
}
