/**
 * What must hold of the page with underscores: it is the page with names in quotes, but for names, and for series that
 * become the same.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { type ExpectedSeries, expectedSeries, plainRules } from "../support/expected_series.ts";
import { type ExpositionSample, parseExposition, seriesKey } from "../support/exposition_parser.ts";
import { oracleDecode } from "../support/metric_family_oracle.ts";
import type { PushTarget } from "./push_target.ts";

/** What differs, in words; undefined if nothing does. `samples` are those of the page with names in quotes. */
export async function checkEscaped(
  samples: readonly (readonly [key: string, sample: ExpositionSample])[],
  target: PushTarget,
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
  const stray = shown.keys().find((key) => !candidates.has(key));
  return stray ?? checkProtobuf(shown, await escapedProtobuf(target));
}

/** The page in protobuf with underscores, as an independent decoder reads it. */
async function escapedProtobuf(target: PushTarget): Promise<ExpectedSeries> {
  const page = await target.page(
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
  );
  return expectedSeries(oracleDecode(page), plainRules(target.rules));
}

/**
 * No series comes twice, names are classic, and what is no native histogram stands in text as well, if perhaps as a line of
 * a native one.
 */
function checkProtobuf(
  text: ReadonlyMap<string, number>,
  { lines, natives, duplicates }: ExpectedSeries,
): string | undefined {
  if (duplicates > 0) return `${duplicates} series come twice in protobuf`;
  for (const { family: { name }, labels } of natives.values()) {
    if (name !== underscored(name, METRIC_WRONG)) return `${name} is no classic name`;
    const label = labels.keys().find((label) => label !== underscored(label, LABEL_WRONG));
    if (label !== undefined) return `${label} is no classic name`;
  }
  return lines.keys().find((key) => !text.has(key));
}

const METRIC_WRONG = /^[^a-zA-Z_:]|(?<!^)[^a-zA-Z0-9_:]/gu, LABEL_WRONG = /^[^a-zA-Z_]|(?<!^)[^a-zA-Z0-9_]/gu;

function underscored(name: string, wrong: RegExp): string {
  return name.replace(wrong, "_");
}
