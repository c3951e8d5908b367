/**
 * The programs that documents show commands of, with the flags that each takes.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import configuration from "../../deno.json" with { type: "json" };
import { flagOf, type OptionTable, type Program } from "../../common/options.ts";

const ROOT = new URL("../../", import.meta.url);

/** The tasks by name. */
export const TASKS: Readonly<Record<string, string>> = configuration.tasks;

/** What a command starts, and the arguments behind it. */
export interface ProgramCall {
  /** For a person: the task, the file or the executable. */
  readonly name: string;
  /** The file of the program; undefined if a task starts none, or there is no such task. */
  readonly module?: string;
  /** What stands behind its name. */
  readonly args: readonly string[];
}

/** Commands in which the name of a program is that of an image, a unit, a secret or a file. */
const NAMES_ONLY = new Set(["docker", "install", "journalctl", "kubectl", "systemctl"]);

/** The call of one of our programs in a command, if there is one: a task, `deno run FILE`, or an executable. */
export function programCallIn(words: readonly string[]): ProgramCall | undefined {
  const deno = words.findIndex((word) => /^deno(@[\d.]+)?$/.test(word));
  if (deno >= 0 && words[deno + 1] === "task") {
    const at = words.findIndex((word, at) => at > deno + 1 && !word.startsWith("-"));
    if (at >= 0) return { name: `deno task ${words[at]}`, module: moduleOf(words[at]), args: words.slice(at + 1) };
  }
  if (deno >= 0 && ["run", "compile"].includes(words[deno + 1])) {
    const at = words.findIndex((word) => word.endsWith(".ts"));
    if (at >= 0) return { name: words[at], module: words[at], args: words.slice(at + 1) };
  }
  const isContainer = words[0] === "docker" && words[1] === "run";
  if (NAMES_ONLY.has(words[0]) && !isContainer) return undefined;
  const isProgram = (word: string) => /(^|\/)telemeter-(server|client)$/.test(word);
  // Before the image stand flags of Docker, one of which may name the container so.
  const at = isContainer ? words.findLastIndex(isProgram) : words.findIndex(isProgram);
  if (at < 0) return undefined;
  const [, program] = /(server|client)$/.exec(words[at])!;
  return { name: words[at], module: `${program}/main.ts`, args: words.slice(at + 1) };
}

/** The file that a task runs. */
function moduleOf(task: string): string | undefined {
  const command = Object.hasOwn(TASKS, task) ? TASKS[task] : "";
  return /^(?:\w+=\S+ )*deno run (?:.* )?(\S+\.ts)\b/.exec(command)?.[1];
}

/** The flags, long and short, of the program in a file; `--help` and `--version` are everybody's. */
export async function flagsOf(module: string): Promise<ReadonlySet<string>> {
  const { options = {} } = await programIn(module) ?? {};
  const rows = Object.entries(options);
  return new Set([
    ...["--help", "-h", "--version", "-V"],
    ...rows.flatMap(([name, { short }]) => short === undefined ? [flagOf(name)] : [flagOf(name), short]),
  ]);
}

/** Every long flag of every program that a task runs. */
export async function allFlags(): Promise<ReadonlySet<string>> {
  const modules = Object.keys(TASKS).map(moduleOf).filter((module) => module !== undefined);
  const flags = await Promise.all([...new Set(modules)].map(flagsOf));
  return flags.reduce((all, each) => all.union(each));
}

/** The option table of a program: beside its `main.ts`, which starts when it is imported, or in its file. */
async function programIn(module: string): Promise<Program<OptionTable> | undefined> {
  const beside = join(dirname(module), "options.ts");
  const path = module.endsWith("/main.ts") && await isThere(beside) ? beside : module;
  const exported: Record<string, unknown> = await import(new URL(path, ROOT).href);
  return Object.values(exported).find((value): value is Program<OptionTable> =>
    typeof value === "object" && value !== null && "summary" in value && "options" in value
  );
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
}
