/**
 * OpenMetrics text 1.0, to the object model: as a Prometheus takes it in, so that names are those of its series.
 *
 * @module
 */

import { unescaped } from "./escapes.ts";
import { type Dialect, readExposition, readExpositionSteps } from "./exposition_reader.ts";
import { type FamilyKind, HISTOGRAM_PARTS, SUMMARY_PARTS } from "./family_assembly.ts";
import type { MetricFamily } from "./metric_family.ts";
import type { Steps } from "../steps.ts";
import type { PageOptions } from "./page_cursor.ts";
import { parseNumber, type SampleCursor } from "./sample_line.ts";

const HASH = 0x23;

/** When a sample began to count, which is none of its numbers. */
const CREATED = { _created: { role: "none" } } as const;
const VALUE = { role: "value" } as const;

/** The types by the words of `# TYPE`. Those that Prometheus has no type for are gauges, as their values are. */
const KINDS: ReadonlyMap<string, FamilyKind> = new Map(
  ([
    { word: "counter", type: "counter", parts: { _total: VALUE, ...CREATED }, suffix: "_total" },
    { word: "gauge", type: "gauge" },
    { word: "histogram", type: "histogram", parts: { ...HISTOGRAM_PARTS, ...CREATED } },
    {
      word: "gaugehistogram",
      type: "gauge_histogram",
      parts: { _bucket: HISTOGRAM_PARTS._bucket, _gsum: HISTOGRAM_PARTS._sum, _gcount: HISTOGRAM_PARTS._count },
    },
    { word: "info", type: "gauge", parts: { _info: VALUE }, suffix: "_info" },
    { word: "stateset", type: "gauge" },
    { word: "summary", type: "summary", parts: { ...SUMMARY_PARTS, ...CREATED } },
    { word: "unknown", type: "untyped" },
  ] as const).map((kind) => [kind.word, kind]),
);

/** A counter whose name is already that of its series, as some write it. */
const TOTAL: FamilyKind = { word: "counter", type: "counter" };

const DIALECT: Dialect = {
  format: "OpenMetrics text",
  kindOf: (word, name) => word === "counter" && name.endsWith("_total") ? TOTAL : KINDS.get(word),
  unescapeHelp: (text) => unescaped(text, { quotes: true }),
  timestamp: readTimestamp,
  hasEnd: true,
};

/**
 * Reads a page of OpenMetrics. Counters are named with their `_total` and infos with their `_info`; state sets and infos are
 * gauges, and what is unknown is untyped. Created timestamps and exemplars are dropped. Times, which are in seconds, become
 * whole milliseconds. A unit is kept where the name ends in it.
 *
 * Otherwise as liberal as `parseText`, which says what a fault of a sample costs; but a page without `# EOF` is refused.
 *
 * @throws {SyntaxError} if the page is not in the format, not UTF-8 or cut short, with the line and the offset in bytes.
 * @throws {LimitError} if it holds more than a limit allows; each line counts as a series.
 */
export function parseOpenMetrics(bytes: Uint8Array, options: PageOptions): MetricFamily[] {
  return readExposition(bytes, { dialect: DIALECT, options });
}

/** Reads a page as {@linkcode parseOpenMetrics} does, in steps. */
export function parseOpenMetricsSteps(bytes: Uint8Array, options: PageOptions): Steps<MetricFamily[]> {
  return readExpositionSteps(bytes, { dialect: DIALECT, options });
}

/** Reads a time, if there is one, and passes over an exemplar. */
function readTimestamp(cursor: SampleCursor): number | undefined {
  let timestampMs: number | undefined;
  if (cursor.peek() !== HASH) {
    const start = cursor.at;
    const word = cursor.word();
    const why = "this is not a timestamp in seconds";
    const seconds = parseNumber(word) ?? cursor.refuse(why, start);
    timestampMs = Math.round(seconds * 1_000) + 0;
    if (!Number.isSafeInteger(timestampMs)) cursor.blame("timestamp", why, start);
    cursor.blanks();
  }
  if (!cursor.isAtEnd && !/^#[ \t]*\{/.test(cursor.rest())) cursor.refuse("something follows the timestamp");
  return timestampMs;
}
