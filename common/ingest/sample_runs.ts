/**
 * The times of lines, which stand beside them: a number for each run of lines of one time.
 *
 * @module
 */

import type { Block, IngestedPush } from "./ingested_push.ts";

/** Lines of families, with the times of their runs, perhaps their samples, and their native histograms, wherever they are kept. */
export type TimedFamilies =
  & Pick<IngestedPush, "text" | "blocks" | "runs" | "natives" | "baseMs">
  & Partial<Pick<IngestedPush, "samples">>;

/** The first run of a block that ends behind a place in the text. */
export function runAt({ runs }: Pick<TimedFamilies, "runs">, { block, at }: { block: Block; at: number }): number {
  let low = block.firstRun, high = block.endRun - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[2 * middle + 1] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
