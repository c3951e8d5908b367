/**
 * The samples of what clusters show, and the lines that they are of.
 *
 * @module
 */

import { isDistribution, SUFFIX } from "../../common/exposition/metric_family.ts";
import type { Block, NativeSample } from "../../common/ingest/ingested_push.ts";
import type { ClusterEntry } from "../exposition/exposition_index.ts";

/** Where something is in a text. */
export interface Place {
  /** Where it starts. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** One sample of a block. */
export interface Sample extends Place {
  /** Its time, in milliseconds since the epoch. */
  readonly ms: number;
  /** Where its native histogram is, if it is one. */
  readonly native: NativeSample | undefined;
}

/** What sets keys of native histograms apart from those of lines. */
export const LINE = 0;
/** The same of native histograms. */
export const NATIVE = 1;

const LINE_FEED = 0x0a, SPACE = 0x20;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The samples of a block: where their lines are, and their times. */
export function* samplesOf(
  { text, runs, baseMs }: Pick<ClusterEntry, "text" | "runs" | "baseMs">,
  block: Block,
): Generator<Sample> {
  const isCompound = isDistribution(block.type);
  // The last line of a sample of several lines; its name is followed by labels or the value.
  const lastName = isCompound ? block.name + SUFFIX.count : undefined;
  let run = block.firstRun, native = 0, from = block.start;
  for (let at = block.start; at < block.end;) {
    const end = text.indexOf(LINE_FEED, at) + 1;
    const isLast = lastName === undefined || lineName(text, at) === lastName;
    at = end;
    if (!isLast) continue;
    while (runs[2 * run + 1] <= from) run++;
    const found = block.natives[native]?.start === from ? block.natives[native++] : undefined;
    yield { start: from, end, ms: baseMs + runs[2 * run], native: found };
    from = end;
  }
}

/** Where the value of a line starts, less the blank before it. */
export function keyEnd(text: Uint8Array, lineEnd: number): number {
  let at = lineEnd - 2;
  while (text[at] !== SPACE) at--;
  return at;
}

/** Where the last line of a sample starts. */
export function lastLine(text: Uint8Array, { start, end }: Place): number {
  return Math.max(start, text.lastIndexOf(LINE_FEED, end - 2) + 1);
}

/** Where the lines of a sample start and end. */
export function linesOf(text: Uint8Array, { start, end }: Place): Place[] {
  const lines: Place[] = [];
  for (let at = start; at < end;) {
    const next = text.indexOf(LINE_FEED, at) + 1;
    lines.push({ start: at, end: next });
    at = next;
  }
  return lines;
}

/** The name of a line. */
export function lineName(text: Uint8Array, at: number): string {
  const OPEN = 0x7b, QUOTE = 0x22, BACKSLASH = 0x5c;
  if (text[at] !== OPEN) {
    let end = at;
    while (text[end] !== OPEN && text[end] !== SPACE) end++;
    return decoder.decode(text.subarray(at, end));
  }
  let end = at + 2;
  while (text[end] !== QUOTE) end += text[end] === BACKSLASH ? 2 : 1;
  const escaped = decoder.decode(text.subarray(at + 2, end));
  return escaped.replaceAll(/\\(.)/g, (_, character) => character === "n" ? "\n" : character);
}
