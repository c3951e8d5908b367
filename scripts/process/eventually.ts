/**
 * Waiting for a condition that only asking can tell, such as what an HTTP page shows.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { pause } from "../../common/pause.ts";

/** How long and how often to ask. */
export interface EventuallyOptions {
  /** When to give up. */
  readonly timeoutMs: number;
  /** The pause between two questions. @default {50} */
  readonly intervalMs?: number;
  /** Ends the wait early with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Asks until the answer is neither `undefined` nor `false` and returns it. What `check` throws counts as no for now; its
 * argument is aborted when the time is up, so that a question without an answer ends too.
 *
 * @throws {Error} naming `what` when the time is up, with the last thing thrown as its cause.
 */
export async function eventually<T>(
  what: string,
  check: (signal: AbortSignal) => T | Promise<T>,
  { timeoutMs, intervalMs = 50, signal }: EventuallyOptions,
): Promise<Exclude<T, undefined | false>> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  const stop = () => over.abort();
  signal?.addEventListener("abort", stop, { once: true });
  let cause: unknown;
  try {
    signal?.throwIfAborted();
    while (!over.signal.aborted) {
      try {
        const answer = await check(over.signal);
        if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
        cause = undefined;
      } catch (error) {
        // An abort says nothing new: what went wrong before it does.
        if (!over.signal.aborted || cause === undefined) cause = error;
      }
      await pause(intervalMs, over.signal);
    }
    signal?.throwIfAborted();
    const because = cause === undefined ? "" : `: ${messageOf(cause)}`;
    throw new Error(`Waited ${timeoutMs / 1_000} s in vain for ${what}${because}`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
