/**
 * The store's failures by reason: what they are called, what they mean and what to do.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";

/** Why the store cannot write: a label of its failure counter. */
export type FailureReason = "full" | "io" | "locked" | "garbled" | "busy" | "stalled" | "closed" | "other";

/** How long a refused caller is told to wait unless an option says otherwise, in milliseconds. */
export const RETRY_AFTER_MS = 30_000;

interface Failure {
  readonly reason: FailureReason;
  /** Found in the message of Deno KV's error; SQLite's own words, and the same for every version of it. */
  readonly pattern?: RegExp;
  readonly sentence: (location: string) => string;
}

const FAILURES: readonly Failure[] = [
  {
    reason: "full",
    pattern: /database or disk is full/,
    sentence: (at) => `the disk of ${at} is full: free some space, and it goes on by itself with all that it holds`,
  },
  {
    reason: "io",
    pattern: /disk I\/O error|unable to open database|readonly database/,
    sentence: (at) =>
      `the system refuses to write to ${at}: check the disk, its mount, its quota and the file size limit`,
  },
  {
    reason: "locked",
    pattern: /database (table )?is locked/,
    sentence: (at) => `another process holds a lock on ${at}: stop it`,
  },
  {
    reason: "garbled",
    pattern: /malformed|not a database/,
    sentence: (at) => `${at} is garbled: restart the server, which sets the file aside and saves what can be read`,
  },
  {
    reason: "closed",
    pattern: /(database|resource|queue) is closed|Bad resource ID|BadResource/i,
    sentence: (at) => `${at} is closed: the server is stopping`,
  },
  {
    reason: "busy",
    sentence: (at) => `more pushes wait for ${at} than its queue takes: its disk is too slow for them`,
  },
  {
    reason: "stalled",
    sentence: (at) => `a write to ${at} does not end: check its disk, and whether another process keeps it locked`,
  },
  { reason: "other", sentence: (at) => `${at} failed: see the cause` },
];

/** Every reason. */
export const FAILURE_REASONS: readonly FailureReason[] = FAILURES.map(({ reason }) => reason);

/** The store cannot take what was to be written, or cannot be read. An upload that gets this is a 503, not acknowledged. */
export class StoreUnavailableError extends Error {
  /** Stable, for the place that maps errors to HTTP statuses. */
  readonly code = "store_unavailable";
  /** The name that stack traces show. */
  override readonly name = "StoreUnavailableError";
  /** A label for counters. */
  readonly reason: FailureReason;
  /** How long a client should wait, in milliseconds. */
  readonly retryAfterMs: number;

  /** Says what happened to the store at a place, and what to do. */
  constructor(reason: FailureReason, options: { location: string; retryAfterMs: number; cause?: unknown }) {
    const { location, retryAfterMs, cause } = options;
    const { sentence } = FAILURES.find((failure) => failure.reason === reason)!;
    super(`Cannot use the store as ${sentence(location)}`, cause === undefined ? {} : { cause });
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Tells the reason of an error that Deno KV threw. */
export function reasonOf(error: unknown): FailureReason {
  const message = messageOf(error);
  return FAILURES.find(({ pattern }) => pattern?.test(message))?.reason ?? "other";
}
