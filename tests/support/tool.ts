/**
 * Programs of other makers that a test holds something against, where the machine has them.
 *
 * @module
 */

import { type Outcome, runToEnd } from "../../scripts/process/child.ts";

/** A program, and the arguments that it always gets. */
export interface Tool {
  /** A path, or a name to look up in `PATH`. */
  readonly path: string;
  /** What stands before all other arguments. @default none */
  readonly args?: readonly string[];
}

/** The first of several that the machine has; if it has none, says what is not checked. */
export async function firstTool<T extends Tool>(
  tools: readonly T[],
  { checks }: { checks: string },
): Promise<T | undefined> {
  for (const tool of tools) {
    const outcome = await runToEnd(tool.path, [...tool.args ?? [], "--help"], { timeoutMs: 30_000 });
    if (outcome !== undefined) return tool;
  }
  const names = tools.map(({ path }) => path).join(" or ");
  await Deno.stderr.write(new TextEncoder().encode(`Skipped, as there is no ${names} on this machine: ${checks}\n`));
  return undefined;
}

/** Runs a program that the machine has, and returns how that went. */
export async function runTool(path: string, args: readonly string[]): Promise<Outcome> {
  const outcome = await runToEnd(path, args);
  if (outcome === undefined) throw new Error(`There is no ${path} any more`);
  return outcome;
}
