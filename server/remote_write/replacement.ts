/**
 * Deltas that say something newer of all that a cluster shows, as of one whose every sample fits into a request: what is shown then is
 * the delta, and nothing needs to be merged.
 *
 * @module
 */

import { isDistribution } from "../../common/exposition/metric_family.ts";
import { type Block, SAMPLE_NUMBERS } from "../../common/ingest/ingested_push.ts";
import type { EntryContent } from "../exposition/exposition_index.ts";
import type { Delta } from "./delta.ts";
import type { LayoutOptions, Lines } from "./merged_content.ts";

/**
 * What a delta makes of what is shown, if it takes the place of all of that; else, or where that is not plain to see, undefined. The
 * buffer is the delta's.
 */
export function replacementOf(
  shown: Lines | undefined,
  { values, ended, types }: Delta,
  { oldestMs }: Pick<LayoutOptions, "oldestMs">,
): EntryContent | undefined {
  if (ended !== undefined || (types?.size ?? 0) > 0) return undefined;
  const byName = new Map(values.blocks.map((block) => [block.name, block]));
  const isPlain = values.blocks.length > 0 && byName.size === values.blocks.length &&
    values.blocks.every((block) => !isDistribution(block.type) && firstMs(values, block) >= oldestMs);
  if (!isPlain) return undefined;
  const before = new Map<string, Block>();
  for (const block of shown?.blocks ?? []) {
    const now = byName.get(block.name);
    const isReplaced = now?.seriesHash !== undefined && now.seriesHash === block.seriesHash &&
      !isDistribution(block.type) && firstMs(values, now) >= lastMs(shown!, block);
    if (!isReplaced) return undefined;
    before.set(block.name, block);
  }
  const { text, runs, samples, natives, baseMs, series } = values;
  const buffer = text.buffer as ArrayBuffer;
  const blocks = values.blocks.map((block) => {
    const { type } = before.get(block.name) ?? block;
    // A request need not say what was said before.
    return block.type === "untyped" && type !== "untyped" ? { ...block, type } : block;
  });
  const lengths = {
    textBytes: text.length,
    runCount: runs.length / 2,
    sampleCount: samples.length / SAMPLE_NUMBERS,
    nativeBytes: natives.length,
  };
  return { buffer, ...lengths, blocks, baseMs, series };
}

function firstMs({ runs, baseMs }: Lines, { firstRun }: Block): number {
  return baseMs + runs[2 * firstRun];
}

function lastMs({ runs, baseMs }: Lines, { endRun }: Block): number {
  return baseMs + runs[2 * endRun - 2];
}
