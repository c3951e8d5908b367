/**
 * The programs as the tasks of `deno.json` start them, with the same permissions.
 *
 * @module
 */

import configuration from "../../deno.json" with { type: "json" };
import type { ChildCommand } from "./child.ts";

/** The tasks that start a program, by name: its arguments go behind. */
export type ProgramTask = Exclude<keyof typeof configuration.tasks, "test" | "ok" | "bench">;

/** A task taken apart. */
export interface TaskCommand {
  /** The variables that it sets, which keep Deno from asking the network whether there is a newer one. */
  readonly env: Readonly<Record<string, string>>;
  /** What stands behind `deno run`. */
  readonly words: readonly string[];
}

/**
 * Takes apart what a task runs.
 *
 * @throws {TypeError} if that is no `deno run`.
 */
export function readTask(command: string): TaskCommand {
  const all = command.split(" ");
  const start = all.findIndex((word) => !/^[A-Z_]+=/.test(word));
  if (all[start] !== "deno" || all[start + 1] !== "run") {
    throw new TypeError(`Cannot start a task that is no deno run: ${command}`);
  }
  const env = Object.fromEntries(all.slice(0, start).map((word) => word.split("=", 2) as [string, string]));
  return { env, words: all.slice(start + 2) };
}

/**
 * The command behind a task, to be run by this very Deno without the task runner between, so that signals reach the
 * program itself.
 */
export function taskCommand(task: ProgramTask, args: readonly string[]): ChildCommand {
  const { env, words } = readTask(configuration.tasks[task]);
  const cwd = new URL("../..", import.meta.url);
  return { name: task, path: Deno.execPath(), args: ["run", ...words, ...args], cwd, env };
}
