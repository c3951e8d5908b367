/**
 * The times of samples, for a page that shows them: clusters keep them beside their lines, a number for each run of lines of one time.
 *
 * @module
 */

import type { Block } from "../../common/ingest/ingested_push.ts";
import { runAt } from "../../common/ingest/sample_runs.ts";
import type { ClusterEntry } from "./exposition_index.ts";
import type { Range } from "./sample_picker.ts";

const LINE_FEED = 0x0a;

const encoder = new TextEncoder();

/** Lines of one time. */
export interface Run {
  /** Where they are in the text. */
  readonly range: Range;
  /** Their time, in milliseconds since the epoch. */
  readonly timestampMs: number;
}

/** A range of a block's lines, cut where the time is another one. */
export function* runsOf(
  entry: ClusterEntry,
  { block, range: [start, end] }: { block: Block; range: Range },
): Generator<Run> {
  const { runs, baseMs } = entry;
  for (let at = start, run = runAt(entry, { block, at: start }); at < end; run++) {
    const runEnd = Math.min(runs[2 * run + 1], end);
    yield { range: [at, runEnd], timestampMs: baseMs + runs[2 * run] };
    at = runEnd;
  }
}

/** Lines, each with its time at its end. */
export function withTimestamp(lines: Uint8Array, { timestampMs }: { readonly timestampMs: number }): Uint8Array {
  const time = encoder.encode(` ${timestampMs}\n`);
  let count = 0;
  for (let at = lines.indexOf(LINE_FEED); at >= 0; at = lines.indexOf(LINE_FEED, at + 1)) count++;
  const timed = new Uint8Array(lines.length + count * (time.length - 1));
  for (let from = 0, to = 0; from < lines.length;) {
    const end = lines.indexOf(LINE_FEED, from);
    timed.set(lines.subarray(from, end), to);
    to += end - from;
    timed.set(time, to);
    to += time.length;
    from = end + 1;
  }
  return timed;
}
