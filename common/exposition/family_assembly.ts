/**
 * Puts the lines of a text exposition together to families: a histogram and a summary come in many lines.
 *
 * @module
 */

import { type Distribution, Distributions } from "./distribution_assembly.ts";
import {
  type DistributionType,
  isDistribution,
  type Label,
  LimitError,
  LINE_SUFFIXES,
  type Metric,
  type MetricFamily,
  type MetricType,
  POINT_LABEL,
  SUFFIX,
} from "./metric_family.ts";
import type { LineFault, PageCursor } from "./page_cursor.ts";
import { plainText } from "../plain_text.ts";
import type { FaultRule } from "./sample_fault.ts";
import { parseNumber } from "./sample_line.ts";
import type { Steps } from "../steps.ts";

/** How many samples are looked at in one step, once all lines are read. */
const STEP_SAMPLES = 256;

/** One line of a text exposition. */
export interface Line {
  /** As it stands at the start of the line, with the suffix of a part. */
  readonly name: string;
  /** With the bound of a bucket, or the quantile; the assembler keeps them. */
  readonly labels: Label[];
  /** What was measured. */
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly timestampMs?: number;
}

/** Where a line belongs. */
interface Place {
  readonly family: Assembly;
  /** What its name has behind the family's. */
  readonly suffix: string;
}

/** What a line says of its family. */
export interface Part {
  /** The whole value, one of the points, or what stands beside them; `none` is passed over. */
  readonly role: "value" | "point" | "sum" | "count" | "none";
  /** The label that tells one point from another. */
  readonly label?: string;
}

/** How a type is written. */
export interface FamilyKind {
  /** The word for it. */
  readonly word: string;
  /** Undefined for a word that nobody knows. */
  readonly type: MetricType | undefined;
  /** The lines of a sample by the suffixes of their names, if it is not one line of the family's own name. */
  readonly parts?: Readonly<Record<string, Part | undefined>>;
  /** What the family's name ends with in the object model. */
  readonly suffix?: string;
}

/** The lines of a summary, by the suffixes of their names. */
export const SUMMARY_PARTS = {
  "": { role: "point", label: POINT_LABEL.summary },
  [SUFFIX.sum]: { role: "sum" },
  [SUFFIX.count]: { role: "count" },
} as const;
/** The lines of a histogram, by the suffixes of their names. */
export const HISTOGRAM_PARTS = {
  [SUFFIX.bucket]: { role: "point", label: POINT_LABEL.histogram },
  [SUFFIX.sum]: { role: "sum" },
  [SUFFIX.count]: { role: "count" },
} as const;

const UNTYPED: FamilyKind = { word: "untyped", type: "untyped" };

/** A family whose lines are still coming in. */
interface Assembly {
  readonly name: string;
  /** Where it was first named. */
  readonly at: number;
  readonly line: number;
  kind?: FamilyKind;
  help?: string;
  unit?: string;
  readonly metrics: Metric[];
  readonly distributions: Distributions;
  /** Why some of its lines may have gone elsewhere. */
  torn?: string;
}

/** A fault that shows only once all lines are read. */
interface LateFault extends LineFault {
  readonly line: number;
  readonly sample: { readonly name: string; readonly labels: readonly Label[] };
}

/** Takes comments and lines in the order of the text, as `expfmt` of Go does. */
export class FamilyAssembler {
  readonly #cursor: PageCursor;
  /** In the order of the text. */
  readonly #all: Assembly[] = [];
  /** Those that a line of their name belongs to, and those with a type by that and their name. */
  readonly #families = new Map<string, Assembly>();
  readonly #declared = new Map<string, Assembly>();
  /** Where lines of the name at hand belong, as mostly the next one does. */
  #latest: { readonly name: string; readonly place: Place } | undefined;

  /** Takes what the cursor reads. */
  constructor(cursor: PageCursor) {
    this.#cursor = cursor;
  }

  /** Takes a `# HELP`; the first of a family stands. */
  help(name: string, help: string): void {
    (this.#find(name)?.family ?? this.#create(name)).help ??= help;
  }

  /** Takes a `# UNIT`; the first of a family stands. */
  unit(name: string, unit: string): void {
    (this.#find(name)?.family ?? this.#create(name)).unit ??= unit;
  }

  /**
   * Takes a `# TYPE`, which may come again if it says the same. If it says something else, what follows is another family of
   * the same name where faults are heard, and refused where not.
   */
  type(name: string, kind: FamilyKind): void {
    const found = this.#find(name);
    if (found !== undefined && found.suffix !== "") {
      const why = `${plainText(name)} is a part of the ${found.family.kind?.word} ${plainText(found.family.name)}`;
      this.#conflict(why);
      found.family.torn = why;
      this.#declare(this.#create(name), kind);
      return;
    }
    const family = found?.family ?? this.#create(name);
    if (family.kind === undefined && family.metrics.length === 0) return this.#declare(family, kind);
    if (family.kind?.word === kind.word) return;
    this.#conflict(
      family.kind === undefined
        ? `the type of ${plainText(name)} comes after its first line`
        : `${plainText(name)} is a ${family.kind.word} further up`,
    );
    this.#declare(family, family.kind ?? UNTYPED);
    const other = this.#declared.get(`${kind.word}\n${name}`) ?? this.#create(name);
    this.#families.set(name, other);
    this.#declare(other, kind);
  }

  /** Takes a line. */
  add(line: Line): void {
    const cursor = this.#cursor;
    if (cursor.fault?.rule === "family_name") return cursor.report(cursor.fault, line);
    const { family, suffix } = this.#place(line.name);
    const { kind } = family;
    if (kind?.parts === undefined) {
      if (kind !== undefined && kind.type === undefined) {
        cursor.blame(
          "family_type",
          () => `the type ${kind.word} of ${plainText(family.name)} is not a type of metric`,
          cursor.start,
        );
      }
      return this.#addWhole(family, line);
    }
    const part = kind.parts[suffix];
    if (part === undefined) {
      cursor.blame("value", () => `${plainText(line.name)} is a ${kind.word}, which has no line of its own name`);
      cursor.report(cursor.fault!, line);
    } else if (part.role === "value") this.#addWhole(family, line);
    else if (part.role !== "none") this.#addPart(line, { family, kind, part });
  }

  /** The families that have samples, in the order of the text. */
  *finish(): Steps<MetricFamily[]> {
    const isChecked = this.#cursor.options.onFault !== undefined;
    const late: LateFault[] = [];
    const takenBy = new Map<string, string>();
    const onFault = isChecked ? (fault: LateFault) => void late.push(fault) : undefined;
    const families: MetricFamily[] = [];
    for (const assembly of this.#all) {
      const collision = isChecked && !isEmpty(assembly) ? assembly.torn ?? takeNames(assembly, takenBy) : undefined;
      for (const family of yield* finished(assembly, { collision, onFault })) {
        if (family.metrics.length > 0) families.push(family);
      }
    }
    late.sort((a, b) => a.at - b.at);
    for (let i = 0; i < late.length; i++) {
      const { sample, ...fault } = late[i];
      this.#cursor.report(fault, sample);
      if (i % STEP_SAMPLES === STEP_SAMPLES - 1) yield;
    }
    return families;
  }

  #addWhole(family: Assembly, line: Line) {
    const { labels, value, timestampMs } = line;
    this.#checkLabels(labels);
    if (this.#cursor.fault !== undefined) return this.#cursor.report(this.#cursor.fault, line);
    family.metrics.push(timestampMs === undefined ? { labels, value } : { labels, value, timestampMs });
  }

  #addPart({ labels, value, timestampMs }: Line, { family, kind, part: { role, label } }: {
    family: Assembly;
    kind: FamilyKind;
    part: Part;
  }) {
    const cursor = this.#cursor;
    const [own] = label === undefined ? [] : labels.splice(indexOf(labels, label), 1);
    const distribution = family.distributions.of(labels, cursor);
    if (distribution.isRejected) return;
    this.#checkLabels(labels);
    let key = 0;
    if (label !== undefined) {
      if (own === undefined) {
        cursor.blame(ruleOf(kind), () => `a line of the ${kind.word} ${plainText(family.name)} has no label ${label}`);
      }
      key = parseNumber(own?.value ?? "") ?? NaN;
      if (Number.isNaN(key)) cursor.blame(ruleOf(kind), `the label ${label} is not a number`);
    }
    if (role === "count" || label === POINT_LABEL.histogram) this.#checkValue(value, kind);
    if (cursor.fault !== undefined) {
      distribution.isRejected = true;
      return cursor.report(cursor.fault, { name: family.name, labels });
    }
    if (timestampMs !== undefined) distribution.timestampMs = timestampMs;
    if (role === "sum") distribution.sum = value;
    else if (role === "count") distribution.count = value;
    else distribution.points.push({ key, value });
  }

  #checkLabels(labels: readonly Label[]) {
    const { maxLabels } = this.#cursor.options;
    if (labels.length > maxLabels) {
      this.#cursor.blame("labels", () => `a sample has more than ${maxLabels} labels`, this.#cursor.start);
    }
  }

  /** Finds a count that protobuf has no room for. Those of a histogram may have a fraction. */
  #checkValue(value: number, kind: FamilyKind) {
    const isWhole = Number.isInteger(value) || kind.type !== "summary";
    if (isWhole && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return;
    this.#cursor.blame(ruleOf(kind), "a count is not a whole number from 0 to 2^53");
  }

  /** Where a line belongs: to the family of its name, else to the one that it is a part of, else to a new one. */
  #place(name: string): Place {
    if (this.#latest?.name === name) return this.#latest.place;
    const place = this.#find(name) ?? { family: this.#create(name), suffix: "" };
    this.#latest = { name, place };
    return place;
  }

  #find(name: string): Place | undefined {
    const own = this.#families.get(name);
    if (own !== undefined) return { family: own, suffix: "" };
    const at = name.lastIndexOf("_");
    if (at <= 0) return undefined;
    const family = this.#families.get(name.slice(0, at));
    const suffix = name.slice(at);
    return family?.kind?.parts?.[suffix] === undefined ? undefined : { family, suffix };
  }

  #create(name: string): Assembly {
    const { maxFamilies } = this.#cursor.options;
    if (this.#all.length === maxFamilies) {
      throw new LimitError(`Cannot take more than ${maxFamilies} families`, { limit: "families" });
    }
    const { start: at, line } = this.#cursor;
    const family: Assembly = { name, at, line, metrics: [], distributions: new Distributions() };
    this.#all.push(family);
    this.#families.set(name, family);
    this.#latest = undefined;
    return family;
  }

  #declare(family: Assembly, kind: FamilyKind) {
    family.kind = kind;
    this.#latest = undefined;
    this.#declared.set(`${kind.word}\n${family.name}`, family);
  }

  /** Refuses what contradicts the text further up, where nobody hears of faults. */
  #conflict(why: string) {
    if (this.#cursor.options.onFault === undefined) this.#cursor.refuse(why);
  }
}

/** The rule that a line breaks which does not fit its family. */
function ruleOf({ type }: FamilyKind): FaultRule {
  if (type === "summary") return "summary";
  return type === "histogram" || type === "gauge_histogram" ? "histogram" : "family_name";
}

/** Where the label of a name stands; behind them all if there is none. */
function indexOf(labels: readonly Label[], name: string): number {
  let at = 0;
  while (at < labels.length && labels[at].name !== name) at++;
  return at;
}

function isEmpty({ metrics, distributions }: Assembly): boolean {
  return metrics.length === 0 && distributions.size === 0;
}

function nameOf({ name, kind }: Assembly): string {
  return name + (kind?.suffix ?? "");
}

/** Takes the names of a family's lines, unless a family further up has one of them: then says so. */
function takeNames(assembly: Assembly, takenBy: Map<string, string>): string | undefined {
  const { name, kind = UNTYPED } = assembly;
  const isWhole = assembly.distributions.size === 0;
  const taker = isWhole ? "a metric of one line" : `the ${kind.word} ${plainText(name)}`;
  const names = isWhole ? [nameOf(assembly)] : ["", ...Object.keys(kind.parts ?? {})].map((suffix) => name + suffix);
  for (const one of names) {
    const other = takenBy.get(one) ?? taker;
    if (other !== taker) return `${plainText(one)} is taken by ${other} further up`;
  }
  for (const one of names) takenBy.set(one, taker);
  return undefined;
}

/** The family; its samples go to `onFault` where it collides with another, or they contradict themselves. */
function* finished(
  assembly: Assembly,
  { collision, onFault }: { collision?: string; onFault?: (fault: LateFault) => void },
): Steps<MetricFamily[]> {
  const { kind = UNTYPED, help, unit } = assembly;
  const name = nameOf(assembly);
  const metrics: Metric[] = [];
  const take = (metric: Metric, { at, line, fault }: { at: number; line: number; fault?: string }) => {
    const why = collision ?? fault;
    if (why === undefined) return metrics.push(metric) > 0;
    const rule = collision === undefined ? ruleOf(kind) : "family_collision";
    onFault?.({ rule, why, at, line, sample: { name, labels: metric.labels } });
    return false;
  };
  for (const metric of assembly.metrics) take(metric, assembly);
  const taken: Distribution[] = [];
  let areWhole = true, count = 0;
  for (const distribution of assembly.distributions) {
    if (++count % STEP_SAMPLES === 0) yield;
    if (distribution.isRejected) continue;
    const { labels, timestampMs, at, line } = distribution;
    const { value, isWhole, fault } = kind.type === "summary" ? distribution.summary() : distribution.histogram();
    const metric = timestampMs === undefined ? { labels, value } : { labels, value, timestampMs };
    if (!take(metric, { at, line, fault: onFault && fault() })) continue;
    taken.push(distribution);
    areWhole &&= isWhole;
  }
  if (!areWhole && kind.type !== undefined && isDistribution(kind.type)) {
    return lineFamilies(assembly, kind.type, taken);
  }
  return [{
    name,
    ...(help === undefined ? {} : { help }),
    type: kind.type,
    ...(unit === undefined ? {} : { unit }),
    metrics,
  }];
}

/** What came of a histogram or summary, line name by line name, as Prometheus federates each one. */
function lineFamilies(
  { name, help }: Assembly,
  type: DistributionType,
  taken: readonly Distribution[],
): MetricFamily[] {
  const bySuffix = new Map<string, Metric[]>(LINE_SUFFIXES[type].map((suffix) => [suffix, []]));
  for (const distribution of taken) {
    for (const [suffix, line] of distribution.lines(type)) bySuffix.get(suffix)?.push(line);
  }
  return [...bySuffix].map(([suffix, metrics]) => ({
    name: name + suffix,
    ...(help === undefined ? {} : { help }),
    type: "untyped",
    metrics,
  }));
}
