/**
 * Of sources that send and of which nothing is shown: by which rules, and what to do about them.
 *
 * @module
 */

import { SAMPLE_RULES, type SampleRule } from "../../common/ingest/sample_rules.ts";
import { type Source, uploadOf } from "./source.ts";

/** How the allow-list is called among rules. */
export const ALLOW_LIST = "allow_list";

/**
 * The rules by which nothing of what a source sent last is shown, those first by which most is left out; undefined if something is, or
 * if it sends nothing.
 */
export function nothingShownBy(source: Source): string[] | undefined {
  const { series, pushedAtMs, writes } = source;
  if (series > 0 || pushedAtMs === 0) return undefined;
  const isWrite = writes !== undefined && writes.atMs > uploadOf(source).atMs;
  const { dropped, leftOut } = isWrite ? writes.current : { ...source, leftOut: Object.entries(source.leftOut) };
  const counts: [rule: string, samples: number][] = [...leftOut, [ALLOW_LIST, dropped]];
  // Of remote write what was taken may have passed its time since.
  const isTaken = isWrite && counts.reduce((sum, [, samples]) => sum + samples, 0) < writes.current.samples;
  if (isTaken) return undefined;
  const rules = counts.filter(([, samples]) => samples > 0).sort(([, a], [, b]) => b - a).map(([rule]) => rule);
  return rules.length === 0 ? undefined : rules;
}

/** What a rule says of the samples that break it, and what mends that; another member of a ring may know further rules. */
export function ruleWords(rule: string): { readonly what: string; readonly mend: string } {
  if (rule === ALLOW_LIST) return { what: "the allow-list drops it", mend: "widen --whitelist, if it is to be shown" };
  if (!Object.hasOwn(SAMPLE_RULES, rule)) return { what: "it breaks a rule", mend: "see the log of its client" };
  return SAMPLE_RULES[rule as SampleRule];
}
