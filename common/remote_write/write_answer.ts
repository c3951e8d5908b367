/**
 * What a receiver's answer to a request of remote write means. Pure: it sees a status and headers.
 *
 * @module
 */

import { parseRetryAfter } from "../backoff.ts";
import type { WriteVersion } from "./write_fields.ts";

/** What is to be done. */
export type WriteVerdict =
  /** It has all; or, where it refuses some samples and says so, the number of those that are. */
  | { readonly do: "go on"; readonly written?: number }
  /** It does not take this version. */
  | { readonly do: "fall back" }
  /** It is in trouble: the same again, later. */
  | { readonly do: "try again"; readonly retryAfterMs?: number }
  /** It will never take this. */
  | { readonly do: "drop" };

/** The counts by which a receiver of version 2.0 says what it has taken. */
const WRITTEN = ["x-prometheus-remote-write-samples-written", "x-prometheus-remote-write-histograms-written"];

/** Reads an answer to a request of a version. */
export function readWriteAnswer(
  { status, headers }: Pick<Response, "status" | "headers">,
  { version, nowMs }: { version: WriteVersion; nowMs: number },
): WriteVerdict {
  const counts = WRITTEN.map((name) => headers.get(name)).filter((text) => text !== null && /^\d{1,15}$/.test(text));
  const saysWritten = counts.length > 0;
  const written = counts.reduce((sum, text) => sum + Number(text), 0);
  // One that knows version 1.0 alone reads nothing in a request of 2.0, and may well be content with that.
  if (version === "2.0" && (status === 415 || !saysWritten && (status < 300 || status === 400))) {
    return { do: "fall back" };
  }
  if (status < 300) return { do: "go on" };
  if (status >= 500 || status === 429) {
    return { do: "try again", retryAfterMs: parseRetryAfter(headers.get("retry-after"), nowMs) };
  }
  return version === "2.0" && saysWritten ? { do: "go on", written } : { do: "drop" };
}
