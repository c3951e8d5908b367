/**
 * Passwords of user names in URLs, from files, so that no command line has to hold them.
 *
 * @module
 */

import { readNamedFile } from "./named_path.ts";
import { UsageError } from "./options.ts";
import { passwordIn, SECRET_LIMIT_BYTES } from "./secret_text.ts";

/** The option that has the user name, and the one that names the file. */
export interface UrlPasswordFlags {
  /** The flag of the URL. */
  readonly flag: string;
  /** The flag of the file. */
  readonly fileFlag: string;
}

/**
 * Reads the password that goes with a user name. White space around it does not count.
 *
 * @throws {UsageError} if there is no user name, or a password already, or the file cannot be read or is empty.
 */
export async function readUrlPassword(
  path: string,
  { username, password, flag, fileFlag }: { username: string; password: string } & UrlPasswordFlags,
): Promise<string> {
  if (username === "") {
    throw new UsageError(`Cannot use ${fileFlag} without a user name in ${flag}: write http://USER@HOST:PORT there`);
  }
  if (password !== "") throw new UsageError(`Cannot use ${fileFlag} beside a password in ${flag}: leave that out`);
  return await readNamedFile(path, { flag: fileFlag, parse: passwordIn, limitBytes: SECRET_LIMIT_BYTES });
}

/** A URL with the password of a file, if one is named; see {@linkcode readUrlPassword}. */
export async function withPassword(
  url: URL,
  { path, ...flags }: { path: string | undefined } & UrlPasswordFlags,
): Promise<URL> {
  const { username, password } = url;
  const whole = new URL(url);
  if (path !== undefined) {
    whole.password = encodeURIComponent(await readUrlPassword(path, { username, password, ...flags }));
  }
  return whole;
}
