/**
 * Which flag lets a push in that was refused for its size, for those who read the log.
 *
 * @module
 */

import { flagOf } from "../../common/options.ts";

/** What a refusal says, and the option that sets the limit. */
const LIMITS: readonly [says: RegExp, option: string][] = [
  [/^Cannot take a body of more than/, "limitBytes"],
  [/^Cannot uncompress the body as it holds more than|bytes of text$/, "limitDecompressedBytes"],
  [/\bfamilies$/, "limitFamilies"],
  [/\blabels\b/, "limitLabels"],
  [/the server's limit of .* series|the server's limit of .* bytes of series/, "limitTotalSeries"],
  [/\bseries$/, "limitSeries"],
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
