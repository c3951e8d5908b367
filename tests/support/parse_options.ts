/**
 * A command line read as a program reads it that has no file of options.
 *
 * @module
 */

import type { OptionTable, OptionValues, Program } from "../../common/options.ts";
import { readArguments, readValues } from "../../common/read_options.ts";

/** The outcome of reading a command line: values to run with, or a text that the user asked for. */
export type Parsed<Table extends OptionTable> =
  | { readonly values: OptionValues<Table>; readonly arguments: readonly string[] }
  | { readonly help: string };

/**
 * Reads a command line by a program's table.
 *
 * @throws {UsageError} on an unknown flag, a missing or unreadable value or argument, or a required flag that is absent.
 */
export async function parseOptions<Table extends OptionTable>(
  program: Program<Table>,
  args: readonly string[],
): Promise<Parsed<Table>> {
  const read = await readArguments(program, args);
  return "help" in read ? read : { values: readValues(program, read.given), arguments: read.arguments };
}
