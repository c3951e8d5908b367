/**
 * An independent reading of a request of remote write, and of the families that it becomes: strict where it says that something is
 * good, so that what it cannot read may be refused or not.
 *
 * @module
 */

import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import type { WriteInput } from "./write_input.ts";
import { type Field, readFields } from "./wire_tree.ts";

/** A sample, or a native histogram, as text: two are the same if they are the same bytes. */
interface Sample {
  readonly kind: "value" | "histogram" | "gauge_histogram";
  readonly timestampMs: number;
  readonly isStale: boolean;
  /** The bits of a value, or the fields of a histogram, in hex. */
  readonly value: string;
  readonly hasCustomBuckets: boolean;
}

/** What a request must be read as. */
export interface WriteReading {
  /** The samples that it shows, in no order: name, type, labels, value and time of each. */
  readonly values: readonly string[];
  /** The same of series that have ended. */
  readonly ended: readonly string[];
  /** What is counted: samples, histograms, exemplars, what is replaced, and what is left out by rule. */
  readonly counts: Readonly<Record<string, number>>;
  /** Types of metrics that 1.0 says. */
  readonly types: Readonly<Record<string, string>>;
  /** How much of what is limited there is: series, names, labels of one series, and bytes of texts at most. */
  readonly sizes: Readonly<Record<"series" | "families" | "labels" | "texts", number>>;
}

/** Thrown at what is malformed. */
class Malformed extends Error {}

/** Bytes of a text, in hex. */
type Text = string;
type Label = readonly [name: Text, value: Text];

interface Series {
  readonly labels: readonly Label[];
  readonly samples: readonly Sample[];
  readonly exemplars: number;
  readonly type: string | undefined;
}

const PLACES = {
  "1.0": { series: 1, sample: 2, histogram: 4, exemplar: 3 },
  "2.0": { series: 5, sample: 2, histogram: 3, exemplar: 4 },
} as const;
/** Fields of requests of the other version. */
const OTHER_VERSION: Readonly<Record<WriteVersion, readonly number[]>> = { "1.0": [4, 5], "2.0": [0, 1, 2, 3] };
const TYPES: Readonly<Record<number, string>> = { 1: "counter", 2: "gauge" };
/** Types as `MetricFamily` numbers them. */
const FAMILY_TYPES = ["counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram"];
/** The field of a value of `Metric` by its type. */
const VALUE_FIELDS: Readonly<Record<string, number>> = { counter: 3, gauge: 2, untyped: 5 };
/** The numbers of the fields of a histogram: as requests have them, and as families do. */
const HISTOGRAM_FIELDS: Readonly<Record<number, number>> = {
  ...{ 1: 1, 2: 4, 3: 2, 4: 5, 5: 6, 6: 7, 7: 8 },
  ...{ 8: 9, 9: 10, 10: 11, 11: 12, 12: 13, 13: 14 },
};
const STALE_BITS = "020000000000f07f";
const NAME = hexOf("__name__");

/** Reads a request; undefined for what is malformed. */
export function readRequest(
  { version, bytes }: WriteInput,
  identity: ReadonlyMap<string, string>,
): WriteReading | undefined {
  try {
    return reading(version, { fields: strictFields(bytes), identity });
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** The samples that families hold, as {@linkcode WriteReading} has them; undefined for what is no families. */
export function samplesIn(families: Uint8Array): string[] | undefined {
  try {
    return (readFields(families, { 0: {} }) ?? malformed()).flatMap(({ value }) => {
      const fields = strictFields(value as Uint8Array);
      const name = hexOf(bytesOf(last(fields, 1)));
      const type = FAMILY_TYPES[numberOf(last(fields, 3))];
      return all(fields, 4).map((metric) => sampleText(name, type, strictFields(bytesOf(metric))));
    });
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function sampleText(name: Text, type: string, metric: readonly Field[]): string {
  const labels = all(metric, 1).map((label) => labelOf(bytesOf(label)));
  const content = bytesOf(last(metric, VALUE_FIELDS[type] ?? 7));
  const value = type in VALUE_FIELDS ? hexOf(fixed(last(strictFields(content), 1))) : fieldsText(strictFields(content));
  return textOf({ name, type, labels, value, timestampMs: numberOf(last(metric, 6)) });
}

function textOf(
  { name, type, labels, value, timestampMs }: {
    name: Text;
    type: string;
    labels: readonly Label[];
    value: string;
    timestampMs: number;
  },
): string {
  return JSON.stringify([name, type, labels, value, timestampMs]);
}

function reading(
  version: WriteVersion,
  { fields, identity }: { fields: readonly Field[]; identity: ReadonlyMap<string, string> },
): WriteReading {
  const places = PLACES[version];
  // A request of the other version than was said may be read as one without a series, and is refused instead.
  if (fields.some(({ number }) => OTHER_VERSION[version].includes(number))) malformed();
  const symbols = version === "2.0" ? all(fields, 4).map((field) => hexOf(bytesOf(field))) : [];
  const own = Array.from(identity, ([name, value]): Label => [hexOf(name), hexOf(value)]);
  const counts: Record<string, number> = { samples: 0, histograms: 0, exemplars: 0, replaced: 0 };
  const count = (what: string, more: number) => counts[what] = (counts[what] ?? 0) + more;
  const typesByName = new Map<Text, string>(), shown: { name: Text; labels: readonly Label[]; newest: Sample }[] = [];
  const series = all(fields, places.series).map((field) => seriesOf(bytesOf(field), { version, symbols }));
  for (const { labels, samples, exemplars, type } of series) {
    const histograms = samples.filter(({ kind }) => kind !== "value").length;
    count("samples", samples.length - histograms);
    count("histograms", histograms);
    count("exemplars", exemplars);
    if (samples.length === 0) continue;
    const newest = samples.reduce((best, next) => next.timestampMs >= best.timestampMs ? next : best);
    const rule = faultOf(labels, own) ?? (newest.hasCustomBuckets && !newest.isStale ? "unknown_field" : undefined);
    if (rule !== undefined) {
      count(rule, samples.length);
      count("left out samples", samples.length - histograms);
      count("left out histograms", histograms);
      continue;
    }
    count("replaced", samples.length - 1);
    const [[, name]] = labels.filter(([name]) => name === NAME);
    if (type !== undefined) typesByName.set(name, type);
    const lacks = own.filter(([name]) => !labels.some(([other]) => other === name));
    shown.push({ name, labels: [...labels.filter(([other]) => other !== NAME), ...lacks], newest });
  }
  const texts = shown.map(({ name, labels, newest: { kind, isStale, value, timestampMs } }) => {
    const type = kind === "value" ? typesByName.get(name) ?? "untyped" : isStale ? "histogram" : kind;
    const emptied = kind === "value" ? "00".repeat(8) : "5:0:0";
    return { isStale, text: textOf({ name, type, labels, value: isStale ? emptied : value, timestampMs }) };
  });
  return {
    values: texts.filter(({ isStale }) => !isStale).map(({ text }) => text),
    ended: texts.filter(({ isStale }) => isStale).map(({ text }) => text),
    counts,
    types: version === "1.0" ? typesIn(fields) : {},
    sizes: {
      series: series.length,
      families: new Set(shown.map(({ name }) => name)).size,
      labels: Math.max(0, ...series.map(({ labels }) => labels.length)),
      texts: JSON.stringify([series.map(({ labels }) => labels), texts]).length,
    },
  };
}

function faultOf(labels: readonly Label[], own: readonly Label[]): string | undefined {
  let fault: string | undefined;
  const seen = new Set<Text>();
  for (const [name, value] of labels) {
    const wanted = own.find(([other]) => other === name);
    if (name === NAME && seen.has(name)) fault = "duplicate_label";
    if (wanted !== undefined && (seen.has(name) || value !== wanted[1])) fault = "identity";
    seen.add(name);
  }
  return fault ?? (seen.has(NAME) ? undefined : "family_name");
}

function typesIn(fields: readonly Field[]): Record<string, string> {
  const types: [string, string][] = [];
  for (const field of all(fields, 3)) {
    const metadata = strictFields(bytesOf(field));
    const name = all(metadata, 2).map((field) => utf8Of(bytesOf(field))).at(-1) ?? "", type = typeOf(metadata);
    if (type !== undefined && name !== "") types.push([name, type]);
  }
  return Object.fromEntries(types);
}

/** What the metadata of either version says of the type. */
function typeOf(metadata: readonly Field[]): string | undefined {
  return TYPES[numberOf(last(metadata, 1))];
}

function seriesOf(
  bytes: Uint8Array,
  { version, symbols }: { version: WriteVersion; symbols: readonly Text[] },
): Series {
  const fields = strictFields(bytes), places = PLACES[version];
  const types = version === "2.0" ? all(fields, 5).map((field) => typeOf(strictFields(bytesOf(field)))) : [];
  return {
    labels: version === "1.0"
      ? all(fields, 1).map((field) => labelOf(bytesOf(field)))
      : all(fields, 1).flatMap((field) => labelsOf(field, symbols)),
    samples: fields.flatMap((field) =>
      field.number === places.sample
        ? [sampleOf(bytesOf(field))]
        : field.number === places.histogram
        ? [histogramOf(bytesOf(field))]
        : []
    ),
    exemplars: all(fields, places.exemplar).length,
    type: types.at(-1),
  };
}

function labelOf(bytes: Uint8Array): Label {
  const fields = strictFields(bytes);
  return [hexOf(bytesOf(last(fields, 1))), hexOf(bytesOf(last(fields, 2)))];
}

function labelsOf(field: Field, symbols: readonly Text[]): Label[] {
  const numbers = field.wire === 0 ? [numberOf(field)] : packed(bytesOf(field));
  if (numbers.length % 2 === 1) malformed();
  const texts = numbers.map((number) => symbols[number] ?? malformed());
  return Array.from({ length: texts.length / 2 }, (_, i) => [texts[2 * i], texts[2 * i + 1]]);
}

function packed(bytes: Uint8Array): number[] {
  const ends = Array.from(bytes.keys()).filter((at) => bytes[at] < 128);
  if (bytes.length > 0 && ends.at(-1) !== bytes.length - 1) malformed();
  // Each as the only field of a message.
  return ends.map((end, i) => {
    const number = bytes.subarray(i === 0 ? 0 : ends[i - 1] + 1, end + 1);
    return numberOf(last(strictFields(Uint8Array.from([8, ...number])), 1));
  });
}

function sampleOf(bytes: Uint8Array): Sample {
  const fields = strictFields(bytes), value = hexOf(fixed(last(fields, 1)));
  all(fields, 1).forEach(fixed);
  return {
    kind: "value",
    timestampMs: numberOf(last(fields, 2)),
    isStale: value === STALE_BITS,
    value,
    hasCustomBuckets: false,
  };
}

function histogramOf(bytes: Uint8Array): Sample {
  const fields = strictFields(bytes);
  all(fields, 3).forEach(fixed);
  for (const number of [4, 14, 15]) all(fields, number).forEach(numberOf);
  const becomes = fields.filter(({ number }) => number in HISTOGRAM_FIELDS)
    .map((field) => ({ ...field, number: HISTOGRAM_FIELDS[field.number] }));
  const schema = last(fields, 4);
  const text = fieldsText(becomes);
  return {
    kind: numberOf(last(fields, 14)) === 3 ? "gauge_histogram" : "histogram",
    timestampMs: numberOf(last(fields, 15)),
    isStale: hexOf(fixed(last(fields, 3))) === STALE_BITS,
    value: schema === undefined ? `${text}${text && ";"}5:0:0` : text,
    // ZigZag of -53.
    hasCustomBuckets: all(fields, 16).length > 0 || schema?.value === 105n,
  };
}

/** Fields as text, of which nothing is left out. */
function fieldsText(fields: readonly Field[]): string {
  return fields.map(({ number, wire, value }) =>
    `${number}:${wire}:${typeof value === "bigint" ? value : hexOf(value as Uint8Array)}`
  ).join(";");
}

/** All fields of a message, with numbers and varints that there can be. */
function strictFields(bytes: Uint8Array): Field[] {
  const fields = readFields(bytes, {}) ?? malformed();
  for (const { number, value } of fields) {
    if (number < 1 || number >= 2 ** 29 || (typeof value === "bigint" && value >= 1n << 64n)) malformed();
  }
  return fields;
}

function all(fields: readonly Field[], number: number): Field[] {
  return fields.filter((field) => field.number === number);
}

/** The field of a number that counts, if it is there: others before it must be of its kind. */
function last(fields: readonly Field[], number: number): Field | undefined {
  const found = all(fields, number);
  if (found.some(({ wire }) => wire !== found[0].wire)) malformed();
  return found.at(-1);
}

function bytesOf(field: Field | undefined): Uint8Array {
  if (field === undefined) return new Uint8Array();
  return field.wire === 2 ? field.value as Uint8Array : malformed();
}

/** The eight bytes of a double; those of 0 if it is left out. */
function fixed(field: Field | undefined): Uint8Array {
  if (field === undefined) return new Uint8Array(8);
  return field.wire === 1 ? field.value as Uint8Array : malformed();
}

function numberOf(field: Field | undefined): number {
  if (field === undefined) return 0;
  return field.wire === 0 ? Number(BigInt.asIntN(64, field.value as bigint)) : malformed();
}

function utf8Of(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed();
  }
}

function hexOf(content: Uint8Array | string): Text {
  return (typeof content === "string" ? new TextEncoder().encode(content) : content).toHex();
}

function malformed(): never {
  throw new Malformed("The request is malformed");
}
