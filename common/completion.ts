/**
 * Scripts by which a shell completes the command line of a program, from its option table.
 *
 * @module
 */

import { flagOf, type OptionRow, type OptionTable, type Program, UsageError } from "./options.ts";

/** The shells that there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = typeof SHELLS[number];

/** An option as a shell sees it. */
interface Flag {
  readonly flag: string;
  readonly short: string | undefined;
  readonly help: string;
  readonly value: Value;
}

/** What stands behind a flag: nothing, a path, one of some words, or a text that no shell can guess. */
type Value =
  | { readonly kind: "none" }
  | { readonly kind: "file" }
  | { readonly kind: "directory" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "text"; readonly name: string };

const SCRIPTS: Readonly<Record<Shell, (name: string, flags: readonly Flag[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/**
 * Answers `NAME completion SHELL`, given what stands behind `completion`.
 *
 * @throws {UsageError} unless that is one shell that there is a script for.
 */
export function completionScript({ name, options }: Program<OptionTable>, args: readonly string[]): string {
  const shell = SHELLS.find((shell) => shell === args[0]);
  if (shell === undefined || args.length > 1) {
    throw new UsageError(`Cannot tell the shell: write ${name} completion ${SHELLS.join("|")}`);
  }
  const flags = Object.entries(options).map(([name, row]) => flagFor(name, row));
  return SCRIPTS[shell](name, [
    ...flags,
    { flag: "--help", short: "-h", help: "Show the options and exit", value: { kind: "none" } },
    { flag: "--version", short: "-V", help: "Show the version and exit", value: { kind: "none" } },
  ]);
}

function flagFor(name: string, { kind: { placeholder }, short, help }: OptionRow): Flag {
  return { flag: flagOf(name), short, help, value: valueFor(placeholder) };
}

function valueFor(placeholder: string): Value {
  if (placeholder === "") return { kind: "none" };
  if (placeholder === "FILE") return { kind: "file" };
  if (placeholder === "DIR") return { kind: "directory" };
  if (/^[a-z]+(\|[a-z]+)+$/.test(placeholder)) return { kind: "words", words: placeholder.split("|") };
  return { kind: "text", name: placeholder };
}

function bashScript(name: string, flags: readonly Flag[]): string {
  const fn = `_${name.replaceAll("-", "_")}`;
  const ofKind = (kind: Value["kind"]) => flags.filter(({ value }) => value.kind === kind).map(({ flag }) => flag);
  const cases = [
    [ofKind("file"), `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")`],
    [ofKind("directory"), `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word")`],
    ...flags.flatMap(({ flag, value }) =>
      value.kind === "words"
        ? [[[flag], `mapfile -t COMPREPLY < <(compgen -W "${value.words.join(" ")}" -- "$word")`] as const]
        : []
    ),
    [ofKind("text"), ":"],
  ] as const;
  return `# bash completion of ${name}

${fn}() {
  local word=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --flag=value for three words.
  if [[ $word == "=" ]]; then
    word=
  elif [[ $flag == "=" ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $flag in
${
    cases.filter(([flags]) => flags.length > 0).map(([flags, command]) => `    ${flags.join(" | ")}) ${command} ;;`)
      .join("\n")
  }
    completion) mapfile -t COMPREPLY < <(compgen -W "${SHELLS.join(" ")}" -- "$word") ;;
    *)
      local words="${flags.map(({ flag }) => flag).join(" ")}"
      if [[ $COMP_CWORD == 1 ]]; then words+=" completion"; fi
      mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
      ;;
  esac
}

complete -F ${fn} ${name}
`;
}

function zshScript(name: string, flags: readonly Flag[]): string {
  const escaped = (text: string) => text.replaceAll(/[\\[\]:]/g, "\\$&").replaceAll("'", `'\\''`);
  const valueOf = (value: Value) => {
    if (value.kind === "none") return "";
    if (value.kind === "file") return ":file:_files";
    if (value.kind === "directory") return ":directory:_files -/";
    if (value.kind === "words") return `:word:(${value.words.join(" ")})`;
    return `:${escaped(value.name)}:`;
  };
  const specs = flags.flatMap(({ flag, short, help, value }) => [
    `'*${flag}${value.kind === "none" ? "" : "="}[${escaped(help)}]${valueOf(value)}'`,
    ...short === undefined ? [] : [`'*${short}[${escaped(help)}]${valueOf(value)}'`],
  ]);
  return `#compdef ${name}

if (( CURRENT == 3 )) && [[ $words[2] == completion ]]; then
  compadd ${SHELLS.join(" ")}
  return
fi
if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then compadd completion; fi
_arguments \\
${specs.map((spec) => `  ${spec}`).join(" \\\n")}
`;
}

function fishScript(name: string, flags: readonly Flag[]): string {
  const quoted = (text: string) => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
  const valueOf = (value: Value) => {
    if (value.kind === "none") return "";
    if (value.kind === "file") return " -r -F";
    if (value.kind === "directory") return " -x -a '(__fish_complete_directories)'";
    return value.kind === "words" ? ` -x -a ${quoted(value.words.join(" "))}` : " -x";
  };
  return [
    `# fish completion of ${name}`,
    `complete -c ${name} -f`,
    `complete -c ${name} -n 'test (count (commandline -opc)) -eq 1' -a completion -d 'Print the script for a shell'`,
    `complete -c ${name} -n '__fish_seen_subcommand_from completion' -a ${quoted(SHELLS.join(" "))}`,
    ...flags.map(({ flag, short, help, value }) =>
      `complete -c ${name} -l ${flag.slice(2)}${short === undefined ? "" : ` -s ${short.slice(1)}`}${valueOf(value)} ` +
      `-d ${quoted(help)}`
    ),
    "",
  ].join("\n");
}
