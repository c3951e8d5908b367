/**
 * Manual pages from option tables, in the macros of man(7).
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };
import { type OptionRow, type OptionTable, type Program, usageOf } from "../../common/options.ts";

/** What a page says besides what the option table has. */
export interface ManPageNotes {
  /** Paragraphs on what the program is. */
  readonly description: readonly string[];
  /** What is read of the environment, by the names of the variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** What signals do, by name. */
  readonly signals: Readonly<Record<string, string>>;
  /** Names of other pages, such as `telemeter-client(1)`. */
  readonly seeAlso: readonly string[];
}

/** How every program ends. */
const EXIT_CODES: Readonly<Record<string, string>> = {
  "0": "It was asked to stop and did so in order, or printed what it was asked for.",
  "1": "It failed.",
  "2": "A flag or a file that a flag names is bad; one sentence on standard error says which.",
};

/** The manual page of a program, for section 1. */
export function manPage(program: Program<OptionTable>, notes: ManPageNotes): string {
  const { description, environment, signals, seeAlso } = notes;
  const { name, summary, options } = program;
  return [
    `.TH ${name.toUpperCase().replaceAll("-", "\\-")} 1 "" "Telemeter ${configuration.version}" "Telemeter"`,
    ...section("NAME", [`${roff(name)} \\- ${roff(lowered(summary))}`]),
    ...section("SYNOPSIS", [`.B ${roff(name)}`, "[options]", ".br", `.B ${roff(name)}`, "completion bash|zsh|fish"]),
    ...section("DESCRIPTION", description.flatMap((paragraph) => [".PP", roff(paragraph)])),
    ...section("OPTIONS", [
      ...Object.entries(options).flatMap(([name, row]) => optionEntry(name, row)),
      ...entry("\\-h, \\-\\-help", "Show the options and exit."),
      ...entry("\\-V, \\-\\-version", "Show the version and exit."),
    ]),
    ...section("EXIT STATUS", Object.entries(EXIT_CODES).flatMap(([code, text]) => entry(code, roff(text)))),
    ...section("ENVIRONMENT", Object.entries(environment).flatMap(([name, text]) => entry(roff(name), roff(text)))),
    ...section("SIGNALS", Object.entries(signals).flatMap(([signal, text]) => entry(signal, roff(text)))),
    ...section("SEE ALSO", [
      seeAlso.map((page) => page.replace(/^([^(]+)(\(\d\))$/, "\\fB$1\\fR$2")).map(hyphens).join(", "),
    ]),
    "",
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return [`.SH ${title}`, ...lines];
}

function entry(term: string, text: string): string[] {
  return [".TP", `\\fB${term}\\fR`, text];
}

function optionEntry(name: string, row: OptionRow): string[] {
  const usage = roff(usageOf(name, row)).replace(/<(.*)>$/, "\\fI$1");
  const facts = [
    `${row.help}.`,
    ...row.why === undefined ? [] : [`${row.why}.`],
    ...row.required ? ["Required."] : row.default === undefined ? [] : [`By default ${row.default}.`],
  ];
  return entry(usage, facts.map(roff).join("\n"));
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, "");
}

/** A text as it stands, in which nothing is a command or a dash that is set otherwise than it is typed. */
function roff(text: string): string {
  return hyphens(text.replaceAll("\\", "\\e")).replace(/^([.'])/, "\\&$1");
}

function hyphens(text: string): string {
  return text.replaceAll("-", "\\-");
}
