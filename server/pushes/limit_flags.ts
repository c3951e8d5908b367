/**
 * Which flag lets a push in that was refused by a limit, and how far it is over that: for the log, the API and the page.
 *
 * @module
 */

import { flagOf } from "../../common/options.ts";
import type { Excess, Remedy } from "../directory/source.ts";

/** What a refusal says, and the option that sets the limit. */
const LIMITS: readonly [says: RegExp, option: string][] = [
  [/^Cannot take a body of more than/, "limitBytes"],
  [/^Cannot uncompress the body as it holds more than|bytes of (text|families)$/, "limitDecompressedBytes"],
  [/\bfamilies(: there are \d+)?$/, "limitFamilies"],
  [/\blabels\b/, "limitLabels"],
  [/the server's limit of .* series|the server's limit of .* bytes of series/, "limitTotalSeries"],
  [/\bseries(: there are \d+)?$/, "limitSeries"],
  [/^Cannot take another cluster as the server already holds/, "limitClusters"],
  [/short of memory/, "limitMemory"],
];

/** The flag to raise for a refusal; undefined where no flag is of use. */
export function flagToRaise(
  { status, message, isText }: { readonly status: number; readonly message: string; readonly isText: boolean },
): string | undefined {
  if (status !== 413 && status !== 503) return undefined;
  const option = LIMITS.find(([says]) => says.test(message))?.[1];
  // Which of the two a text meets depends on which is less; both are in the way then.
  if (option === "limitDecompressedBytes" && isText) return flagOf("limitTextBytes");
  return option && flagOf(option);
}

/** What a refusal says by its reason, whatever its sentence. */
const BY_REASON: Readonly<Record<string, { readonly lower: string } | { readonly raise: string }>> = {
  rate: { lower: flagOf("ratelimit") },
  samples: { raise: flagOf("limitSamplesPerSecond") },
};

/** How far a push was over which limit, as its refusal says. */
const EXCESS = /^Cannot take .*\b(series|families|bytes): there are (\d{1,15})\b/;

/** What would let in what is refused, and how far it is over the limit. */
export function remedyOf(
  refusal: { readonly status: number; readonly reason: string; readonly message: string; readonly isText: boolean },
): Remedy {
  const raise = flagToRaise(refusal);
  const [, limit, sent] = EXCESS.exec(refusal.message) ?? [];
  return {
    ...raise !== undefined ? { raise } : BY_REASON[refusal.reason],
    ...limit !== undefined && { over: { limit: limit as Excess["limit"], sent: Number(sent) } },
  };
}
