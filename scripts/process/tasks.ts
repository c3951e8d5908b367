/**
 * The programs as the tasks of `deno.json` start them, with the same permissions.
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };
import type { ChildCommand } from "./child.ts";

/** The tasks that start a program, by name: its arguments go behind. */
export type ProgramTask = "server" | "client" | "authorization-server" | "load";

/**
 * The command behind a task, to be run by this very Deno without the task runner between, so that signals reach the
 * program itself.
 */
export function taskCommand(task: ProgramTask, args: readonly string[]): ChildCommand {
  const tasks: Readonly<Record<string, string>> = configuration.tasks;
  const [deno, ...words] = tasks[task].split(" ");
  if (deno !== "deno") {
    throw new TypeError(`Cannot start the task ${task} as it does not begin with deno: ${tasks[task]}`);
  }
  return { name: task, path: Deno.execPath(), args: [...words, ...args], cwd: new URL("../..", import.meta.url) };
}
