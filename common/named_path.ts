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
 * @param options.limitBytes the longest that is read; that of {@linkcode readRegularFile} by default
 * @param options.parse makes of the text what is wanted; throws a sentence that says what is wrong with it
 * @throws {UsageError} if it cannot be read or holds nothing of use.
 */
export async function readNamedFile<T>(
  path: string,
  { flag, parse, limitBytes }: { flag: string; parse: (text: string) => T | Promise<T>; limitBytes?: number },
): Promise<T> {
  try {
    const bytes = await readRegularFile(path, { limitBytes }).catch((cause) => {
      throw new UnreadableFileError(path, cause);
    });
    return await parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw fileUsageError(cause, { flag, path });
  }
}

/** What is done with a path. */
export type PathUse = "read" | "write";

/** What the system has against a path, and what to do. */
interface PathFault {
  readonly why: string;
  readonly todo: string;
}

/** By the system's codes. `NOWHERE` and `NOT_LET` stand for what Deno refuses before the system is asked. */
const PATH_FAULTS: Readonly<Record<PathUse, Readonly<Record<string, PathFault>>>> = {
  read: {
    ENOENT: { why: "there is no such file", todo: "make it, or name another" },
    EISDIR: { why: "it is a directory", todo: "name a file" },
    ENOTDIR: { why: "a part of its path is a file", todo: "name a path of directories" },
    EACCES: { why: "this user may not read it", todo: "have its owner allow that, or name another" },
    ELOOP: { why: "its links lead round in a circle", todo: "name another" },
    ENAMETOOLONG: { why: "its name is too long", todo: "name another" },
    NOWHERE: { why: "it is in one of the system's own directories", todo: "name another" },
    NOT_LET: { why: "the program was started without the permission to read it", todo: "start it as its task does" },
  },
  write: {
    ENOENT: { why: "the directory it belongs in is not there", todo: "make that first" },
    EEXIST: { why: "something of that name is there already", todo: "name another" },
    EISDIR: { why: "it is a directory", todo: "name a file" },
    ENOTDIR: { why: "a part of its path is a file", todo: "name a path of directories" },
    EACCES: { why: "this user may not write there", todo: "have its owner allow that, or name another place" },
    EPERM: { why: "this user may not write there", todo: "have its owner allow that, or name another place" },
    EROFS: { why: "nothing can be written to its disk", todo: "name another place" },
    ENOSPC: { why: "its disk is full", todo: "make room there" },
    ELOOP: { why: "its links lead round in a circle", todo: "name another" },
    ENAMETOOLONG: { why: "its name is too long", todo: "name another" },
    NOWHERE: { why: "it is in one of the system's own directories", todo: "name another place" },
    NOT_LET: { why: "the program was started without the permission to write it", todo: "start it as its task does" },
  },
};

/** What is wrong with a file and what to do, in place of what Deno says, which may be a hint to allow the program everything. */
export function fileFault(cause: unknown, use: PathUse = "read"): string {
  const { why, todo } = faultOf(cause, use) ?? {};
  return why === undefined ? plainMessage(cause) : `${why}: ${todo}`;
}

/** The same without what to do, for who knows better. */
export function fileReason(cause: unknown, use: PathUse = "read"): string {
  return faultOf(cause, use)?.why ?? plainMessage(cause);
}

function faultOf(cause: unknown, use: PathUse): PathFault | undefined {
  return PATH_FAULTS[use][codeOf(cause) ?? ""];
}

function codeOf(cause: unknown): string | undefined {
  // A program is kept out of some of the system's directories unless it may do everything.
  if (cause instanceof Deno.errors.NotCapable) return cause.message.includes("all access") ? "NOWHERE" : "NOT_LET";
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  // Some carry no code.
  if (cause instanceof Deno.errors.NotFound) return "ENOENT";
  if (cause instanceof Deno.errors.AlreadyExists) return "EEXIST";
  return undefined;
}

/** What the system says, without the operation and the path that Deno adds. */
function plainMessage(cause: unknown): string {
  return messageOf(cause).replace(/ \(os error \d+\)/, "").replace(/: [a-z]+ '.*'$/s, "");
}

/**
 * Writes to a path that the user named.
 *
 * @param attempt what is tried, such as `Cannot write into 'certs/'`; what the system says follows
 * @throws {UsageError} for what the system or a missing permission refuses; other errors pass as they are.
 */
export async function onNamedPath<T>(attempt: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    throw new UsageError(`${attempt}: ${fileFault(cause, "write")}`, { cause });
  }
}

/** Errors of the system carry its code. */
function isRefusal(error: unknown): boolean {
  if (error instanceof Deno.errors.NotCapable) return true;
  return error instanceof Error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}
