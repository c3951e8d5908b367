/**
 * Tokens and salts, from the command line or from files that may change while the program runs.
 *
 * @module
 */

import type { Logger } from "../common/log.ts";
import { flagOf, UsageError } from "../common/options.ts";
import { warnIfExposed, WatchedFile } from "../common/watched_file.ts";

/** Where a secret comes from. */
export interface SecretOptions {
  /** The name of the option that holds the secret itself; the one for its file is this name with `File` behind. */
  readonly name: string;
  /** The secret itself, given in place of a file; empty is as good as absent. */
  readonly text?: string;
  /** The file that holds it. */
  readonly path?: string;
  /** Says what is wrong with a value that cannot serve, without quoting it. */
  readonly faultOf?: (value: string) => string | undefined;
  /** Gets the warnings. */
  readonly log: Logger;
}

/** A secret as it is now: its file is read again when it changes, and surrounding white space does not count. */
export class Secret {
  readonly #options: SecretOptions;
  readonly #file: WatchedFile | undefined;
  #value = "";
  #complaint = "";

  private constructor(options: SecretOptions) {
    this.#options = options;
    this.#file = options.path === undefined ? undefined : new WatchedFile(options.path);
  }

  /**
   * Opens a secret, or nothing where neither a text nor a file is given. Warns of one that others on the machine can read.
   *
   * @throws {UsageError} if both are given, or the file cannot be read or holds no usable secret.
   */
  static async open(options: SecretOptions): Promise<Secret | undefined> {
    const { name, path, log } = options;
    const text = options.text?.trim();
    const flag = flagOf(name), fileFlag = flagOf(`${name}File`);
    if (text && path !== undefined) throw new UsageError(`Cannot use ${flag} beside ${fileFlag}: give the file only`);
    if (!text && path === undefined) return undefined;
    const secret = new Secret({ ...options, text });
    try {
      secret.#value = await secret.#read();
    } catch (cause) {
      throw new UsageError(`Bad ${path === undefined ? flag : fileFlag}: ${sentenceOf(cause)}`, { cause });
    }
    if (path === undefined) {
      log.warn("A secret on the command line shows in the list of processes; give it in a file", { instead: fileFlag });
    } else await warnIfExposed(path, { option: fileFlag, log });
    return secret;
  }

  /** The value as it is now. While the file cannot be used, the last good one stands, with one warning. */
  async value(): Promise<string> {
    const { name, path, log } = this.#options;
    try {
      this.#value = await this.#read();
      this.#complaint = "";
    } catch (error) {
      const complaint = sentenceOf(error);
      if (complaint !== this.#complaint) {
        const fields = { flag: flagOf(`${name}File`), file: path, error: complaint };
        log.warn("Cannot use the changed file of a secret and goes on with what it held before", fields);
      }
      this.#complaint = complaint;
    }
    return this.#value;
  }

  async #read(): Promise<string> {
    const value = this.#file ? (await this.#file.text()).trim() : this.#options.text ?? "";
    const where = this.#file ? `the file '${this.#options.path}'` : "it";
    if (value === "") throw new SyntaxError(`Cannot take the secret as ${where} is empty`);
    const fault = this.#options.faultOf?.(value);
    if (fault) throw new SyntaxError(`Cannot take the secret as ${where} ${fault}`);
    return value;
  }
}

/** Whether a text can be a bearer token: what a header carries, without spaces. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** What is wrong with a text as a bearer token, for {@linkcode SecretOptions.faultOf}. */
export function tokenFault(text: string): string | undefined {
  return isToken(text) ? undefined : "holds spaces, line breaks or characters that a token does not have";
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
