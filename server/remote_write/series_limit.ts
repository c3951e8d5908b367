/**
 * The limit on the series of a cluster: of what a request brings, those series are taken that the cluster shows already, and of new
 * ones, in their order, as many as there is room for.
 *
 * @module
 */

import { isDistribution } from "../../common/exposition/metric_family.ts";
import type { Block } from "../../common/ingest/ingested_push.ts";
import { LineTable } from "./line_table.ts";
import type { Lines } from "./merge.ts";
import { keyEnd, lastLine, LINE, linesOf, NATIVE, type Sample, samplesOf } from "./sample_lines.ts";

/** What a choice goes by. */
export interface SeriesLimitOptions {
  /** What the cluster shows. */
  readonly shown: Lines | undefined;
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

/** Chooses, one time after the other, in memory that it uses again. */
export class SeriesLimit {
  readonly #table = new LineTable();

  /** Tells samples that are taken from those for which there is no room. */
  choose(brought: Lines, { shown, maxSeries, oldestMs }: SeriesLimitOptions): ChosenSamples {
    const sources = shown === undefined ? [brought] : [brought, shown];
    this.#table.open(sources.map(({ text }) => text));
    let room = maxSeries - (shown === undefined ? 0 : this.#know(1, { sources, oldestMs }));
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

  /** Has the series of a source known, and returns how many lines they have. */
  #know(source: number, { sources, oldestMs }: { sources: readonly Lines[]; oldestMs: number }): number {
    const lines = sources[source], { text } = lines;
    let known = 0;
    for (const block of lines.blocks) {
      for (const sample of samplesOf(lines, block)) {
        if (sample.ms < oldestMs) continue;
        if (isDistribution(block.type)) {
          for (const key of this.#keysOf(source, { sources, sample })) this.#table.set(key, 1);
          known += linesOf(text, sample).length;
        } else {
          this.#table.set(this.#table.place(source, sample.start, keyEnd(text, sample.end), LINE), 1);
          known++;
        }
      }
    }
    return known;
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
