/**
 * What must hold of the page with underscores: it is the page with names in quotes, but for names, and for series that
 * become the same.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { type ExpositionSample, parseExposition, seriesKey } from "../support/exposition_parser.ts";
import type { Target } from "./target.ts";

/** What differs, in words; undefined if nothing does. `samples` are those of the page with names in quotes. */
export async function checkEscaped(
  samples: readonly (readonly [key: string, sample: ExpositionSample])[],
  target: Target,
): Promise<string | undefined> {
  let shown: Map<string, number>;
  try {
    const page = parseExposition(await target.page("text/plain; version=0.0.4"), { floatCounts: true });
    shown = new Map([...page.values()].flatMap(({ samples }) => [...samples].map(([key, { value }]) => [key, value])));
  } catch (error) {
    return messageOf(error);
  }
  // Who has a name by itself has it; else one of those that come to it.
  const candidates = new Map<string, { isOwn: boolean; values: number[] }>();
  for (const [key, { name, labels, value }] of samples) {
    const escaped = new Map([...labels].map(([label, value]) => [underscored(label, LABEL_WRONG), value]));
    // Labels that become one cost the sample.
    if (escaped.size < labels.size) continue;
    const escapedKey = seriesKey(underscored(name, METRIC_WRONG), escaped);
    const isOwn = escapedKey === key;
    const known = candidates.get(escapedKey);
    if (known === undefined || isOwn) candidates.set(escapedKey, { isOwn, values: [value] });
    else if (!known.isOwn) known.values.push(value);
  }
  for (const [key, { values }] of candidates) {
    if (!shown.has(key)) return `${key} is missing`;
    if (!values.some((value) => Object.is(value, shown.get(key)))) return `${key} is ${shown.get(key)}`;
  }
  return shown.keys().find((key) => !candidates.has(key));
}

const METRIC_WRONG = /^[^a-zA-Z_:]|(?<!^)[^a-zA-Z0-9_:]/gu, LABEL_WRONG = /^[^a-zA-Z_]|(?<!^)[^a-zA-Z0-9_]/gu;

function underscored(name: string, wrong: RegExp): string {
  return name.replace(wrong, "_");
}
