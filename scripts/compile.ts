/**
 * Makes single executables of the server and the client in `bin/`, with the permissions that their tasks give them.
 *
 * @module
 */

import { join } from "node:path";
import { FailedError, run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";
import { runToEnd } from "./process/child.ts";
import { taskWords } from "./process/tasks.ts";

/** The program as `--help` shows it. */
export const COMPILE: Program<Record<never, never>> = {
  name: "compile",
  summary: "Makes single executables of the server and the client in bin/, with the permissions of their tasks.",
  options: {},
};

/** The programs that are compiled: the task of each, and its executable. */
export const EXECUTABLES = { server: "bin/telemeter-server", client: "bin/telemeter-client" } as const;

/**
 * The arguments of `deno` that compile the program of a task, without some files of the packages that it uses. Variables that
 * the task sets are those of whoever starts the executable.
 */
export function compileArguments(
  task: keyof typeof EXECUTABLES,
  { exclude }: { exclude: readonly string[] },
): string[] {
  const { words } = taskWords(task);
  return [
    "compile",
    ...words.slice(0, -1),
    // Not those that only tests use.
    "--exclude-unused-npm",
    ...exclude.map((path) => `--exclude=${path}`),
    `--output=${EXECUTABLES[task]}`,
    words[words.length - 1],
  ];
}

/**
 * The files to leave out, given what `deno info --json` says of a program. bintrees, which prom-client uses, ships a test
 * sample without an extension that is a 2 MB list of numbers: taken for a program, it overflows the compiler's stack.
 */
export function excludedFiles(info: string): string[] {
  const packages: Readonly<Record<string, { name: string; localPath: string }>> = JSON.parse(info).npmPackages;
  return Object.values(packages).filter(({ name }) => name === "bintrees").map(({ localPath }) =>
    join(localPath, "test")
  );
}

async function deno(args: readonly string[], { signal }: { signal: AbortSignal }): Promise<string> {
  const outcome = await runToEnd(Deno.execPath(), args, { cwd: new URL("..", import.meta.url), signal });
  if (outcome?.success) return outcome.stdout;
  signal.throwIfAborted();
  throw new FailedError(`Cannot compile, as deno ${args.join(" ")} failed:\n${outcome?.output}`);
}

if (import.meta.main) {
  await run(COMPILE, async ({ signal, print }) => {
    for (const task of Object.keys(EXECUTABLES) as (keyof typeof EXECUTABLES)[]) {
      const exclude = excludedFiles(await deno(["info", "--json", `${task}/main.ts`], { signal }));
      // A bundle may be there, which Deno does not replace.
      await Deno.remove(new URL(`../${EXECUTABLES[task]}`, import.meta.url)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      await deno(compileArguments(task, { exclude }), { signal });
      print(`${EXECUTABLES[task]}\n`);
    }
  }, { startsPrograms: true });
}
