/**
 * A kind of series of the trial: what the exposed families look like, and what is asked of them at both ends.
 *
 * @module
 */

import type { ExposedFamily } from "./client_model.ts";

/** How names are written at one end. */
export interface Dialect {
  /** A selector of the trial's series with this name, and these matchers besides. */
  series(name: string, matchers?: string): string;
  /** A label's name, as `by (…)` takes it. */
  label(name: string): string;
}

/** A PromQL expression, for an end. */
export type Expression = (dialect: Dialect) => string;

/** What is asked at the source, and what must have the same answer where series arrive. */
export type Question = Expression | { readonly source: Expression; readonly central: Expression };

/** Questions to instant vectors, and those that need the change from one step to the next. */
export interface Questions {
  /** Of what is there now. */
  readonly now: readonly Question[];
  /** Of what changed. */
  readonly change?: readonly Question[];
  /** Of what changed, where the answer depends on the release: asked of a Prometheus of the source's own. */
  readonly ofRelease?: readonly Question[];
}

/** The pages of the exposer, each of which the source scrapes with a setting of its own. */
export const PAGES = {
  /** Native histograms only in their native form. */
  plain: {},
  /** Histograms in both forms. */
  both: { always_scrape_classic_histograms: true },
  /** Classic histograms as native ones with custom buckets. */
  custom: { convert_classic_histograms_to_nhcb: true },
} as const;

/** The name of a page. */
export type PageName = keyof typeof PAGES;

/** One kind of series. */
export interface Kind {
  /** What people call it, in the plural. */
  readonly name: string;
  /** Where the exposer shows it. @default {"plain"} */
  readonly page?: PageName;
  /** The families at a step; what counts has grown since the step before. */
  readonly families: (step: number) => readonly ExposedFamily[];
  /** What is asked where series arrive as they are. */
  readonly questions: Questions;
  /** What is asked where they arrive as text, which has no native histograms. @default the same */
  readonly questionsOfText?: Questions;
}

/** How long a time the questions about changes look back on: all of the trial. */
export const WINDOW = "[5m]";
/** A counter on every page: rates are asked in relation to its rate, as scrapes at both ends differ in time. */
export const REFERENCE_NAME = "trial_reference_total";
/** A gauge on every page whose value is the step. */
export const STEP_NAME = "trial_step";

/** A rate in relation to that of the reference from the same page. */
export function relativeRate(selector: string, { series }: Dialect): string {
  return `rate(${selector}${WINDOW}) / on (job) group_left () rate(${series(REFERENCE_NAME)}${WINDOW})`;
}
