/**
 * A strict reader of the text format 0.0.4, and with quoted names of 1.0.0: it throws on anything that some reader of the format may refuse or mistake,
 * also where `common/exposition/text_format.ts` is liberal. It shares no code with that, so that tests can hold one against
 * the other.
 *
 * @module
 */

/** One line. */
export interface ExpositionSample {
  readonly name: string;
  /** Without empty ones, which are as good as absent, unless they are wanted. */
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  readonly timestampMs?: number;
}

/** The lines of one name, or of a histogram or summary. */
export interface ExpositionFamily {
  readonly name: string;
  readonly type: string;
  readonly help?: string;
  /** By {@linkcode seriesKey}, in the order of the page. */
  readonly samples: ReadonlyMap<string, ExpositionSample>;
}

interface OpenFamily {
  readonly name: string;
  type?: string;
  help?: string;
  readonly samples: Map<string, ExpositionSample>;
}

/** What a page may hold besides what every reader takes, and what is told of it. */
export interface ExpositionFeatures {
  /** Names that are not classic, in quotes. */
  readonly quotedNames?: boolean;
  /** Histograms whose counts are no integers. */
  readonly floatCounts?: boolean;
  /** Labels that are empty are among those of a sample. */
  readonly emptyLabels?: boolean;
}

const METRIC_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*", LABEL_NAME = "[a-zA-Z_][a-zA-Z0-9_]*";
const QUOTED = '"((?:[^"\\\\]|\\\\["\\\\n])*)"';
const COMMENT = new RegExp(`^#(?:[ \\t]+(HELP|TYPE)[ \\t]+(?:(${METRIC_NAME})|${QUOTED})[ \\t]+(.*)|.*)$`, "s");
const SERIES = `(${METRIC_NAME})[ \\t]*(?:\\{(.*)\\})?|\\{${QUOTED}(?:,(.*))?\\}`;
const NUMBER = "[-+]?[0-9][0-9.eE+-]*|[-+]?\\.[0-9][0-9eE+-]*|[-+]Inf|NaN";
const SAMPLE = new RegExp(`^(?:${SERIES})[ \\t]*(?<=[ \\t}])(${NUMBER})(?:[ \\t]+(-?[0-9]+))?$`, "s");
const LABEL = new RegExp(
  `^[ \\t]*(?:(${LABEL_NAME})|${QUOTED})[ \\t]*=[ \\t]*${QUOTED}[ \\t]*(?:,|$)`,
  "s",
);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

/** Names a series whatever the order of its labels: `up{a="b",c="d"}`. */
export function seriesKey(name: string, labels: Iterable<readonly [string, string]>): string {
  const sorted = [...labels].filter(([, value]) => value !== "").sort(([a], [b]) => a < b ? -1 : 1);
  return `${plain(name)}{${sorted.map(([label, value]) => `${plain(label)}=${JSON.stringify(value)}`).join(",")}}`;
}

/** A name that cannot be taken for more than that. */
function plain(name: string): string {
  return /["{}=,]/.test(name) ? JSON.stringify(name) : name;
}

/** Reads a page into families by name. Throws an `Error` that names the line and what is wrong with it. */
export function parseExposition(
  page: string | Uint8Array,
  features: ExpositionFeatures = {},
): Map<string, ExpositionFamily> {
  const text = typeof page === "string"
    ? page
    : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(page);
  if (!text.isWellFormed()) throw new Error("The page is not Unicode");
  if (text !== "" && !text.endsWith("\n")) throw new Error("The last line has no line feed");
  const families = new Map<string, OpenFamily>();
  let current: OpenFamily | undefined;

  const enter = (name: string): OpenFamily => {
    if (current?.name === name) return current;
    if (families.has(name)) throw new Error(`The lines of ${name} are not one group`);
    families.set(name, current = { name, samples: new Map() });
    return current;
  };
  const readLine = (line: string) => {
    if (line === "") return;
    if (line.startsWith("#")) {
      const [, keyword, classic, quoted, rest] = COMMENT.exec(line)!;
      if (keyword === undefined && /^#[ \t]*(HELP|TYPE)\b/.test(line)) throw new Error("A comment is incomplete");
      if (keyword === undefined) return;
      const name = classic ?? unquote(quoted, METRIC_NAME, features);
      const family = enter(name);
      if (family.samples.size > 0) throw new Error(`The # ${keyword} of ${name} comes after its samples`);
      if (keyword === "HELP") {
        if (family.help !== undefined) throw new Error(`${name} has a second # HELP`);
        family.help = unescape(rest, /\\[\\n]|\\/g);
      } else {
        if (family.type !== undefined) throw new Error(`${name} has a second # TYPE`);
        if (!Object.hasOwn(SUFFIXES, rest)) throw new Error(`'${rest}' is not a type`);
        family.type = rest;
      }
      return;
    }
    const sample = parseSample(line, features);
    const isOfCurrent = current?.type !== undefined &&
      SUFFIXES[current.type].some((suffix) => sample.name === current!.name + suffix);
    const family = isOfCurrent ? current! : enter(sample.name);
    family.type ??= "untyped";
    const own = family.type === "histogram" ? "le" : family.type === "summary" ? "quantile" : undefined;
    const needsOwn = family.type === "histogram"
      ? sample.name === `${family.name}_bucket`
      : family.type === "summary" && sample.name === family.name;
    if (!SUFFIXES[family.type].some((suffix) => sample.name === family.name + suffix)) {
      throw new Error(`The ${family.type} ${family.name} has a line ${sample.name}`);
    }
    if (own !== undefined && sample.labels.has(own) !== needsOwn) {
      throw new Error(`The label ${own} of ${sample.name} is ${needsOwn ? "missing" : "out of place"}`);
    }
    const key = seriesKey(sample.name, sample.labels);
    if (family.samples.has(key)) throw new Error(`The series ${key} comes twice`);
    family.samples.set(key, sample);
  };

  for (const [i, line] of text.split("\n").entries()) {
    try {
      readLine(line);
    } catch (cause) {
      throw new Error(`Line ${i + 1}: ${(cause as Error).message}: ${line.slice(0, 200)}`, { cause });
    }
  }
  checkNames(families);
  const whole = new Map<string, ExpositionFamily>();
  for (const { name, type = "untyped", help, samples } of families.values()) {
    if (type === "histogram") checkHistogram(name, { samples, features });
    if (type === "summary") checkSummary(name, samples);
    whole.set(name, { name, type, help, samples });
  }
  return whole;
}

function parseSample(line: string, features: ExpositionFeatures): ExpositionSample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error("This is not a sample");
  const [, classic, own, quoted, behind, number, timestamp] = match;
  const name = classic ?? unquote(quoted, METRIC_NAME, features);
  const labels = new Map<string, string>();
  const seen = new Set<string>();
  for (let rest = own ?? behind ?? ""; rest.trim() !== "";) {
    const label = LABEL.exec(rest);
    if (label === null) throw new Error(`These are not labels: ${rest}`);
    const [whole, classic, quoted, value] = label;
    const labelName = classic ?? unquote(quoted, LABEL_NAME, features);
    if (labelName === "__name__") throw new Error("The label __name__ is reserved");
    if (seen.has(labelName)) throw new Error(`The label ${labelName} comes twice`);
    seen.add(labelName);
    if (value !== "" || features.emptyLabels) labels.set(labelName, unescape(value, /\\["\\n]/g));
    rest = rest.slice(whole.length);
  }
  if (timestamp !== undefined && BigInt.asIntN(64, BigInt(timestamp)) !== BigInt(timestamp)) {
    throw new Error("The timestamp has more than 64 bits");
  }
  const value = toNumber(number);
  return { name, labels, value, ...(timestamp === undefined ? {} : { timestampMs: Number(timestamp) }) };
}

/** A name in quotes, which only those need that are not classic. */
function unquote(quoted: string, classic: string, { quotedNames = false }: ExpositionFeatures): string {
  const name = unescape(quoted, /\\["\\n]/g);
  if (!quotedNames) throw new Error(`The name ${name} is in quotes`);
  if (name === "") throw new Error("A name is empty");
  if (new RegExp(`^${classic}$`).test(name)) throw new Error(`The name ${name} is in quotes without need`);
  return name;
}

function toNumber(text: string): number {
  if (text === "NaN") return NaN;
  if (text === "+Inf" || text === "-Inf") return text === "+Inf" ? Infinity : -Infinity;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`'${text}' is not a number`);
  return value;
}

function unescape(text: string, escapes: RegExp): string {
  return text.replace(escapes, (escape) => {
    if (escape === "\\") throw new Error("An escape is unknown");
    return escape === "\\n" ? "\n" : escape[1];
  });
}

/** No name of a line may belong to two families, nor be the name of another family. */
function checkNames(families: ReadonlyMap<string, OpenFamily>) {
  for (const { name, type = "untyped" } of families.values()) {
    for (const suffix of SUFFIXES[type]) {
      if (suffix !== "" && families.has(name + suffix)) {
        throw new Error(`The ${type} ${name} collides with the family ${name + suffix}`);
      }
    }
  }
}

/** The lines of each series of a family, without the label that sets its lines apart. */
function* seriesOf(
  samples: ReadonlyMap<string, ExpositionSample>,
  { name, own }: { name: string; own: string },
): Generator<{ key: string; points: [number, number][]; sum?: number; count?: number }> {
  const series = new Map<string, { key: string; points: [number, number][]; sum?: number; count?: number }>();
  for (const sample of samples.values()) {
    const key = seriesKey(name, [...sample.labels].filter(([label]) => label !== own));
    if (!series.has(key)) series.set(key, { key, points: [] });
    const one = series.get(key)!;
    if (sample.labels.has(own)) one.points.push([toNumber(sample.labels.get(own)!), sample.value]);
    else if (sample.name === `${name}_sum`) one.sum = sample.value;
    else one.count = sample.value;
  }
  yield* series.values();
}

function checkHistogram(
  name: string,
  { samples, features: { floatCounts = false } }: {
    samples: ReadonlyMap<string, ExpositionSample>;
    features: ExpositionFeatures;
  },
) {
  for (const { key, points, sum, count } of seriesOf(samples, { name, own: "le" })) {
    if (sum === undefined || count === undefined) throw new Error(`The histogram ${key} lacks its sum or count`);
    let before: [number, number] = [-Infinity, 0];
    for (const [i, [bound, value]] of points.entries()) {
      if (!(bound > before[0]) && !(i === 0 && bound === -Infinity)) {
        throw new Error(`The buckets of ${key} do not ascend at ${bound}`);
      }
      const isCount = floatCounts ? Number.isFinite(value) : Number.isInteger(value);
      if (!isCount || value < before[1]) throw new Error(`The buckets of ${key} are not cumulative`);
      before = [bound, value];
    }
    if (before[0] !== Infinity) throw new Error(`The histogram ${key} lacks its bucket +Inf`);
    // Sums of floating-point numbers depend on their order.
    const leeway = floatCounts ? 1e-9 * count : 0;
    if (Math.abs(before[1] - count) > leeway) throw new Error(`The bucket +Inf of ${key} is not its count`);
  }
}

function checkSummary(name: string, samples: ReadonlyMap<string, ExpositionSample>) {
  for (const { key, points, sum, count } of seriesOf(samples, { name, own: "quantile" })) {
    if (sum === undefined || count === undefined) throw new Error(`The summary ${key} lacks its sum or count`);
    if (!Number.isInteger(count) || count < 0) throw new Error(`The count of ${key} is not a count`);
    for (const [i, [quantile]] of points.entries()) {
      const ascends = i === 0 ? quantile >= 0 : quantile > points[i - 1][0];
      if (!ascends || !(quantile <= 1)) throw new Error(`The quantiles of ${key} do not ascend from 0 to 1`);
    }
  }
}
