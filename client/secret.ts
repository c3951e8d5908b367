/**
 * Tokens and salts, from the command line or from files that may change while the program runs.
 *
 * @module
 */

import { plural } from "../common/plural.ts";
import { messageOf } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import { flagOf, UsageError } from "../common/options.ts";
import { SECRET_LIMIT_BYTES } from "../common/secret_text.ts";
import { WatchedFile } from "../common/watched_file.ts";
import { WatchedValue } from "../common/watched_value.ts";

/** Where a secret comes from. */
export interface SecretOptions {
  /** The name of the option that holds the secret itself; the one for its file is this name with `File` behind. */
  readonly name: string;
  /** The secret itself, given in place of a file; empty is as good as absent. */
  readonly text?: string;
  /** The file that holds it. */
  readonly path?: string;
  /**
   * Whether white space around the text counts; around what a file holds it never does.
   *
   * @default {false}
   */
  readonly isExact?: boolean;
  /** Says what is wrong with a value that cannot serve, without quoting it. */
  readonly faultOf?: (value: string) => string | undefined;
  /** Says what should be better about a value that serves, without quoting it. */
  readonly doubtOf?: (value: string) => string | undefined;
  /** Gets the warnings. */
  readonly log: Logger;
}

/** A secret as it is now: its file is read again when it changes. */
export class Secret {
  readonly #read: () => Promise<string>;

  private constructor(read: () => Promise<string>) {
    this.#read = read;
  }

  /**
   * Opens a secret, or nothing where neither a text nor a file is given.
   *
   * @throws {UsageError} if both are given, or the file cannot be read or holds no usable secret.
   */
  static async open(options: SecretOptions): Promise<Secret | undefined> {
    const { name, path, log, faultOf, doubtOf, isExact = false } = options;
    const text = isExact ? options.text : options.text?.trim();
    const flag = flagOf(name), fileFlag = flagOf(`${name}File`);
    if (text && path !== undefined) throw new UsageError(`Cannot use ${flag} beside ${fileFlag}: give the file only`);
    if (!text && path === undefined) return undefined;
    const tellDoubt = (value: string, fields: { readonly flag: string; readonly file?: string }) => {
      const doubt = doubtOf?.(value);
      if (doubt !== undefined) log.warn("A secret is not as good as it should be", { ...fields, it: doubt });
    };
    try {
      if (path === undefined) {
        const value = checkSecret(text!, { where: "it", faultOf });
        tellDoubt(value, { flag });
        return new Secret(() => Promise.resolve(value));
      }
      const watched = await WatchedValue.open({
        files: [new WatchedFile(path, { limitBytes: SECRET_LIMIT_BYTES })],
        parse: (text) => checkSecret(text.trim(), { where: `the file '${path}'`, faultOf }),
        onTakenUp: (value) => tellDoubt(value, { flag: fileFlag, file: path }),
        onFault: (error) => {
          const fields = { flag: fileFlag, file: path, error };
          log.warn("Cannot use the changed file of a secret: what it held before stays in use", fields);
        },
      });
      tellDoubt(watched.current, { flag: fileFlag, file: path });
      return new Secret(() => watched.check());
    } catch (cause) {
      throw new UsageError(`Bad ${path === undefined ? flag : fileFlag}: ${messageOf(cause)}`, { cause });
    }
  }

  /** The value as it is now. While the file cannot be used, the last good one stands, with one warning. */
  value(): Promise<string> {
    return this.#read();
  }
}

function checkSecret(
  value: string,
  { where, faultOf }: { where: string; faultOf: SecretOptions["faultOf"] },
): string {
  if (value === "") throw new SyntaxError(`Cannot use the secret: ${where} is empty: write the secret there`);
  const fault = faultOf?.(value);
  if (fault) throw new SyntaxError(`Cannot use the secret: ${where} ${fault}`);
  return value;
}

/** The shortest good salt, in bytes: below it, whoever has hashes of known values finds it by trying. */
const LEAST_SALT_BYTES = 16;

/** What is wrong with a salt, for {@linkcode SecretOptions.faultOf} or {@linkcode SecretOptions.doubtOf}. */
export function saltFault(text: string): string | undefined {
  const { length } = new TextEncoder().encode(text);
  if (length >= LEAST_SALT_BYTES) return undefined;
  return `has ${length} ${
    plural(length, "byte")
  }, and should have ${LEAST_SALT_BYTES} or more, such as \`openssl rand -hex 32\` makes`;
}
