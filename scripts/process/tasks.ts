/**
 * The programs as the tasks of `deno.json` start them, with the same permissions.
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };
import type { ChildCommand } from "./child.ts";

/** The tasks that start a program, by name: its arguments go behind. */
export type ProgramTask = Exclude<keyof typeof configuration.tasks, "test" | "ok" | "bench">;

/**
 * The command behind a task, to be run by this very Deno without the task runner between, so that signals reach the
 * program itself.
 */
export function taskCommand(task: ProgramTask, args: readonly string[]): ChildCommand {
  const [deno, ...words] = configuration.tasks[task].split(" ");
  if (deno !== "deno" || words[0] !== "run") {
    throw new TypeError(`Cannot start the task ${task} as it is no deno run: ${configuration.tasks[task]}`);
  }
  return { name: task, path: Deno.execPath(), args: [...words, ...args], cwd: new URL("../..", import.meta.url) };
}
