/**
 * Reads any command line by a program's table, and writes its help. Loaded only where a line is not plain: commander takes
 * 7 MB with what it brings along.
 *
 * @module
 */

import { Command, CommanderError, Option } from "commander";
import configuration from "../deno.json" with { type: "json" };
import { flagOf, type OptionTable, type Program, UsageError, usageOf } from "./options.ts";

/** Texts by the names of the options, and the arguments behind them. */
export interface Texts {
  /** Texts. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** Arguments. */
  readonly rest: readonly string[];
}

/**
 * Reads a command line, or returns the help or the version if that is asked for.
 *
 * @throws {UsageError} on an unknown flag, or a value or an argument that is missing.
 */
export function readCommandLine(
  program: Program<OptionTable>,
  args: readonly string[],
): Texts | { readonly help: string } {
  const given = new Map<string, string[]>();
  const seen = (name: string, text: string) => given.set(name, [...given.get(name) ?? [], text]);
  const switches = switchReader(program.options);
  let help = "";
  const command = new Command(program.name)
    .description(program.summary)
    .exitOverride()
    .configureHelp({ helpWidth: 100 })
    .configureOutput({
      writeOut: (out) => void (help += out),
      writeErr: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .helpOption("-h, --help", "Show this help and exit")
    .version(`${program.name} ${configuration.version}`, "-V, --version", "Show the version and exit")
    .addHelpText(
      "after",
      program.completes ? `\n${program.name} completion bash|zsh|fish prints what completes this in a shell.` : "",
    );
  for (const [name, row] of Object.entries(program.options)) {
    const details = (row.default ? ` (default: ${row.default})` : "") + (row.required ? " (required)" : "");
    const option = new Option(usageOf(name, row), row.help + details);
    command.addOption(row.kind.placeholder ? option.argParser((text: string) => void seen(name, text)) : option);
    if (!row.kind.placeholder) command.on(`option:${flagOf(name).slice(2)}`, () => seen(name, switches.next(name)));
  }
  for (const [name, sentence] of Object.entries(program.arguments ?? {})) {
    command.argument(name.endsWith("?") ? `[${name.slice(0, -1)}]` : `<${name}>`, sentence);
  }
  try {
    command.parse(switches.bare(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { help };
    throw new UsageError(sentenceOf(error.message) + `; ${program.name} --help lists the options`);
  }
  return { given, rest: command.args };
}

/**
 * Reads switches with a value, as `--verbose=false`, which the parser does not know: it gets the bare switches, and the values
 * come one after the other as it meets them.
 */
function switchReader(options: OptionTable) {
  const names = new Map(
    Object.entries(options).filter(([, { kind }]) => kind.placeholder === "")
      .flatMap(([name, { short }]) => [flagOf(name), ...short ? [short] : []].map((form) => [form, name] as const)),
  );
  const valued = new Set(
    Object.entries(options).filter(([, { kind }]) => kind.placeholder !== "")
      .flatMap(([name, { short }]) => [flagOf(name), ...short ? [short] : []]),
  );
  const values = new Map<string, string[]>();
  return {
    bare(args: readonly string[]): string[] {
      const end = args.indexOf("--");
      let isValue = false;
      return args.map((arg, i) => {
        // What another option takes for its value is no switch, whatever it looks like.
        const wasValue = isValue;
        isValue = !wasValue && valued.has(arg);
        if (wasValue) return arg;
        const [, form = "", value] = /^(--?[^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
        const name = end !== -1 && i > end ? undefined : names.get(form);
        if (name === undefined) return arg;
        values.set(name, [...values.get(name) ?? [], value ?? "true"]);
        return form;
      });
    },
    next: (name: string): string => values.get(name)?.shift() ?? "true",
  };
}

function sentenceOf(message: string): string {
  // What was given behind a mistyped flag, or in place of an argument, may be a secret.
  const plain = message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ").replace(/\.$/, "")
    .replace(/^(unknown option '[^'=]*)=.*'/, "$1'").replace(/^(too many arguments.* but got \d+): .*$/, "$1");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
