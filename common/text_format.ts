/**
 * The Prometheus text format 0.0.4, from and to the object model. The server's own pages are not written here but made of
 * lines that `server/ingest.ts` wrote on arrival; the two agree on every byte.
 *
 * @module
 */

import {
  type HistogramValue,
  type Label,
  LimitError,
  type Metric,
  METRIC_TYPES,
  type MetricFamily,
  type MetricType,
  type ParseLimits,
  type SummaryValue,
} from "./metric_family.ts";

/** The media type of the text format. */
export const TEXT_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const BLANKS = /[ \t]*/y;
const WORD = /[^ \t]+/y;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HEXADECIMAL = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/;
const SPECIAL: ReadonlyMap<string, number> = new Map([["nan", NaN], ["inf", Infinity], ["infinity", Infinity]]);

/** A histogram or summary whose lines are still coming in. */
interface Distribution {
  readonly labels: readonly Label[];
  timestampMs?: number;
  count: number;
  sum: number;
  readonly points: { readonly key: number; readonly value: number }[];
}

/** A family whose lines are still coming in. */
interface Builder {
  readonly name: string;
  type?: MetricType;
  help?: string;
  readonly metrics: Metric[];
  /** By labels, for the compound types. */
  readonly distributions: Map<string, Distribution>;
}

/**
 * Reads text as `expfmt` of Go does, with two liberties: the last line may lack its line feed, and the lines of a family may
 * stand apart, with the same `# TYPE` again. Samples without a `# TYPE` are untyped.
 *
 * @throws {SyntaxError} if the text is not in the format or not UTF-8, with the line and column.
 * @throws {LimitError} if it holds more than a limit allows; each line counts as a series.
 */
export function parseText(bytes: Uint8Array, limits: ParseLimits): MetricFamily[] {
  return new TextParser(decode(bytes), limits).parse();
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError("Cannot read the text format: it is not UTF-8", { cause });
  }
}

class TextParser {
  readonly #text: string;
  readonly #limits: ParseLimits;
  readonly #families = new Map<string, Builder>();
  #at = 0;
  #end = 0;
  #line = 0;
  #start = 0;
  #series = 0;

  constructor(text: string, limits: ParseLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  parse(): MetricFamily[] {
    const text = this.#text;
    for (let next = 0; next < text.length;) {
      this.#at = this.#start = next;
      const feed = text.indexOf("\n", next);
      this.#end = feed < 0 ? text.length : feed;
      next = this.#end + 1;
      this.#line++;
      this.#blanks();
      if (this.#at === this.#end) continue;
      if (text[this.#at] === "#") this.#comment();
      else this.#sample();
    }
    return Array.from(this.#families.values(), finish);
  }

  #comment() {
    this.#at++;
    this.#blanks();
    const keyword = this.#match(WORD);
    if (keyword !== "TYPE" && keyword !== "HELP") return;
    this.#blanks();
    const name = this.#match(NAME) ?? this.#fail("a comment of this kind names a metric");
    const family = this.#family(name);
    this.#blanks();
    const rest = this.#text.slice(this.#at, this.#end);
    if (keyword === "HELP") {
      family.help = rest.replace(/\\(.?)/g, (escape, c) => c === "n" ? "\n" : c === "\\" ? "\\" : escape);
      return;
    }
    const type = METRIC_TYPES.find((known) => known === rest.trimEnd()) ?? this.#fail("this is not a metric type");
    if (family.type !== undefined && family.type !== type) this.#fail(`${name} has another type further up`);
    if (family.type === undefined && family.metrics.length > 0) {
      this.#fail(`the type of ${name} comes behind its samples`);
    }
    family.type = type;
  }

  #sample() {
    if (++this.#series > this.#limits.maxSeries) {
      throw new LimitError(`Cannot take more than ${this.#limits.maxSeries} series`);
    }
    const name = this.#match(NAME) ?? this.#fail("a line starts with a metric name");
    this.#blanks();
    const labels = this.#text[this.#at] === "{" ? this.#labels() : [];
    this.#blanks();
    const at = this.#at;
    const value = parseValue(this.#match(WORD) ?? this.#fail("a value is missing"));
    if (value === undefined) this.#fail("this is not a number", at);
    this.#blanks();
    let timestampMs: number | undefined;
    if (this.#at < this.#end) {
      const digits = this.#match(WORD)!;
      if (!/^[+-]?\d{1,19}$/.test(digits)) this.#fail("this is not a timestamp in milliseconds");
      timestampMs = Number(digits);
      this.#blanks();
      if (this.#at < this.#end) this.#fail("something follows the timestamp");
    }
    this.#add(name, { labels, value, timestampMs });
  }

  #labels(): Label[] {
    const labels: Label[] = [];
    const text = this.#text;
    this.#at++;
    for (;;) {
      this.#blanks();
      if (text[this.#at] === "}") break;
      const name = this.#match(LABEL_NAME) ?? this.#fail("a label name is missing");
      this.#blanks();
      if (text[this.#at] !== "=") this.#fail("an equals sign is missing");
      this.#at++;
      this.#blanks();
      if (text[this.#at] !== '"') this.#fail("a label value starts with a double quote");
      const value = this.#quoted();
      if (labels.length === this.#limits.maxLabels) {
        throw new LimitError(`Cannot take more than ${this.#limits.maxLabels} labels on a series`);
      }
      if (labels.some((label) => label.name === name)) this.#fail(`the label ${name} comes twice`);
      labels.push({ name, value });
      this.#blanks();
      if (text[this.#at] === ",") this.#at++;
      else if (text[this.#at] !== "}") this.#fail("a comma or closing brace is missing");
    }
    this.#at++;
    return labels;
  }

  #quoted(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let escaped = false;
    for (let at = start; at < this.#end; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        const raw = text.slice(start, at);
        return escaped ? raw.replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c) : raw;
      }
      if (code === 0x5c) {
        escaped = true;
        if (!'\\"n'.includes(text[++at] ?? "") || at >= this.#end) this.#fail('an escape is not \\\\, \\" or \\n', at);
      }
    }
    return this.#fail("a label value has no end", start);
  }

  #add(
    name: string,
    { labels, value, timestampMs }: { labels: Label[]; value: number | undefined; timestampMs?: number },
  ) {
    const time = timestampMs === undefined ? {} : { timestampMs };
    const whole = this.#families.get(name);
    if (whole?.type === "summary") {
      const quantile = labels.find((label) => label.name === "quantile");
      if (quantile === undefined) this.#fail(`a line of the summary ${name} has no quantile`);
      this.#distribution(whole, { labels, without: "quantile", timestampMs }).points.push({
        key: this.#bound(quantile!),
        value: value!,
      });
      return;
    }
    const suffix = /_(bucket|count|sum)$/.exec(name)?.[0];
    const base = suffix === undefined ? undefined : this.#families.get(name.slice(0, -suffix.length));
    if (base?.type === "histogram" || (base?.type === "summary" && suffix !== "_bucket")) {
      const distribution = this.#distribution(base, { labels, without: suffix === "_bucket" ? "le" : "", timestampMs });
      if (suffix === "_count") distribution.count = value!;
      else if (suffix === "_sum") distribution.sum = value!;
      else {
        const bound = labels.find((label) => label.name === "le");
        if (bound === undefined) this.#fail(`a bucket of ${base.name} has no bound`);
        distribution.points.push({ key: this.#bound(bound!), value: value! });
      }
      return;
    }
    if (whole?.type === "histogram") this.#fail(`${name} is a histogram, which has no line of its own name`);
    this.#family(name).metrics.push({ labels, value, ...time });
  }

  #bound({ value }: Label): number {
    return parseValue(value) ?? this.#fail("a bound or quantile is not a number");
  }

  #distribution(
    family: Builder,
    { labels, without, timestampMs }: { labels: readonly Label[]; without: string; timestampMs?: number },
  ): Distribution {
    const own = labels.filter(({ name }) => name !== without);
    const key = JSON.stringify(own.map(({ name, value }) => [name, value]).sort(([a], [b]) => a < b ? -1 : 1));
    let distribution = family.distributions.get(key);
    if (distribution === undefined) {
      family.distributions.set(key, distribution = { labels: own, count: 0, sum: 0, points: [] });
    }
    distribution.timestampMs = timestampMs ?? distribution.timestampMs;
    return distribution;
  }

  #family(name: string): Builder {
    let family = this.#families.get(name);
    if (family === undefined) {
      if (this.#families.size === this.#limits.maxFamilies) {
        throw new LimitError(`Cannot take more than ${this.#limits.maxFamilies} families`);
      }
      this.#families.set(name, family = { name, metrics: [], distributions: new Map() });
    }
    return family;
  }

  #blanks() {
    this.#match(BLANKS);
  }

  /** What a sticky expression matches at the cursor, if it does before the end of the line. */
  #match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    const kept = this.#at + found.length > this.#end ? found.slice(0, this.#end - this.#at) : found;
    this.#at += kept.length;
    return kept === "" ? undefined : kept;
  }

  #fail(why: string, at: number = this.#at): never {
    throw new SyntaxError(
      `Cannot read the text format: ${why}, in line ${this.#line} at column ${at - this.#start + 1}`,
    );
  }
}

/** The number that Go's `strconv.ParseFloat` reads, undefined where it reads none. */
function parseValue(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const special = SPECIAL.get(text.replace(/^[+-]/, "").toLowerCase());
  if (special !== undefined) return text.startsWith("-") ? -special : special;
  const [, sign, whole, fraction, exponent] = HEXADECIMAL.exec(text) ?? [];
  if (whole === undefined || whole + fraction === "" || (whole + fraction).length > 12) return undefined;
  const value = parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  return Number.isFinite(value) ? (sign === "-" ? -value : value) : undefined;
}

function finish({ name, type = "untyped", help, metrics, distributions }: Builder): MetricFamily {
  const compound = Array.from(distributions.values(), ({ labels, timestampMs, count, sum, points }): Metric => ({
    labels,
    value: type === "summary"
      ? { count, sum, quantiles: points.map(({ key, value }) => ({ quantile: key, value })) }
      : { count, sum, buckets: points.map(({ key, value }) => ({ upperBound: key, count: value })) },
    ...(timestampMs === undefined ? {} : { timestampMs }),
  }));
  return { name, ...(help === undefined ? {} : { help }), type, metrics: [...metrics, ...compound] };
}

/** Writes a number so that Go, Prometheus and JavaScript read the same double back. */
export function formatValue(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Escapes a label value: backslash, double quote and line feed. */
export function escapeLabelValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** Writes families as text, with or without timestamps; those without a type, and samples without a value, are left out. */
export function formatText(
  families: Iterable<MetricFamily>,
  { timestamps = true }: { timestamps?: boolean } = {},
): Uint8Array {
  const lines: string[] = [];
  for (const { name, help, type, metrics } of families) {
    if (type === undefined) continue;
    if (help !== undefined) lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`);
    lines.push(`# TYPE ${name} ${type}`);
    for (const { labels, value, timestampMs } of metrics) {
      if (value === undefined) continue;
      const time = timestamps && timestampMs !== undefined ? ` ${timestampMs}` : "";
      const own = labels.map((label) => `${label.name}="${escapeLabelValue(label.value)}"`);
      const line = (suffix: string, number: number, point: readonly string[] = []) => {
        const all = [...own, ...point].join();
        lines.push(`${name}${suffix}${all && `{${all}}`} ${formatValue(number)}${time}`);
      };
      if (typeof value === "number") line("", value);
      else writeDistribution(value, line);
    }
  }
  return new TextEncoder().encode(lines.map((line) => line + "\n").join(""));
}

function writeDistribution(
  value: SummaryValue | HistogramValue,
  line: (suffix: string, number: number, point?: readonly string[]) => void,
) {
  if ("quantiles" in value) {
    for (const { quantile, value: at } of value.quantiles) line("", at, [`quantile="${formatValue(quantile)}"`]);
  } else {
    for (const { upperBound, count } of value.buckets) line("_bucket", count, [`le="${formatValue(upperBound)}"`]);
    if (value.buckets.at(-1)?.upperBound !== Infinity) line("_bucket", value.count, ['le="+Inf"']);
  }
  line("_sum", value.sum);
  line("_count", value.count);
}
