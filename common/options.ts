/**
 * Option tables: one table a program feeds the parser, the defaults, `--help` and `docs/configuration.md`.
 *
 * @module
 */

import { LOG_FORMATS, LOG_LEVELS } from "./log.ts";
import { choice, count, file, flag, type Kind } from "./option_kinds.ts";
import { plainText } from "./plain_text.ts";

/**
 * What of an option is secret: `value`, which is better in the file of another option; `file`, all that is in the file, or
 * files, that it names; `key file`, the same if a private key is in it; `config file`, the same if it gives an option that is
 * secret; `none`, where it looks as if something were.
 */
export type Secrecy = "value" | "file" | "key file" | "config file" | "none";

/** One row of an option table. The flag is the row's key in kebab case: `limitBytes` is `--limit-bytes`. */
export interface OptionRow<T = unknown> {
  /** How the text is read. */
  readonly kind: Kind<T>;
  /** One sentence for `--help` and `docs/configuration.md`. */
  readonly help: string;
  /** What stands when the flag is absent, written as a user would write it. */
  readonly default?: string;
  /** A one-letter form. */
  readonly short?: string;
  /** The program does not start without it. */
  readonly required?: true;
  /** An empty value turns off what the default would do. Of a row without a default, it is as good as no flag. */
  readonly empty?: "none";
  /**
   * What a flag would do that is given and says nothing, such as one whose variable a template did not fill: then it is
   * refused.
   */
  readonly emptyWould?: string;
  /** The name of an option beside which that does not happen, so that it may say nothing. */
  readonly emptyBeside?: string;
  /** What of it is secret. Each option that names a file must say so, even if nothing is. */
  readonly secret?: Secrecy;
  /**
   * The name of the option whose file takes the secret that the value is, or has in it.
   *
   * @default the option's own name with `File` behind it
   */
  readonly secretFile?: string;
  /** Another value takes effect at a reload, without a restart. */
  readonly reloads?: true;
  /** The version that first had it. */
  readonly since?: string;
  /** Why somebody would change it, in a sentence. */
  readonly why?: string;
}

/** An option table, by camel-case name. */
export type OptionTable = Readonly<Record<string, OptionRow>>;

/**
 * The values that a table yields: undefined only where a row has neither a default, nor is required, nor is a list, or where an
 * empty value turns it off.
 */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionRow<infer T>
    ? Table[Name] extends { empty: "none" } ? T | undefined
    : Table[Name] extends { default: string } | { required: true } ? T
    : T extends boolean | readonly unknown[] | ReadonlyMap<unknown, unknown> ? T
    : T | undefined
    : never;
};

/** What `--help` and `docs/configuration.md` say of a program besides its options. */
export interface Program<Table extends OptionTable> {
  /** What users call the program. */
  readonly name: string;
  /** One sentence on what it does. */
  readonly summary: string;
  /** Its options. */
  readonly options: Table;
  /** Positional arguments, each required unless its name ends with `?`, with one sentence each. */
  readonly arguments?: Readonly<Record<string, string>>;
  /**
   * Whether the last value of a flag stands that is given more than once, as with openshift/telemeter, whose users put a flag behind
   * those of a template; {@linkcode CommandLine.repeated} tells of it. Otherwise it is refused.
   */
  readonly lastStands?: true;
  /** Whether people install it under its name: then `NAME completion SHELL` prints what completes its command line. */
  readonly completes?: true;
}

/** The longest sentence of bad usage: one that lists what there is to choose among has some hundred bytes. */
const MAX_SENTENCE_BYTES = 4_000;

/** Bad usage of a program: a bad flag or a bad file. The message is the one sentence that the user sees. */
export class UsageError extends Error {
  /** Takes the sentence, in which what users gave is told as people may read it. */
  constructor(message: string, options?: ErrorOptions) {
    super(plainText(message, { maxBytes: MAX_SENTENCE_BYTES }), options);
  }

  /** Stable, for callers that map errors to exit codes. */
  readonly code = "usage";
  /** The name that stack traces show. */
  override readonly name = "UsageError";
}

/**
 * Reads a positional argument as an option's text is read.
 *
 * @throws {UsageError} if the text cannot be read.
 */
export function readArgument<T>(kind: Kind<T>, text: string): T {
  try {
    return kind.read([text]);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UsageError(cause.message, { cause });
  }
}

/** The rows that every long-running program has. */
export const LOG_OPTIONS = {
  logLevel: {
    kind: choice(LOG_LEVELS),
    default: "info",
    help: "The least severe level that is logged",
    since: "0.1.0",
    why: "Raise it to warn where nobody reads what goes well; lower it to debug while you look for a fault",
  },
  logFormat: {
    kind: choice(LOG_FORMATS),
    default: "text",
    help: "How log lines are written: logfmt text, or JSON",
    since: "0.1.0",
    why: "Choose json where logs are collected and searched by field",
  },
  logLimit: {
    kind: count,
    default: "100",
    help: "Log lines a second, of which those of five seconds may come at once; 0 for no limit",
    since: "0.1.0",
    why: "Raise it to follow every request at level debug; what is left out is counted in the next line",
  },
  verbose: {
    kind: flag,
    short: "-v",
    help: "Log at level debug, whatever --log-level says",
    since: "0.1.0",
    why: "A short way to look closer when you start a program by hand",
  },
} as const satisfies OptionTable;

/** The rows of a program that can read its options from a file. */
export const CONFIG_OPTIONS = {
  "config.file": {
    kind: file,
    secret: "config file",
    help: "A YAML file of options, by the names of their flags; what the command line says stands over it",
    since: "0.1.0",
    why: "Keep what is long in a file, and change it by a reload: SIGHUP reads it again",
  },
  "config.check": {
    kind: flag,
    help: "Read all options and the files that they name, print what is wrong or ok, and exit with 2 or 0",
    since: "0.1.0",
    why: "Look before a restart or a reload whether it would succeed",
  },
} as const satisfies OptionTable;

/** The flag of a row: `limitBytes` is `--limit-bytes`. */
export function flagOf(name: string): string {
  return "--" + name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/** The flag with its short form and the placeholder of its value, as `--help` and `docs/configuration.md` show it. */
export function usageOf(name: string, row: OptionRow): string {
  return (row.short ? `${row.short}, ` : "") + flagOf(name) +
    (row.kind.placeholder ? ` <${row.kind.placeholder}>` : "");
}
