/**
 * All targets of the fuzzer, by name.
 *
 * @module
 */

import { Authorize } from "./authorize.ts";
import type { FuzzTarget } from "./fuzz_target.ts";
import { Frames } from "./frames.ts";
import { Grants } from "./grants.ts";
import { Heads } from "./heads.ts";
import { Pushes } from "./pushes.ts";
import { Tokens } from "./tokens.ts";
import { Writes } from "./writes.ts";

const OPEN = {
  pushes: () => Pushes.open(),
  frames: () => Frames.open(),
  tokens: () => Tokens.open(),
  authorize: () => Authorize.open(),
  heads: () => Heads.open(),
  writes: () => Writes.open(),
  grants: () => Grants.open(),
} as const satisfies Record<string, () => Promise<FuzzTarget<unknown>>>;

/** The name of a target. */
export type TargetName = keyof typeof OPEN;

/** The names of all targets. */
export const TARGET_NAMES: readonly TargetName[] = Object.keys(OPEN) as TargetName[];

/** Whether there is a target of that name. */
export function isTargetName(name: string): name is TargetName {
  return name in OPEN;
}

/** Prepares a target. */
export async function openTarget(name: TargetName): Promise<FuzzTarget<unknown>> {
  return await OPEN[name]();
}
