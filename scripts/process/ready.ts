/**
 * Waiting until a program that was started answers.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import type { Child } from "./child.ts";
import { eventually } from "./eventually.ts";

/**
 * Waits until a URL answers with success.
 *
 * @throws {Error} if the program ends or the time is up before that, with its last lines; the signal's reason if that aborts.
 */
export async function untilReady(
  child: Child,
  url: URL,
  { timeoutMs = 30_000, signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const ended = new AbortController();
  child.exited.then(({ code, signal }) =>
    ended.abort(new Error(`The program ${child.name} ended before it was ready (${signal ?? `exit code ${code}`})`))
  );
  const signals = signal === undefined ? [ended.signal] : [ended.signal, signal];
  try {
    await eventually(`${child.name} to be ready at ${url}`, async (signal) => {
      const response = await fetch(url, { signal });
      await response.body?.cancel();
      return response.ok;
    }, { timeoutMs, signal: AbortSignal.any(signals) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Error(`${messageOf(cause)}; its last lines:\n${child.tail()}`, { cause });
  }
}
