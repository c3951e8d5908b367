/**
 * The options of a program as a table in Markdown.
 *
 * @module
 */

import { type OptionRow, type OptionTable, type Program, usageOf } from "../../common/options.ts";
import { cell, code, markdownTable } from "./markdown_table.ts";

/** What a value is counted in, by what stands for it on the command line. */
const UNITS: Readonly<Record<string, string>> = { DURATION: "duration", BYTES: "bytes", N: "count" };

/** The column that only programs have that reload. */
const RELOADS = 4;

/**
 * The arguments and options of a program, each with its default, its unit, since when it is there and why one would change it; and
 * whether a reload takes up another value, for a program that reloads.
 */
export function optionTable({ arguments: positional = {}, options }: Program<OptionTable>): string {
  const reloads = Object.values(options).some((row) => row.reloads);
  const rows = [
    ["Flag", "Default", "Unit", "Since", "Reloads", "What it does", "Why change it"],
    ...Object.entries(positional).map(([name, sentence]) => [
      code(name.replace(/\?$/, "")),
      name.endsWith("?") ? "" : "(required)",
      "",
      "",
      "",
      cell(sentence),
      "",
    ]),
    ...Object.entries(options).map(([name, row]) => [
      code(usageOf(name, row)),
      row.required ? "(required)" : row.default === undefined ? "" : code(row.default),
      unitOf(name, row),
      row.since ?? "",
      row.reloads ? "yes" : "",
      cell(row.help),
      cell(row.why ?? ""),
    ]),
  ];
  return markdownTable(reloads ? rows : rows.map((row) => row.toSpliced(RELOADS, 1)));
}

/** A count whose name ends with what it counts in says so. */
function unitOf(name: string, { kind: { placeholder } }: OptionRow): string {
  const named = placeholder === "N" ? /(seconds|days)$/i.exec(name)?.[0].toLowerCase() : undefined;
  return named ?? UNITS[placeholder] ?? "";
}
