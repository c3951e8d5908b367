/**
 * What a push must be and what it becomes: the rules of ingestion and its result.
 *
 * @module
 */

import type { MetricType, ParseLimits } from "../exposition/metric_family.ts";
import type { AllowList } from "./allow_list.ts";
import type { LabelRules } from "./label_shape.ts";
import type { LeftOut } from "./sample_rules.ts";

/** What is demanded of a push and done to it. */
export interface IngestRules extends LabelRules {
  /** Without one, everything is allowed. */
  readonly allow?: AllowList;
  /** The most families and series of a push, and labels of a series. */
  readonly limits: ParseLimits;
  /** The most bytes of text that one push may become. */
  readonly maxTextBytes: number;
  /** The longest family name, in bytes. */
  readonly maxNameBytes: number;
  /** How old a timestamp may be, in milliseconds. */
  readonly maxAgeMs: number;
  /** How far a timestamp may be ahead of our clock, in milliseconds. */
  readonly maxAheadMs: number;
  /** How old a sample may be to be shown, in milliseconds. @default {Infinity} */
  readonly ttlMs?: number;
  /** Whether samples age from their timestamps on; else they do from their arrival, and need none. @default {true} */
  readonly honorTimestamps?: boolean;
  /** Whether samples are noted as numbers beside the text, for who sends them on. @default {false} */
  readonly notesSamples?: boolean;
}

/** A native histogram of a block, which text cannot say whole. */
export interface NativeSample {
  /** Where its lines start in the text: its `+Inf` bucket, sum and count, and the classic buckets that it has. */
  readonly start: number;
  /** Where they end. */
  readonly end: number;
  /** Where its field `metric` of `MetricFamily` starts among the natives of the push. */
  readonly nativeStart: number;
  /** Where that ends. */
  readonly nativeEnd: number;
}

/** How many numbers a sample is noted as. */
export const SAMPLE_NUMBERS = 5;

/** The lines of one family of a push, by ascending timestamp. */
export interface Block {
  /** The name of the family. */
  readonly name: string;
  /** The type of the family. */
  readonly type: MetricType;
  /** Where its lines start in the text. */
  readonly start: number;
  /** Where its lines end in the text. */
  readonly end: number;
  /** Its first run. */
  readonly firstRun: number;
  /** The run behind its last. */
  readonly endRun: number;
  /** Whether a name in its lines stands in quotes, as it is outside the classic charset. */
  readonly quoted: boolean;
  /**
   * A hash of its series, whatever their order: blocks of the same name and type with the same hash have the same series. Undefined
   * where nobody has worked it out. What the hash is depends on the kernel that did.
   */
  readonly seriesHash?: number;
  /** The sample of its first line among those that are noted as numbers; undefined if those of the block are not. */
  readonly firstSample?: number;
  /** Its native histograms, in the order of their lines. */
  readonly natives: readonly NativeSample[];
  /** Whether the lines of its native histograms are those of other families of the push, which say them in full. */
  readonly hidesNatives: boolean;
}

/** What a push became. Text, runs and natives are views that hold until the next push is ingested: copy what is kept. */
export interface IngestedPush {
  /** All lines, without timestamps, block after block. */
  readonly text: Uint8Array;
  /** The families that have lines, in the order in which they came. */
  readonly blocks: readonly Block[];
  /** Pairs `[milliseconds after baseMs, end in the text]`: neighbouring lines of one timestamp are one run. */
  readonly runs: Uint32Array;
  /** Native histograms, each a field `metric` of `MetricFamily` without its timestamp. */
  readonly natives: Uint8Array;
  /**
   * Samples as numbers, for each that is one line, in the order of their lines: first of all of them the key of the series, which is a
   * hash that depends on the kernel, and the value as a double, each as two numbers with the lower one first; then of all of them where the
   * line ends. None unless they are noted.
   */
  readonly samples: Uint32Array;
  /** The oldest that a sample of the push could be, in milliseconds since the epoch. */
  readonly baseMs: number;
  /** Lines, which is what Prometheus counts as series. */
  readonly series: number;
  /** Samples that came. */
  readonly received: number;
  /** Samples that the allow-list dropped. */
  readonly dropped: number;
  /** Samples that another one of the same series, further on, replaced. */
  readonly duplicates: number;
  /** Lines that are too old to be shown when they come. */
  readonly stale: number;
  /** Samples that were left out as they break a rule. */
  readonly leftOut: LeftOut;
}
