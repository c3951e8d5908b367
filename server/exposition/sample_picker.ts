/**
 * Which samples of a cluster the selectors of a page pick: by names and labels as they came, whichever names the page shows.
 *
 * @module
 */

import {
  isDistribution,
  type Label,
  LINE_SUFFIXES,
  type MetricType,
  SUFFIX,
  UNLIMITED,
} from "../../common/exposition/metric_family.ts";
import { METRIC_NAME_LABEL } from "../../common/exposition/names.ts";
import { SampleCursor } from "../../common/exposition/sample_line.ts";
import type { Matcher, Selector } from "../../common/exposition/selector.ts";

const LINE_FEED = 0x0a;

/** The family whose samples are picked. */
export interface PickedFamily {
  /** Its name, as it came. */
  readonly name: string;
  /** Its type. */
  readonly type: MetricType;
}

/** Bytes of a cluster's text: where they start, and where they end. */
export type Range = readonly [start: number, end: number];

/** What a selector asks of the lines of one name. */
export interface Candidate {
  /** The name of the lines. */
  readonly lineName: string;
  /** What their labels must fulfil. */
  readonly matchers: readonly Matcher[];
}

/** What selectors make of a family: all of it, none of it, or what is held against each of its lines. */
export type Verdict = "all" | "none" | readonly Candidate[];

/**
 * What selectors, any of which picks a sample, make of families by their names. A histogram or summary is shown whole or not at
 * all: it is picked by any of its lines, and by its family's own name.
 */
export class SamplePicker {
  readonly #selectors: readonly Selector[];
  readonly #verdicts = new Map<MetricType, Map<string, Verdict>>();

  /** Picks by selectors; everything without any. */
  constructor(selectors: readonly Selector[]) {
    this.#selectors = selectors;
  }

  /** What the selectors make of a family. Decided once a name. */
  verdict({ name, type }: PickedFamily): Verdict {
    if (this.#selectors.length === 0) return "all";
    let verdicts = this.#verdicts.get(type);
    if (verdicts === undefined) this.#verdicts.set(type, verdicts = new Map());
    let verdict = verdicts.get(name);
    if (verdict === undefined) verdicts.set(name, verdict = verdictOf(this.#selectors, { name, type }));
    return verdict;
  }

  /** Whether a sample that is one line is picked. */
  picks({ name, type, labels }: PickedFamily & { readonly labels: readonly Label[] }): boolean {
    const verdict = this.verdict({ name, type });
    if (typeof verdict === "string") return verdict === "all";
    return verdict.some((candidate) => matches(candidate, { name, labels }));
  }
}

function verdictOf(selectors: readonly Selector[], { name, type }: PickedFamily): Verdict {
  const asked = LINE_SUFFIXES[type].map((suffix) => ({ asked: name + suffix, lineName: name + suffix }));
  // By its own name a sample is held against its labels, which that line has and nothing else.
  if (isDistribution(type)) asked.push({ asked: name, lineName: name + SUFFIX.count });
  const candidates: Candidate[] = [];
  for (const { matchers } of selectors) {
    const isOfName = (matcher: Matcher) => matcher.name === METRIC_NAME_LABEL;
    const [ofName, others] = [matchers.filter(isOfName), matchers.filter((matcher) => !isOfName(matcher))];
    const fitting = asked.filter(({ asked }) => ofName.every((matcher) => matcher.matches(asked)));
    if (fitting.length > 0 && others.length === 0) return "all";
    for (const { lineName } of fitting) candidates.push({ lineName, matchers: others });
  }
  return candidates.length === 0 ? "none" : candidates;
}

/** The ranges of a family's lines that are picked: whole samples out of those from `start` to `end`. */
export function pickSamples(
  text: Uint8Array,
  { range: [start, end], family: { name, type }, candidates }: {
    range: Range;
    family: PickedFamily;
    candidates: readonly Candidate[];
  },
): Range[] {
  const cursor = new SampleCursor(text.subarray(start, end), { format: "text format", options: UNLIMITED });
  // The last line of a sample of several lines.
  const lastName = isDistribution(type) ? name + SUFFIX.count : undefined;
  const ranges: Range[] = [];
  // Neighbours that are picked are one range.
  let from = start, sampleStart = start, isPicked = false;
  for (let at = start; cursor.nextLine();) {
    const line = cursor.series();
    isPicked ||= candidates.some((candidate) => matches(candidate, line));
    at = text.indexOf(LINE_FEED, at) + 1;
    if (lastName !== undefined && line.name !== lastName) continue;
    if (!isPicked) {
      if (from < sampleStart) ranges.push([from, sampleStart]);
      from = at;
    }
    sampleStart = at;
    isPicked = false;
  }
  if (from < end) ranges.push([from, end]);
  return ranges;
}

function matches({ lineName, matchers }: Candidate, { name, labels }: { name: string; labels: readonly Label[] }) {
  return name === lineName && matchers.every((matcher) => {
    return matcher.matches(labels.find((label) => label.name === matcher.name)?.value ?? "");
  });
}
