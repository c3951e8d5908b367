/**
 * What a server says of itself when a client authorizes, so that the client sends nothing that it would not take. Servers of
 * openshift/telemeter say nothing, and take what was usual when they were written.
 *
 * @module
 */

/** What a server takes. */
export interface ServerAbilities {
  /** Whether names of metrics and labels may be any UTF-8. */
  readonly takesUtf8Names: boolean;
  /** Whether histograms may be native, and count by floating-point numbers. */
  readonly takesNativeHistograms: boolean;
  /** Whether timestamps may be any, or none: it counts a sample's age from its arrival. */
  readonly takesAnyTimestamps: boolean;
  /** The most labels of a series. */
  readonly maxLabels: number;
  /** How far a timestamp may be ahead of its clock, in milliseconds. */
  readonly maxAheadMs: number;
  /** How long it shows a sample, in milliseconds; Infinity where it does not say. */
  readonly ttlMs: number;
}

/** What a server takes that says nothing. */
export const UNKNOWN_SERVER: ServerAbilities = {
  takesUtf8Names: false,
  takesNativeHistograms: false,
  takesAnyTimestamps: false,
  maxLabels: 64,
  maxAheadMs: 600_000,
  ttlMs: Infinity,
};

const UTF8_NAMES = "utf8-names", NATIVE_HISTOGRAMS = "native-histograms", ANY_TIMESTAMPS = "any-timestamps";

/** Abilities as the answer to `/authorize` has them, beside the token. */
export interface WrittenAbilities {
  /** What is taken that not every server takes, by name. */
  readonly accepts: readonly string[];
  /** Limits that clients keep. */
  readonly limits: { readonly labels: number; readonly futureSeconds: number; readonly ttlSeconds: number };
}

/** Writes what a server of ours takes. */
export function writeAbilities({ takesAnyTimestamps, maxLabels, maxAheadMs, ttlMs }: Omit<
  ServerAbilities,
  "takesUtf8Names" | "takesNativeHistograms"
>): WrittenAbilities {
  return {
    accepts: [UTF8_NAMES, NATIVE_HISTOGRAMS, ...(takesAnyTimestamps ? [ANY_TIMESTAMPS] : [])],
    limits: { labels: maxLabels, futureSeconds: maxAheadMs / 1_000, ttlSeconds: ttlMs / 1_000 },
  };
}

/** Reads what a server says, in whatever state that is: what cannot be read is not said. */
export function readAbilities({ accepts, limits }: { accepts?: unknown; limits?: unknown }): ServerAbilities {
  const names = Array.isArray(accepts) ? accepts : [];
  const { labels, futureSeconds, ttlSeconds } = (limits ?? {}) as Record<string, unknown>;
  const amount = (value: unknown, otherwise: number) => typeof value === "number" && value > 0 ? value : otherwise;
  return {
    takesUtf8Names: names.includes(UTF8_NAMES),
    takesNativeHistograms: names.includes(NATIVE_HISTOGRAMS),
    takesAnyTimestamps: names.includes(ANY_TIMESTAMPS),
    maxLabels: Math.min(1_024, Math.floor(amount(labels, UNKNOWN_SERVER.maxLabels))),
    maxAheadMs: 1_000 * amount(futureSeconds, UNKNOWN_SERVER.maxAheadMs / 1_000),
    ttlMs: 1_000 * amount(ttlSeconds, UNKNOWN_SERVER.ttlMs),
  };
}
