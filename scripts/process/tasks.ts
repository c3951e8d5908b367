/**
 * The programs as the tasks of `deno.json` start them, with the same permissions.
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };
import type { ChildCommand } from "./child.ts";

/** The tasks that start a program, by name: its arguments go behind. */
export type ProgramTask = Exclude<keyof typeof configuration.tasks, "test" | "ok" | "bench">;

/** What a task runs, and the variables that it sets for it. */
export interface TaskWords {
  /** Behind `deno run`. */
  readonly words: readonly string[];
  /** By name. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Takes the command of a task apart: `NAME=VALUE… deno run WORD…`. The tasks may be those of another checkout.
 *
 * @throws {TypeError} if it is another one.
 */
export function taskWords(
  task: ProgramTask,
  tasks: Readonly<Partial<Record<ProgramTask, string>>> = configuration.tasks,
): TaskWords {
  const all = (tasks[task] ?? "").split(" ");
  const at = all.indexOf("deno");
  const variables = all.slice(0, at).map((word) => word.split("=", 2));
  if (all[at + 1] !== "run" || variables.some(({ length }) => length < 2)) {
    throw new TypeError(`Cannot start the task ${task} as it is no deno run: ${tasks[task]}`);
  }
  return { words: all.slice(at + 2), env: Object.fromEntries(variables) };
}

/**
 * The command behind a task, to be run by this very Deno without the task runner between, so that signals reach the
 * program itself.
 */
export function taskCommand(task: ProgramTask, args: readonly string[]): ChildCommand {
  const { words, env } = taskWords(task);
  const cwd = new URL("../..", import.meta.url);
  return { name: task, path: Deno.execPath(), args: ["run", ...words, ...args], cwd, env };
}
