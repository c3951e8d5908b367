/**
 * Reads what is given for the options of a program, by its table.
 *
 * @module
 */

import type { Texts } from "./command_line.ts";
import { flagOf, type OptionRow, type OptionTable, type OptionValues, type Program, UsageError } from "./options.ts";
import { readPlainArguments } from "./plain_arguments.ts";

/** What is given for an option: texts, as flags have them, or a map that stands in a file. */
export interface Given {
  /** The texts, in order. */
  readonly texts: readonly string[];
  /** The map, in place of texts. */
  readonly map?: ReadonlyMap<string, string>;
  /** Where it stands. @default the command line */
  readonly place?: string;
}

/** What a command line gives: by the names of the options, and the arguments behind them; or a text that it asks for. */
export type CommandLine =
  | {
    readonly given: ReadonlyMap<string, Given>;
    readonly arguments: readonly string[];
    /** The flags that are given more than once and take one value, of which the last one stands. */
    readonly repeated: readonly string[];
  }
  | { readonly help: string };

/**
 * Reads a command line by a program's table, and no value yet.
 *
 * @throws {UsageError} on an unknown flag, a value or an argument that is missing, or a flag that is given more than once and takes
 *   one value, unless the last one stands.
 */
export async function readArguments(program: Program<OptionTable>, args: readonly string[]): Promise<CommandLine> {
  const read = readPlain(program, args) ?? (await import("./command_line.ts")).readCommandLine(program, args);
  if ("help" in read) return read;
  const repeated = [...read.given].filter(([name, { length }]) => length > 1 && !program.options[name].kind.repeats)
    .map(([name]) => flagOf(name));
  if (repeated.length > 0 && !program.lastStands) {
    throw new UsageError(`Cannot take ${repeated[0]} more than once: leave all but one of them out`);
  }
  return {
    given: new Map(Array.from(read.given, ([name, texts]) => [name, { texts }])),
    arguments: read.rest,
    repeated,
  };
}

/**
 * Reads the values of all options out of what was given for them.
 *
 * @throws {UsageError} on one that cannot be read, or is required and absent.
 */
export function readValues<Table extends OptionTable>(
  program: Program<Table>,
  given: ReadonlyMap<string, Given>,
): OptionValues<Table> {
  const values: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(program.options)) {
    const other = row.emptyBeside === undefined ? undefined : given.get(row.emptyBeside);
    const value = valueOf(row, { name, given: given.get(name), mayBeEmpty: (other?.texts.at(-1) ?? "") !== "" });
    if (row.required && saysNothing(value)) {
      throw new UsageError(`Cannot start without ${flagOf(name)}; ${program.name} --help lists the options`);
    }
    values[name] = value;
  }
  return values as OptionValues<Table>;
}

/** Reads a command line of nothing but flags that there are, for which the library need not be loaded. */
function readPlain(
  { options, arguments: more = {} }: Program<OptionTable>,
  args: readonly string[],
): Texts | undefined {
  if (Object.keys(more).some((name) => !name.endsWith("?"))) return undefined;
  const flags = Object.entries(options).map(([name, { kind }]) =>
    [flagOf(name), { name, isSwitch: kind.placeholder === "" }] as const
  );
  const given = readPlainArguments(args, new Map(flags));
  return given && { given, rest: [] };
}

function saysNothing(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

/** What a row yields for what was given for it. */
function valueOf(
  row: OptionRow,
  { name, given, mayBeEmpty }: { name: string; given: Given | undefined; mayBeEmpty: boolean },
): unknown {
  const { kind, emptyWould } = row;
  const { texts, map, place } = given ?? {};
  const bad = `Bad ${flagOf(name)}${place === undefined ? "" : ` in ${place}`}`;
  const isOff = texts?.at(-1) === "" && kind.absent === undefined &&
    (row.default === undefined || row.empty === "none");
  if (texts?.at(-1) === "" && kind.absent === undefined && !isOff) {
    throw new UsageError(`${bad}: Cannot use an empty value: leave the flag out for ${row.default}`);
  }
  const used = texts ?? (row.default === undefined ? undefined : [row.default]);
  let value: unknown;
  try {
    if (map !== undefined) value = kind.readMap!(map);
    else value = isOff ? undefined : used === undefined ? kind.absent : kind.read(used);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${bad}: ${error.message}`, { cause: error });
  }
  if (texts !== undefined && emptyWould !== undefined && !mayBeEmpty && saysNothing(value)) {
    throw new UsageError(
      `${bad}: Cannot use an empty value, which would ${emptyWould}: leave the flag out if that is meant`,
    );
  }
  return value;
}
