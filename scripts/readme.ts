/**
 * Writes the tables of options in the README anew, from the tables that the programs read their command lines by.
 *
 * @module
 */

import { CLIENT_PROGRAM } from "../client/options.ts";
import { type OptionTable, type Program, usageOf } from "../common/options.ts";
import { SERVER_PROGRAM } from "../server/options.ts";
import { AUTHORIZATION_SERVER } from "./authorization_server.ts";
import { CERTS } from "./certs.ts";
import { LOAD } from "./load.ts";

/** The programs whose options a README shows between the markers `<!-- options: NAME -->` and `<!-- /options -->`. */
export const PROGRAMS: Readonly<Record<string, Program<OptionTable>>> = {
  server: SERVER_PROGRAM,
  client: CLIENT_PROGRAM,
  "authorization-server": AUTHORIZATION_SERVER,
  load: LOAD,
  certs: CERTS,
};

/**
 * Returns a README with the tables between its markers as they should be.
 *
 * @throws {Error} if a marker names no program, or the markers of a program are missing.
 */
export function withOptionTables(
  readme: string,
  programs: Readonly<Record<string, Program<OptionTable>>> = PROGRAMS,
): string {
  const shown = new Set<string>();
  const written = readme.replaceAll(
    /(<!-- options: (\S+) -->\n)[^]*?(<!-- \/options -->)/g,
    (_, start: string, name: string, end: string) => {
      if (!Object.hasOwn(programs, name)) {
        throw new Error(`Cannot show the options of '${name}': there is no such program`);
      }
      shown.add(name);
      return `${start}\n${optionTable(programs[name])}\n\n${end}`;
    },
  );
  const missing = Object.keys(programs).filter((name) => !shown.has(name));
  if (missing.length === 0) return written;
  throw new Error(`Cannot show the options of ${missing.join(", ")}: the README has no place marked for them`);
}

/** The arguments and options of a program as a table in Markdown, its columns padded as `deno fmt` pads them. */
export function optionTable({ arguments: positional = {}, options }: Program<OptionTable>): string {
  const rows = [
    ...Object.entries(positional).map(([name, sentence]) => [
      code(name.replace(/\?$/, "")),
      name.endsWith("?") ? "" : "(required)",
      cell(sentence),
    ]),
    ...Object.entries(options).map(([name, row]) => [
      code(usageOf(name, row)),
      row.required ? "(required)" : row.default === undefined ? "" : code(row.default),
      cell(row.help),
    ]),
  ];
  const table = [["Flag", "Default", "What it does"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column].length)));
  const line = (row: string[]) => `| ${row.map((text, column) => text.padEnd(widths[column])).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(table[0]), rule, ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return "`" + cell(text) + "`";
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) {
  const file = new URL("../README.md", import.meta.url);
  await Deno.writeTextFile(file, withOptionTables(await Deno.readTextFile(file)));
}
