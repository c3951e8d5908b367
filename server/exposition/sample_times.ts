/**
 * The times of samples, for a page that shows them: clusters keep them beside their lines, a number for each run of lines of one time.
 *
 * @module
 */

import type { Block } from "../../common/ingest/ingested_push.ts";
import { runAt } from "../../common/ingest/sample_runs.ts";
import { Kernel, SPARE_BYTES } from "../../common/kernel/kernel.ts";
import type { ClusterEntry } from "./exposition_index.ts";
import type { Range } from "./sample_picker.ts";

const LINE_FEED = 0x0a;

/** About how many bytes of lines get their times at once. */
const SLICE_BYTES = 131_072;
/** What a line gets at most, a blank and seventeen places, and the least bytes that one has. */
const TIME_BYTES = 18, LEAST_LINE_BYTES = 4;

/** Of all pages: it keeps nothing from one slice to the next. */
const kernel = new Kernel();

/** The lines of a range of a block, each with its time at its end, in slices. */
export function* timedLines(
  entry: ClusterEntry,
  { block, range: [start, end] }: { block: Block; range: Range },
): Generator<Uint8Array> {
  for (let from = start; from < end;) {
    const to = end - from <= SLICE_BYTES ? end : Math.min(end, entry.text.indexOf(LINE_FEED, from + SLICE_BYTES) + 1);
    yield timed(entry, { block, range: [from, to] });
    from = to;
  }
}

function timed(entry: ClusterEntry, { block, range: [start, end] }: { block: Block; range: Range }): Uint8Array {
  const { text, baseMs } = entry, length = end - start;
  const runs = entry.runs.subarray(
    2 * runAt(entry, { block, at: start }),
    2 * runAt(entry, { block, at: end - 1 }) + 2,
  );
  const linesAt = kernel.freeFrom + runs.byteLength, to = linesAt + length + SPARE_BYTES;
  const most = Math.ceil(Math.min(length, SLICE_BYTES) / LEAST_LINE_BYTES) + 1;
  kernel.reserve(to + length + TIME_BYTES * most + SPARE_BYTES);
  new Uint32Array(kernel.bytes.buffer, kernel.freeFrom, runs.length).set(runs);
  kernel.bytes.set(text.subarray(start, end), linesAt);
  const stop = kernel.exports.timeLines(linesAt, linesAt + length, linesAt - start, kernel.freeFrom, baseMs, to);
  return kernel.bytes.slice(to, stop);
}
