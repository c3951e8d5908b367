/**
 * Looks at what others wrote: which packages the programs load and what those could do, and whether any has a known
 * vulnerability.
 *
 * @module
 */

import { join } from "node:path";
import configuration from "../deno.json" with { type: "json" };
import { FailedError, run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";
import { runToEnd } from "./process/child.ts";
import { AUDIT_ARGUMENTS, readAdvisories } from "./supply_chain/advisories.ts";
import {
  dependencies,
  dependencyTable,
  type Lock,
  type ModuleGraph,
  permissionTable,
  type ProgramName,
  PROGRAMS,
} from "./supply_chain/dependencies.ts";

/** The program as `--help` shows it. */
export const AUDIT: Program<Record<never, never>> = {
  name: "audit",
  summary:
    "Lists the packages of the lock, what they could do, and known vulnerabilities. Exits with 1 if there are any, " +
    "and with 2 if no registry says.",
  options: {},
};

const ROOT = new URL("..", import.meta.url);

if (import.meta.main) {
  await run(AUDIT, async ({ signal, print }) => {
    const deno = async (...args: string[]) => {
      const outcome = await runToEnd(Deno.execPath(), args, { cwd: ROOT, signal });
      signal.throwIfAborted();
      return outcome!;
    };
    const graphOf = async (name: ProgramName): Promise<ModuleGraph> => {
      const { success, stdout, output } = await deno("info", "--json", PROGRAMS[name].main);
      if (!success) throw new FailedError(`Cannot tell what the ${name} loads:\n${output}`);
      return JSON.parse(stdout);
    };
    const lock: Lock = JSON.parse(await Deno.readTextFile(new URL("deno.lock", ROOT)));
    const all = dependencies({ server: await graphOf("server"), client: await graphOf("client") }, lock);
    const licences = new Map(
      await Promise.all(all.map(async (each) => [each, await licenceIn(each.localPath)] as const)),
    );
    print(
      `${dependencyTable(all, (each) => licences.get(each)!)}\n\n` +
        "A package may do what the program may that loads it:\n\n" +
        `${permissionTable(configuration.tasks)}\n\n`,
    );
    const { verdict, words } = readAdvisories(await deno(...AUDIT_ARGUMENTS));
    const unhashed = all.filter(({ integrity }) => integrity === undefined).map(({ name }) => name);
    if (unhashed.length > 0) print(`The lock has no hash of ${unhashed.join(", ")}.\n`);
    if (verdict === "unchecked") {
      print(`Not checked for vulnerabilities, as the registry does not say:\n${words}\n`);
      return 2;
    }
    print(`${words}\n`);
    return verdict === "found" || unhashed.length > 0 ? 1 : 0;
  }, { startsPrograms: true });
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
