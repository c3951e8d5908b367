/**
 * Paths that the user names: what is wrong with one is a sentence for the user, and no fault of the program.
 *
 * @module
 */

import { messageOf } from "./explain.ts";
import { UsageError } from "./options.ts";

/** What the system says is wrong with a file, without the operation and the path that Deno adds. */
export function fileFault(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  return messageOf(cause).replace(/ \(os error \d+\)/, "").replace(/: [a-z]+ '.*'$/s, "");
}

/**
 * Does work on a path that the user named.
 *
 * @param attempt what is tried, such as `Cannot write into 'certs/'`; what the system says follows
 * @throws {UsageError} for what the system or a missing permission refuses; other errors pass as they are.
 */
export async function onNamedPath<T>(attempt: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    throw new UsageError(`${attempt}: ${fileFault(cause)}`, { cause });
  }
}

/** Errors of the system carry its code. */
function isRefusal(error: unknown): boolean {
  if (error instanceof Deno.errors.NotCapable) return true;
  return error instanceof Error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}
