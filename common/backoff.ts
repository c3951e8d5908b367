/**
 * When to try again after a failure. Pure arithmetic; the timers are in who tries.
 *
 * @module
 */

/** The wait after a first failure, before jitter, in milliseconds; it doubles with each failure in a row. */
const FIRST_RETRY_MS = 1_000;

/** The longest `Retry-After` that is honoured, in milliseconds: an hour, lest one bad header silence a client for good. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** What the wait depends on. */
export interface RetryOptions {
  /** Failures in a row, from 1 up. */
  readonly failures: number;
  /** The longest backoff, in milliseconds, such as the interval between pushes. */
  readonly intervalMs: number;
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs?: number;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
}

/**
 * Milliseconds to wait before the next attempt: between a half and the whole of 1 s, 2 s, 4 s … up to the interval, so that
 * clients which failed together do not come back together. Not sooner than the server asked, with up to a tenth on top.
 */
export function retryDelayMs({ failures, intervalMs, retryAfterMs = 0, random }: RetryOptions): number {
  const ceilingMs = Math.min(intervalMs, FIRST_RETRY_MS * 2 ** (failures - 1));
  const backoffMs = ceilingMs * (0.5 + random() / 2);
  const askedMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) * (1 + random() / 10);
  return Math.ceil(Math.max(backoffMs, askedMs));
}

/**
 * Reads a `Retry-After` header (RFC 9110, section 10.2.3): whole seconds or an HTTP date, as milliseconds from `nowMs`.
 * What does not parse, or lies in the past, asks for nothing.
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  // Date.parse takes much that is no HTTP date, such as a negative number, so that its shape is looked at first.
  const dateMs = /^[A-Z][a-z]+, \d/.test(text) ? Date.parse(text) : NaN;
  return dateMs > nowMs ? dateMs - nowMs : undefined;
}
