/**
 * What a cluster shows after a merge, laid out anew: the units that are left of all sources, in one buffer.
 *
 * @module
 */

import { isDistribution, LINE_SUFFIXES, type MetricType } from "../../common/exposition/metric_family.ts";
import type { Block, NativeSample } from "../../common/ingest/ingested_push.ts";
import type { ClusterEntry, EntryContent } from "../exposition/exposition_index.ts";
import { bufferSize } from "../ingest/buffer_size.ts";

/** Lines with their times, as an entry of the index has them. */
export type Lines = Pick<ClusterEntry, "text" | "runs" | "samples" | "natives" | "baseMs" | "blocks" | "series">;

/** Units, column by column. Each is replaced, ends or is shown as a whole: a line, or the lines of one sample. */
export type Units = {
  /** Which source it is of. */
  readonly source: Int32Array;
  /** Where it starts in the text of that. */
  readonly start: Uint32Array;
  /** Where it ends. */
  readonly end: Uint32Array;
  /** Its time, in milliseconds since the epoch. */
  readonly ms: Float64Array;
  /** Its family. */
  readonly family: Int32Array;
  /** How many lines it has; 0 if it is gone. */
  readonly lines: Int32Array;
  /** Its place among the natives, and -1 if it is none. */
  readonly native: Int32Array;
};

/** A family of the result. */
export interface MergedFamily {
  /** Its name. */
  readonly name: string;
  /** Its type, as far as is known. */
  type: MetricType;
  /** Whether its name stands in quotes. */
  quoted: boolean;
  /** Units of it that are not gone. */
  alive: number;
  /** Units of it that are written. */
  units: number[];
}

/** What a merge has come to. */
export interface MergedUnits {
  /** The units, those that are gone among them. */
  readonly units: Units;
  /** How many they are. */
  readonly count: number;
  /** What they are of. */
  readonly sources: readonly Lines[];
  /** Their families. */
  readonly families: readonly MergedFamily[];
  /** The native histograms among them. */
  readonly natives: readonly NativeSample[];
}

/** By what it is laid out. */
export interface LayoutOptions {
  /** Samples that are older than this are left out, in milliseconds since the epoch. */
  readonly oldestMs: number;
  /** Hands over a buffer of so many bytes to put to use, if there is one. */
  readonly spare?: (bytes: number) => ArrayBuffer | undefined;
}

const NO_NATIVES: readonly NativeSample[] = [];

/** Writes the units that are not gone, nor older than `oldestMs`: family by family, by ascending time. */
export function layOut(
  { units: columns, count, sources, families: all, natives: samples }: MergedUnits,
  { oldestMs, spare }: LayoutOptions,
): EntryContent {
  const { source, start, end, ms, family, lines, native } = columns;
  let length = 0, nativeLength = 0, series = 0, baseMs = Infinity;
  for (let unit = 0; unit < count; unit++) {
    if (lines[unit] === 0 || ms[unit] < oldestMs) continue;
    all[family[unit]].units.push(unit);
    length += end[unit] - start[unit];
    series += lines[unit];
    baseMs = Math.min(baseMs, ms[unit]);
    if (native[unit] < 0) continue;
    const { nativeStart, nativeEnd } = samples[native[unit]];
    nativeLength += nativeEnd - nativeStart;
  }
  const families = all.filter(({ units }) => units.length > 0);
  let runCount = 0;
  for (const { units } of families) {
    if (units.some((unit, i) => i > 0 && ms[unit] < ms[units[i - 1]])) units.sort((a, b) => ms[a] - ms[b] || a - b);
    for (const [i, unit] of units.entries()) if (i === 0 || ms[unit] !== ms[units[i - 1]]) runCount++;
  }
  const textEnd = length + 3 & ~3, runsEnd = textEnd + 8 * runCount;
  const size = bufferSize(runsEnd + nativeLength);
  const buffer = spare?.(size) ?? new ArrayBuffer(size);
  const text = new Uint8Array(buffer, 0, length), runs = new Uint32Array(buffer, textEnd, 2 * runCount);
  const natives = new Uint8Array(buffer, runsEnd, nativeLength);
  const names = new Set(families.filter(({ type }) => !isDistribution(type)).map(({ name }) => name));
  const blocks: Block[] = [];
  let at = 0, run = 0, nativeAt = 0;
  for (const { name, type, quoted, units } of families) {
    const blockStart = at, firstRun = run;
    const ofBlock: NativeSample[] = [];
    for (const [i, unit] of units.entries()) {
      const from = sources[source[unit]], unitStart = at;
      text.set(from.text.subarray(start[unit], end[unit]), at);
      at += end[unit] - start[unit];
      if (native[unit] >= 0) {
        const { nativeStart, nativeEnd } = samples[native[unit]];
        natives.set(from.natives.subarray(nativeStart, nativeEnd), nativeAt);
        const place = { nativeStart: nativeAt, nativeEnd: nativeAt += nativeEnd - nativeStart };
        ofBlock.push({ start: unitStart, end: at, ...place });
      }
      if (i === 0 || ms[unit] !== ms[units[i - 1]]) runs[2 * run++] = ms[unit] - baseMs;
      runs[2 * run - 1] = at;
    }
    const place = { start: blockStart, end: at, firstRun, endRun: run };
    const isHiding = ofBlock.length > 0 && hidesNatives({ name, type }, { names, families, native });
    blocks.push({
      name,
      type,
      ...place,
      quoted,
      natives: ofBlock.length > 0 ? ofBlock : NO_NATIVES,
      hidesNatives: isHiding,
    });
  }
  return {
    buffer,
    textBytes: length,
    runCount,
    sampleCount: 0,
    nativeBytes: nativeLength,
    blocks,
    baseMs: Number.isFinite(baseMs) ? baseMs : oldestMs,
    series,
  };
}

/** Whether other families have lines of the names that the native histograms of a family would have. */
function hidesNatives(
  { name, type }: Pick<MergedFamily, "name" | "type">,
  { names, families, native }: { names: ReadonlySet<string>; families: readonly MergedFamily[]; native: Int32Array },
): boolean {
  if (LINE_SUFFIXES[type].some((suffix) => names.has(name + suffix))) return true;
  return families.some((other) =>
    other.name === name && isDistribution(other.type) && other.units.some((unit) => native[unit] < 0)
  );
}
