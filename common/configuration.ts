/**
 * The options of a program: from its command line, and from the file that this names, which can be read again.
 *
 * ```
 *   command line ──────────────┐
 *        │ --config.file       ├─▸ given ─▸ values
 *        ▼                     │
 *   file, at start and reload ─┘   the command line stands over the file
 * ```
 *
 * @module
 */

import type { Logger } from "./log.ts";
import { flagOf, type OptionTable, type OptionValues, type Program } from "./options.ts";
import { type Given, readArguments, readValues } from "./read_options.ts";

/** Where the value of an option may be said. */
export type OptionOrigin = "command line" | "file" | "default";

/** The options that a program runs with. */
export class Configuration<Table extends OptionTable> {
  readonly #program: Program<Table>;
  readonly #commandLine: ReadonlyMap<string, Given>;
  /** The arguments behind the options. */
  readonly arguments: readonly string[];
  /** The flags that the command line gives more than once though they take one value; the last one stands. */
  readonly repeated: readonly string[];
  #given: ReadonlyMap<string, Given>;
  #values: OptionValues<Table>;

  private constructor(
    program: Program<Table>,
    { commandLine, arguments: rest, repeated, given }: {
      commandLine: ReadonlyMap<string, Given>;
      arguments: readonly string[];
      repeated: readonly string[];
      given: ReadonlyMap<string, Given>;
    },
  ) {
    this.#program = program;
    this.#commandLine = commandLine;
    this.arguments = rest;
    this.repeated = repeated;
    this.#given = given;
    this.#values = readValues(program, given);
  }

  /**
   * Reads a command line and the file that it names; or returns a text that the user asked for.
   *
   * @throws {UsageError} on the first thing that the user must mend.
   */
  static async read<Table extends OptionTable>(
    program: Program<Table>,
    args: readonly string[],
  ): Promise<Configuration<Table> | { readonly help: string }> {
    const read = await readArguments(program, args);
    if ("help" in read) return read;
    const { given: commandLine, arguments: rest, repeated } = read;
    const given = await withFile(program, commandLine);
    return new Configuration(program, { commandLine, arguments: rest, repeated, given });
  }

  /** The values in force. */
  get values(): OptionValues<Table> {
    return this.#values;
  }

  /** Where the value of an option is said that is in force. */
  originOf(name: string): OptionOrigin {
    if (this.#commandLine.has(name)) return "command line";
    return this.#given.has(name) ? "file" : "default";
  }

  /**
   * Reads the file again. What needs a restart keeps its value, and the log says so.
   *
   * @throws {UsageError} if something is wrong; then all stays as it is.
   */
  async reread({ log }: { readonly log: Logger }): Promise<OptionValues<Table>> {
    const given = await withFile(this.#program, this.#commandLine);
    const wanted: Record<string, unknown> = { ...readValues(this.#program, given) };
    const inForce = new Map(given);
    const stays: string[] = [];
    for (const [name, { reloads }] of Object.entries(this.#program.options)) {
      if (reloads) continue;
      if (this.#textsOf(name, given) !== this.#textsOf(name, this.#given)) stays.push(flagOf(name));
      wanted[name] = this.#values[name];
      const before = this.#given.get(name);
      if (before === undefined) inForce.delete(name);
      else inForce.set(name, before);
    }
    if (stays.length > 0) {
      log.warn("Options have changed that take effect at a restart only: restart the program", {
        options: stays.join(","),
      });
    }
    this.#given = inForce;
    return this.#values = wanted as OptionValues<Table>;
  }

  #textsOf(name: string, given: ReadonlyMap<string, Given>): string {
    const { texts, map } = given.get(name) ?? {};
    const usual = this.#program.options[name].default;
    return JSON.stringify(map === undefined ? texts ?? (usual === undefined ? [] : [usual]) : [...map]);
  }
}

async function withFile(
  { options }: Program<OptionTable>,
  commandLine: ReadonlyMap<string, Given>,
): Promise<ReadonlyMap<string, Given>> {
  const path = commandLine.get("config.file")?.texts.at(-1);
  if (path === undefined || path === "") return commandLine;
  const { readConfigFile } = await import("./config_file.ts");
  return new Map([...await readConfigFile(path, options), ...commandLine]);
}
