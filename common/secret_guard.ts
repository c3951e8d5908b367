/**
 * Tells of secrets that other users of this machine can see or replace: on the command line, and in the files that it names.
 * Which options hold one is said in the option tables.
 *
 * @module
 */

import {
  chmodCommand,
  isReadable,
  isWritable,
  lookAt,
  type Looked,
  modeText,
  openFoldersAbove,
  openTo,
  ownUid,
} from "./exposure.ts";
import type { Logger } from "./log.ts";
import { flagOf, type OptionRow, type OptionTable, type Secrecy } from "./options.ts";
import { readRegularFile } from "./regular_file.ts";

/** How often the files are looked at while a program runs, in milliseconds. */
export const LOOK_INTERVAL_MS = 10_000;

/** What a {@linkcode SecretGuard} works with. */
export interface SecretGuardOptions {
  /** The table of the program. */
  readonly options: OptionTable;
  /** What its command line and its configuration file say. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Files with secrets that no option names, by what the warnings call them. @default {{}} */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * Whether an option stands in the configuration file, and not on the command line.
   *
   * @default {() => false}
   */
  readonly isInFile?: (name: string) => boolean;
  /** Gets the warnings. */
  readonly log: Logger;
  /**
   * The user that the program runs as.
   *
   * @default {ownUid()}
   */
  readonly uid?: number;
}

/** A file that an option names. */
interface NamedFile {
  readonly option: string;
  readonly path: string;
  readonly secret: Secrecy;
}

/** Warns, once, of what others may do with files that hold secrets and that no option names. */
export async function checkSecretFiles(
  files: Readonly<Record<string, string>>,
  { log }: { log: Logger },
): Promise<void> {
  await new SecretGuard({ options: {}, values: {}, files, log }).check();
}

/** Looks at what one command line names. Each state of a file or folder is told once. */
export class SecretGuard {
  readonly #options: SecretGuardOptions;
  #files: readonly NamedFile[];
  #hasSecretInFile: boolean;
  readonly #uid: number | undefined;
  /** What was told, by the path: the state that it was told of. */
  #told: ReadonlyMap<string, string> = new Map();
  #checking: Promise<void> | undefined;

  /** Looks at nothing yet. */
  constructor(options: SecretGuardOptions) {
    this.#options = options;
    this.#files = filesOf(options);
    this.#hasSecretInFile = secretsOf(options).some(({ isInFile }) => isInFile);
    this.#uid = options.uid ?? ownUid();
  }

  /** Looks from now on at what these values name. */
  follow(values: Readonly<Record<string, unknown>>): void {
    const options = { ...this.#options, values };
    this.#files = filesOf(options);
    this.#hasSecretInFile = secretsOf(options).some(({ isInFile }) => isInFile);
  }

  /** Whether the command line names files at all. */
  get hasFiles(): boolean {
    return this.#files.length > 0;
  }

  /** Warns of each secret on the command line, where the list of processes shows it. */
  warnOfArguments(): void {
    const { log } = this.#options;
    for (const { name, file, isInFile } of secretsOf(this.#options)) {
      if (isInFile) continue;
      log.warn("A secret on the command line shows in the list of processes: give it in a file", {
        option: flagOf(name),
        instead: flagOf(file),
      });
    }
  }

  /** Looks at all files now, and warns of what others may do with them, unless it has warned of that before. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => this.#checking = undefined);
    return this.#checking;
  }

  async #check(): Promise<void> {
    const told = new Map<string, string>();
    const folders = new Map<string, { readonly info: Deno.FileInfo; readonly options: Set<string> }>();
    for (const file of this.#files) {
      const info = lookAt(file.path);
      // A device such as /dev/null is meant to be open, and to close a folder such as /etc would harm others.
      if (info === undefined || info.isCharDevice || info.isDirectory) continue;
      const key = `${file.option} ${file.path}`;
      const { ino, dev, mode, mtime } = info;
      const state = `${dev} ${ino} ${mode} ${file.secret === "key file" ? mtime?.getTime() : ""}`;
      told.set(key, state);
      if (this.#told.get(key) !== state) await this.#tell(file, info);
      for (const { path, info } of openFoldersAbove(file.path)) {
        const options = folders.get(path)?.options ?? new Set();
        folders.set(path, { info, options: options.add(file.option) });
      }
    }
    for (const [path, { info, options }] of folders) {
      const state = `${info.dev} ${info.ino} ${info.mode}`;
      told.set(path, state);
      if (this.#told.get(path) === state) continue;
      this.#options.log.warn(
        "Other users of this machine can replace a file that an option names, as they may write to a folder above it",
        {
          options: [...options].join(","),
          folder: path,
          mode: modeText(info),
          run: chmodCommand(path, 0o002),
        },
      );
    }
    this.#told = told;
  }

  async #tell({ option, path, secret }: NamedFile, info: Looked): Promise<void> {
    const isSecret = secret === "file" || (secret === "key file" && await holdsKey(path)) ||
      (secret === "config file" && this.#hasSecretInFile);
    // Members of a group often write to each other's files, and mean to.
    const bits = openTo(info, { uid: this.#uid }) & (isSecret ? 0o077 : 0o002);
    const mayRead = isSecret && isReadable(bits);
    if (!mayRead && !isWritable(bits)) return;
    const what = mayRead ? "read a file that holds a secret" : "change a file that an option names";
    this.#options.log.warn(`Other users of this machine can ${what}`, {
      option,
      file: path,
      mode: modeText(info),
      run: chmodCommand(path, bits),
    });
  }
}

/** The options that give a secret, with those that would take its file. */
function secretsOf(
  { options, values, isInFile = () => false }: SecretGuardOptions,
): { name: string; file: string; isInFile: boolean }[] {
  return Object.entries(options).flatMap(([name, row]) => {
    const file = row.secretFile ?? `${name}File`;
    const isSecret = isSecretArgument(row, { value: values[name], hasFile: values[file] !== undefined });
    return isSecret ? [{ name, file, isInFile: isInFile(name) }] : [];
  });
}

/** Whether a value is a secret, or has one in it, and was not the default. */
function isSecretArgument(
  { kind, secret, default: usual }: OptionRow,
  { value, hasFile }: { value: unknown; hasFile: boolean },
): boolean {
  if (value === undefined || value === "") return false;
  if (secret === "value") return usual === undefined || value !== kind.read([usual]);
  return secret === undefined && (kind.hasSecret?.(value, { hasFile }) ?? false);
}

function filesOf({ options, values, files = {} }: SecretGuardOptions): NamedFile[] {
  const named = Object.entries(options).flatMap(([name, { kind, secret = "none" }]) => {
    if (kind.placeholder !== "FILE") return [];
    const paths = [values[name]].flat().filter((path) => typeof path === "string");
    return paths.map((path) => ({ option: flagOf(name), path, secret }));
  });
  return [...named, ...Object.entries(files).map(([option, path]) => ({ option, path, secret: "file" as const }))];
}

async function holdsKey(path: string): Promise<boolean> {
  const bytes = await readRegularFile(path).catch(() => new Uint8Array());
  return new TextDecoder().decode(bytes).includes("PRIVATE KEY-----");
}
