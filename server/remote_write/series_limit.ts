/**
 * The limit on the series of a cluster: of what a request brings, those series are taken that the cluster shows already, and of new
 * ones, in their order, as many as there is room for.
 *
 * @module
 */

import { isDistribution, LimitError } from "../../common/exposition/metric_family.ts";
import type { Block } from "../../common/ingest/ingested_push.ts";
import { LineTable } from "./line_table.ts";
import type { Lines } from "./merged_content.ts";
import { keyEnd, lastLine, LINE, linesOf, NATIVE, type Sample, samplesOf } from "./sample_lines.ts";

const LINE_FEED = 0x0a;

/** What a choice goes by. */
export interface SeriesLimitOptions {
  /** What the cluster shows, and what is merged into that before it is read. */
  readonly shown: readonly Lines[];
  /** The most series that it may show. */
  readonly maxSeries: number;
  /** Samples that are older than this are not shown, and so need no room, in milliseconds since the epoch. */
  readonly oldestMs: number;
}

/** A sample that is taken or left out, and the block that it is of. */
export interface ChosenSample extends Sample {
  /** The block. */
  readonly block: Block;
}

/** What a request brings, told apart. */
export interface ChosenSamples {
  /** Those that are taken, in their order. */
  readonly taken: readonly ChosenSample[];
  /** Those for which there is no room, in their order. */
  readonly leftOut: readonly ChosenSample[];
}

/** Why a push is refused that is within the limit by itself, but not with what else its cluster shows. */
export function pastLimit({ series, maxSeries }: { series: number; maxSeries: number }): LimitError {
  return new LimitError(
    `Cannot take a push by which the cluster has more than ${maxSeries} series: there are ${series}`,
    { limit: "series", sent: series },
  );
}

/** Chooses, one time after the other, in memory that it uses again. */
export class SeriesLimit {
  readonly #table = new LineTable();

  /** Tells samples that are taken from those for which there is no room. */
  choose(brought: Lines, { shown, maxSeries, oldestMs }: SeriesLimitOptions): ChosenSamples {
    const sources = [brought, ...shown];
    this.#table.open(sources.map(({ text }) => text));
    let room = maxSeries;
    for (let source = 1; source < sources.length; source++) room -= this.#know(source, { sources, oldestMs });
    const taken: ChosenSample[] = [], leftOut: ChosenSample[] = [];
    for (const block of brought.blocks) {
      for (const sample of samplesOf(brought, block)) {
        const lines = linesOf(brought.text, sample).length;
        const isKnown = sample.ms < oldestMs ||
          this.#keysOf(0, { sources, sample }).some((key) => this.#table.get(key) === 1);
        if (!isKnown && lines <= room) room -= lines;
        else if (!isKnown) {
          leftOut.push({ ...sample, block });
          continue;
        }
        taken.push({ ...sample, block });
      }
    }
    this.#table.open([]);
    return { taken, leftOut };
  }

  /** Has the series of a source known, and returns how many lines those have that were not. */
  #know(source: number, { sources, oldestMs }: { sources: readonly Lines[]; oldestMs: number }): number {
    const lines = sources[source];
    let added = 0;
    for (const block of lines.blocks) {
      if (!isDistribution(block.type)) {
        added += this.#knowLines(source, { lines, block, oldestMs });
        continue;
      }
      for (const sample of samplesOf(lines, block)) {
        if (sample.ms < oldestMs) continue;
        const keys = this.#keysOf(source, { sources, sample });
        const news = keys.filter((key) => this.#table.get(key) !== 1).length;
        for (const key of keys) this.#table.set(key, 1);
        added += sample.native === undefined || news === 0 ? news : linesOf(lines.text, sample).length;
      }
    }
    return added;
  }

  /** The same of a block whose samples are a line each: nearly all are, so that nothing is made for each of them. */
  #knowLines(
    source: number,
    { lines: { text, runs, baseMs }, block, oldestMs }: { lines: Lines; block: Block; oldestMs: number },
  ): number {
    const table = this.#table;
    let added = 0, start = block.start;
    for (let run = block.firstRun; run < block.endRun; run++) {
      const runEnd = runs[2 * run + 1];
      if (baseMs + runs[2 * run] < oldestMs) start = runEnd;
      while (start < runEnd) {
        const end = text.indexOf(LINE_FEED, start) + 1;
        const key = table.place(source, start, keyEnd(text, end), LINE);
        if (table.get(key) !== 1) added++;
        table.set(key, 1);
        start = end;
      }
    }
    return added;
  }

  /** The series that a sample is of: one for each of its lines, or one for a native histogram. */
  #keysOf(source: number, { sources, sample }: { sources: readonly Lines[]; sample: Sample }): number[] {
    const { text } = sources[source];
    if (sample.native !== undefined) {
      return [this.#table.place(source, lastLine(text, sample), keyEnd(text, sample.end), NATIVE)];
    }
    return linesOf(text, sample).map(({ start, end }) => this.#table.place(source, start, keyEnd(text, end), LINE));
  }
}
