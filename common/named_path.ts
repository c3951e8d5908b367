/**
 * Paths that the user names: what is wrong with one is a sentence for the user, and no fault of the program.
 *
 * @module
 */

import { messageOf } from "./explain.ts";
import { UsageError } from "./options.ts";
import { readRegularFile } from "./regular_file.ts";

/** A file that cannot be read, with a sentence that names it. */
export class UnreadableFileError extends Error {
  /** Stable, for {@linkcode fileUsageError}. */
  readonly code = "unreadable";
  /** The name that stack traces show. */
  override readonly name = "UnreadableFileError";

  /** Takes the file's path and what was thrown when it was read. */
  constructor(path: string, cause: unknown) {
    super(`Cannot read '${path}': ${fileFault(cause)}`, { cause });
  }
}

/** What a user is told of a file that an option names and that cannot be used: the flag, the file and why. */
export function fileUsageError(cause: unknown, { flag, path }: { flag: string; path: string }): UsageError {
  const message = messageOf(cause);
  // That it cannot be read names the file already.
  const sentence = cause instanceof UnreadableFileError
    ? `Bad ${flag}: ${message}`
    : `Bad ${flag} '${path}': ${message}`;
  return new UsageError(sentence, { cause });
}

/**
 * Reads a file that an option names.
 *
 * @param options.flag the option, as the user writes it
 * @param options.parse makes of the text what is wanted; throws a sentence that says what is wrong with it
 * @throws {UsageError} if it cannot be read or holds nothing of use.
 */
export async function readNamedFile<T>(
  path: string,
  { flag, parse }: { flag: string; parse: (text: string) => T | Promise<T> },
): Promise<T> {
  try {
    const bytes = await readRegularFile(path).catch((cause) => {
      throw new UnreadableFileError(path, cause);
    });
    return await parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw fileUsageError(cause, { flag, path });
  }
}

/** What the system says is wrong with a file, without the operation and the path that Deno adds. */
function fileFault(cause: unknown): string {
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
