/**
 * What must hold of the account of a push: each sample that is not shown is counted once, under a rule that it breaks.
 *
 * @module
 */

import { SAMPLE_RULE_NAMES } from "../../common/ingest/sample_rules.ts";
import type { RenderedPush } from "../../server/ingest/renderer.ts";
import type { ExpectedSeries } from "../support/expected_series.ts";
import type { KeptSamples } from "../support/kept_samples.ts";

/** What is counted wrongly, in words; undefined if nothing is. */
export function checkLosses(
  { leftOut, received, dropped, duplicates, stale }: RenderedPush,
  { kept, expected }: { kept: KeptSamples; expected: ExpectedSeries },
): string | undefined {
  const counts: readonly (readonly [what: string, is: number, wanted: number])[] = [
    ["received", received, kept.received],
    ["dropped by the allow-list", dropped, kept.dropped],
    ["replaced", duplicates, expected.duplicates],
    ["stale", stale, expected.stale],
    ["left out", leftOut.values().reduce((sum, { count }) => sum + count, 0), kept.leftOut.length],
  ];
  const wrong = counts.find(([, is, wanted]) => is !== wanted);
  if (wrong !== undefined) return `${wrong[1]} samples are ${wrong[0]} in place of ${wrong[2]}`;
  for (const rule of SAMPLE_RULE_NAMES) {
    const count = leftOut.get(rule)?.count ?? 0;
    const breaking = kept.leftOut.filter((broken) => broken.has(rule));
    const least = breaking.filter(({ size }) => size === 1).length;
    if (count < least || count > breaking.length) {
      return `${count} samples are left out for ${rule}, which from ${least} to ${breaking.length} break`;
    }
  }
  return undefined;
}
