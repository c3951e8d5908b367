/**
 * Durations in the notation of Go's `time.ParseDuration`, which openshift/telemeter takes on its command lines.
 *
 * @module
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a duration such as `4m30s`, `1.5h` or `0`, and returns milliseconds (possibly a fraction, never negative).
 *
 * @throws {SyntaxError} if the text is not a duration of Go's notation or is negative.
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy)];
  const length = parts.reduce((n, part) => n + part[0].length, 0);
  if (parts.length === 0 || length !== text.length) {
    throw new SyntaxError(`Cannot read '${text}' as a duration: write it as 15s, 4m30s or 24h`);
  }
  return parts.reduce((ms, [, number, unit]) => ms + Number(number) * UNIT_MS[unit], 0);
}

/** Writes milliseconds the way Go does: `270000` is `4m30s`, `1500` is `1.5s`, `0` is `0s`. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 1_000) return `${ms}ms`;
  const hours = Math.floor(ms / UNIT_MS.h);
  const minutes = Math.floor((ms % UNIT_MS.h) / UNIT_MS.m);
  const seconds = Math.round(ms % UNIT_MS.m) / 1_000;
  const shown = (hours > 0 ? `${hours}h` : "") + (minutes > 0 ? `${minutes}m` : "") +
    (seconds > 0 ? `${seconds}s` : "");
  return shown || "0s";
}

/** The value of a field whose name ends with `Ms`, as nobody reads fractions of a millisecond; of any other field as it is. */
export function wholeMs(name: string, value: unknown): unknown {
  return typeof value === "number" && name.endsWith("Ms") ? Math.round(value) : value;
}
