/**
 * Reads what the programs of this clone load that others wrote.
 *
 * @module
 */

import { join } from "node:path";
import { FailedError } from "../../common/lifecycle.ts";
import { runToEnd } from "../process/child.ts";
import {
  dependencies,
  type Dependency,
  type Lock,
  type ModuleGraph,
  type ProgramName,
  PROGRAMS,
} from "./dependencies.ts";

const ROOT = new URL("../..", import.meta.url);

/** A package of the lock, with its licence. */
export interface LicensedDependency extends Dependency {
  /** What its own description says. */
  readonly licence: string;
}

/**
 * All packages of the lock.
 *
 * @throws {FailedError} if Deno cannot tell what a program loads.
 */
export async function readDependencies({ signal }: { signal?: AbortSignal } = {}): Promise<LicensedDependency[]> {
  const lock: Lock = JSON.parse(await Deno.readTextFile(new URL("deno.lock", ROOT)));
  const [server, client] = await Promise.all((["server", "client"] as const).map((name) => graphOf(name, { signal })));
  return await Promise.all(
    dependencies({ server, client }, lock).map(async (each) => ({ ...each, licence: await licenceIn(each.localPath) })),
  );
}

async function graphOf(name: ProgramName, { signal }: { signal?: AbortSignal }): Promise<ModuleGraph> {
  const outcome = await runToEnd(Deno.execPath(), ["info", "--json", PROGRAMS[name].main], { cwd: ROOT, signal });
  signal?.throwIfAborted();
  if (!outcome?.success) throw new FailedError(`Cannot tell what the ${name} loads:\n${outcome?.output}`);
  return JSON.parse(outcome.stdout);
}

async function licenceIn(folder: string): Promise<string> {
  try {
    const { license = "none named" } = JSON.parse(await Deno.readTextFile(join(folder, "package.json")));
    return typeof license === "string" ? license : license.type ?? "unclear";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "not downloaded";
    throw error;
  }
}
