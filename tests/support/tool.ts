/**
 * Programs of other makers that a test holds something against, where the machine has them.
 *
 * @module
 */

import { type Outcome, runToEnd } from "../../scripts/process/child.ts";

/** Whether the machine has a program; if not, says what is not checked. */
export async function hasTool(path: string, { args, checks }: { args: readonly string[]; checks: string }) {
  if ((await runToEnd(path, args, { timeoutMs: 30_000 }))?.success) return true;
  console.warn(`There is no ${path} on this machine: ${checks} is not checked`);
  return false;
}

/** Runs a program that the machine has, and returns how that went. */
export async function runTool(path: string, args: readonly string[]): Promise<Outcome> {
  const outcome = await runToEnd(path, args);
  if (outcome === undefined) throw new Error(`There is no ${path} any more`);
  return outcome;
}
