/**
 * The Prometheus text format 0.0.4, from and to the object model. The server's own pages are not written here but made of
 * lines that `common/ingest/` wrote on arrival; the two agree on every byte.
 *
 * @module
 */

import { escapeFamilies, type NameCollision } from "./escape_families.ts";
import { unescaped } from "./escapes.ts";
import { formatBound, formatValue } from "./format_number.ts";
import { type Dialect, readExposition, readExpositionSteps } from "./exposition_reader.ts";
import { type FamilyKind, HISTOGRAM_PARTS, SUMMARY_PARTS } from "./family_assembly.ts";
import {
  type DistributionType,
  type HistogramValue,
  LINE_SUFFIXES,
  type Metric,
  type MetricFamily,
  type MetricType,
  POINT_LABEL,
  SUFFIX,
  type SummaryValue,
} from "./metric_family.ts";
import { isClassicLabelName, isClassicMetricName } from "./names.ts";
import type { PageOptions } from "./page_cursor.ts";
import { parseNumber, type SampleCursor } from "./sample_line.ts";
import type { Steps } from "../steps.ts";

/** The media type of the text format. */
export const TEXT_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const LINE_FEED = 0x0a, ZERO = 0x30;

/** The types by the words of `# TYPE`. */
const KINDS: ReadonlyMap<string, FamilyKind> = new Map(
  ([
    { word: "counter", type: "counter" },
    { word: "gauge", type: "gauge" },
    { word: "untyped", type: "untyped" },
    { word: "summary", type: "summary", parts: SUMMARY_PARTS },
    { word: "histogram", type: "histogram", parts: HISTOGRAM_PARTS },
    // No word of the format, but `expfmt` of Go takes it.
    { word: "gauge_histogram", type: "gauge_histogram", parts: HISTOGRAM_PARTS },
    { word: "gaugehistogram", type: "gauge_histogram", parts: HISTOGRAM_PARTS },
  ] as const).map((kind) => [kind.word, kind]),
);

/**
 * Reads text as `expfmt` of Go does (`text_parse.go`), with these liberties: a byte order mark is skipped, lines may end in
 * CRLF, the last line may lack its line feed, blanks may end a line, lines of a family may stand apart with its comments
 * again, and an unknown escape in a help text stands for itself. Buckets and quantiles are put in order. A sample without a
 * `# TYPE` is untyped, a family without samples is left out. Lines of a histogram or summary that say nothing, and timestamps
 * and counts beyond 2^53, are refused.
 *
 * What is wrong with a sample alone costs that sample where `onFault` hears of it, and the whole of a histogram or summary
 * where it is in one of its lines. A type that contradicts one further up begins another family of the name; where the two
 * cannot stand side by side, the samples of the latter are left out.
 *
 * Takes time and memory in proportion to the text, whatever it holds.
 *
 * @throws {SyntaxError} if the text is not in the format or not UTF-8, with the line and the offset in bytes.
 * @throws {LimitError} if it holds more than a limit allows; each line counts as a series.
 */
export function parseText(bytes: Uint8Array, options: PageOptions): MetricFamily[] {
  return readExposition(bytes, { dialect: DIALECT, options });
}

/** Does what {@linkcode parseText} does in steps. */
export function parseTextSteps(bytes: Uint8Array, options: PageOptions): Steps<MetricFamily[]> {
  return readExpositionSteps(bytes, { dialect: DIALECT, options });
}

/** Whether the last line of a page has no line feed: it is whole only if the page is known to be. */
export function endsInMidLine(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes[bytes.length - 1] !== LINE_FEED;
}

const DIALECT: Dialect = {
  format: "text format",
  kindOf: (word) => KINDS.get(word),
  unescapeHelp: (text) => unescaped(text, { quotes: false }),
  timestamp: readTimestamp,
  hasEnd: false,
};

function readTimestamp(cursor: SampleCursor): number {
  const start = cursor.at;
  const word = cursor.word();
  const timestampMs = parseInteger(word);
  if (!Number.isSafeInteger(timestampMs)) {
    const why = "this is not a timestamp in milliseconds";
    // Only what is a number can have come from something that means a time.
    if (parseNumber(word) === undefined) cursor.refuse(why, start);
    cursor.blame("timestamp", why, start);
  }
  cursor.blanks();
  if (!cursor.isAtEnd) cursor.refuse("something follows the timestamp");
  return timestampMs;
}

/** The whole number that Go's `strconv.ParseInt` reads, NaN where it reads none. */
function parseInteger(text: string): number {
  let value = 0;
  const start = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = 10 * value + digit;
  }
  if (text.length === start) return NaN;
  return text.startsWith("-") && value !== 0 ? -value : value;
}

/** Escapes what stands between double quotes, as label values do: backslash, double quote and line feed. */
export function escapeLabelValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** How names are written that not every reader takes: in quotes, or with underscores for what it does not take. */
export type Escaping = "allow-utf-8" | "underscores";

/** How {@linkcode formatText} writes. */
export interface TextOptions {
  /**
   * Whether timestamps are written.
   *
   * @default {true}
   */
  readonly timestamps?: boolean;
  /**
   * How names are written that are not classic.
   *
   * @default {"allow-utf-8"}
   */
  readonly escaping?: Escaping;
  /** Hears of names that become one by underscores. */
  readonly onCollision?: (collision: NameCollision) => void;
}

/**
 * Writes families as text. Those without a type, and samples without a value, are left out. The format wants each name once:
 * it is for the caller to merge families of one name.
 *
 * Native buckets have no place in the format: of a histogram that has no other ones, its count and sum are written, and the
 * bucket `+Inf`. The lines of a gauge histogram are untyped, since readers do not know the type.
 */
export function formatText(
  families: Iterable<MetricFamily>,
  { timestamps = true, escaping = "allow-utf-8", onCollision = () => {} }: TextOptions = {},
): Uint8Array {
  const out = new TextWriter({ timestamps });
  for (const family of escaping === "underscores" ? escapeFamilies(families, onCollision) : families) out.add(family);
  return out.take();
}

/** Writes the lines of families. */
class TextWriter {
  readonly #timestamps: boolean;
  readonly #lines: string[] = [];
  /** Labels up to the value by their names, which recur. */
  readonly #labelHeads = new Map<string, string>();

  constructor({ timestamps }: { timestamps: boolean }) {
    this.#timestamps = timestamps;
  }

  take(): Uint8Array {
    return new TextEncoder().encode(this.#lines.map((line) => line + "\n").join(""));
  }

  add({ name, help, type, metrics }: MetricFamily) {
    if (type === undefined) return;
    // The lines of one name are one group: of a gauge histogram, whose lines are no family, one name after the other.
    if (type === "gauge_histogram") {
      for (const only of LINE_SUFFIXES[type]) {
        this.#comments(name + only, { help, type: "untyped" });
        for (const metric of metrics) this.#metric(name, { metric, only });
      }
    } else {
      this.#comments(name, { help, type });
      for (const metric of metrics) this.#metric(name, { metric });
    }
  }

  #comments(name: string, { help, type }: { help?: string; type: MetricType }) {
    const written = isClassicMetricName(name) ? name : `"${escapeLabelValue(name)}"`;
    if (help !== undefined) {
      this.#lines.push(`# HELP ${written} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
    }
    this.#lines.push(`# TYPE ${written} ${type}`);
  }

  /** Writes the lines of a sample, or only those whose names end in a suffix. */
  #metric(name: string, { metric, only }: { metric: Metric; only?: string }) {
    const { labels, value, timestampMs } = metric;
    if (value === undefined) return;
    const isClassic = isClassicMetricName(name);
    const time = this.#timestamps && timestampMs !== undefined ? ` ${timestampMs}` : "";
    const own = labels.map((label) => `${this.#labelHead(label.name)}${escapeLabelValue(label.value)}"`).join();
    const line = (suffix: string, number: number, point = "") => {
      if (only !== undefined && suffix !== only) return;
      const all = own === "" || point === "" ? own + point : `${own},${point}`;
      const series = isClassic
        ? `${name}${suffix}${all && `{${all}}`}`
        : `{"${escapeLabelValue(name + suffix)}"${all && `,${all}`}}`;
      this.#lines.push(`${series} ${formatValue(number)}${time}`);
    };
    if (typeof value === "number") line("", value);
    else writeDistribution(value, line);
  }

  /** A label up to its value. */
  #labelHead(name: string): string {
    let head = this.#labelHeads.get(name);
    if (head === undefined) {
      head = isClassicLabelName(name) ? `${name}="` : `"${escapeLabelValue(name)}"="`;
      this.#labelHeads.set(name, head);
    }
    return head;
  }
}

function writeDistribution(
  value: SummaryValue | HistogramValue,
  line: (suffix: string, number: number, point?: string) => void,
) {
  if ("quantiles" in value) {
    for (const { quantile, value: at } of value.quantiles) line("", at, pointLabel("summary", quantile));
  } else {
    for (const { upperBound, count } of value.buckets) line(SUFFIX.bucket, count, pointLabel("histogram", upperBound));
    if (value.buckets.at(-1)?.upperBound !== Infinity) {
      line(SUFFIX.bucket, value.count, pointLabel("histogram", Infinity));
    }
  }
  line(SUFFIX.sum, value.sum);
  line(SUFFIX.count, value.count);
}

function pointLabel(type: DistributionType, key: number): string {
  return `${POINT_LABEL[type]}="${formatBound(key)}"`;
}
