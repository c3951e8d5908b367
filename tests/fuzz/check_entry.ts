/**
 * What must hold of a cluster's entry in the index: lines, blocks, runs and native histograms that add up.
 *
 * @module
 */

import type { ClusterEntry } from "../../server/exposition/exposition_index.ts";

/** What is out of order, in words; undefined if nothing is. */
export function checkEntry(entry: ClusterEntry | undefined): string | undefined {
  if (entry === undefined) return "an accepted push is not shown";
  const { text, blocks, runs, natives, series } = entry;
  let lines = 0;
  for (const byte of text) if (byte === 0x0a) lines++;
  if (lines !== series) return `${series} series are ${lines} lines`;
  let end = 0, run = 0, nativesEnd = 0;
  for (const block of blocks) {
    if (block.start !== end || block.end <= end) return "blocks are not one behind the other";
    if (block.firstRun !== run || block.endRun <= run) return "runs are not one behind the other";
    let linesEnd = block.start;
    for (const native of block.natives) {
      if (native.start < linesEnd || native.end <= native.start) return "native histograms are not in order";
      if (native.nativeStart !== nativesEnd || native.nativeEnd <= nativesEnd) {
        return "native histograms are not one behind the other";
      }
      linesEnd = native.end;
      nativesEnd = native.nativeEnd;
    }
    for (let at = end; run < block.endRun; run++) {
      if (runs[2 * run + 1] <= at) return "the ends of runs do not ascend";
      if (run > block.firstRun && runs[2 * run] < runs[2 * run - 2]) return "the times of runs descend";
      at = runs[2 * run + 1];
    }
    end = block.end;
    if (linesEnd > end) return "a native histogram goes past its block";
    if (runs[2 * run - 1] !== end) return "a run does not end with its block";
  }
  const isWhole = end === text.length && 2 * run === runs.length && nativesEnd === natives.length;
  return isWhole ? undefined : "there is more than the blocks";
}
