/**
 * Looks at what others wrote: which packages the programs load and what those could do, and whether any has a known
 * vulnerability.
 *
 * @module
 */

import configuration from "../deno.json" with { type: "json" };
import { run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";
import { runToEnd } from "./process/child.ts";
import { AUDIT_ARGUMENTS, readAdvisories } from "./supply_chain/advisories.ts";
import { dependencyTable, permissionTable } from "./supply_chain/dependencies.ts";
import { readDependencies } from "./supply_chain/read_dependencies.ts";

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
    const all = await readDependencies({ signal });
    print(
      `${dependencyTable(all, ({ licence }) => licence)}\n\n` +
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
