/**
 * Which flag lets a push in that was refused by a limit, and how far it is over that: for the log, the API and the page.
 *
 * @module
 */

import type { PassedLimit } from "../../common/exposition/metric_family.ts";
import type { HttpError } from "../../common/http/http.ts";
import { flagOf } from "../../common/options.ts";
import { type Remedy, SOURCE_LIMITS } from "../directory/source.ts";

/** The options that set the limits of a push. */
const OPTIONS: Readonly<Record<NonNullable<PassedLimit["limit"]>, string>> = {
  bytes: "limitBytes",
  decompressedBytes: "limitDecompressedBytes",
  families: "limitFamilies",
  series: "limitSeries",
  labels: "limitLabels",
};

/** What a refusal says by its reason. */
const BY_REASON: ReadonlyMap<string, Remedy> = new Map(Object.entries({
  rate: { lower: flagOf("ratelimit") },
  samples: { raise: flagOf("limitSamplesPerSecond") },
  clusters: { raise: flagOf("limitClusters") },
  total_series: { raise: flagOf("limitTotalSeries") },
  memory: { raise: flagOf("limitMemory") },
}));

/** What would let in what is refused, and how far it is over the limit; nothing where no flag is of use. */
export function remedyOf(
  { reason, passed: { limit: name, sent } = {} }: Pick<HttpError, "reason" | "passed">,
  { isText }: { readonly isText: boolean },
): Remedy {
  if (name === undefined) return BY_REASON.get(reason) ?? {};
  // Which of the two a text meets depends on which is less; both are in the way then.
  const option = name === "decompressedBytes" && isText ? "limitTextBytes" : OPTIONS[name];
  const limit = SOURCE_LIMITS.find((known) => known === name);
  return { raise: flagOf(option), ...limit !== undefined && sent !== undefined && { over: { limit, sent } } };
}
