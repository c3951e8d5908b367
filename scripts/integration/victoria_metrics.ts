/**
 * A VictoriaMetrics on this machine: from the PATH, or out of Debian's package.
 *
 * @module
 */

import { join } from "node:path";
import { runToEnd } from "../process/child.ts";
import { unpackDebianPackage } from "./debian_package.ts";
import { cached } from "./prometheus_runner.ts";

/**
 * The path of the program, which is fetched into the user's cache folder if need be.
 *
 * @throws {Error} saying why there is none.
 */
export async function findVictoriaMetrics(): Promise<string> {
  const folder = cached("victoria-metrics");
  for (const path of ["victoria-metrics", join(folder, "usr/bin/victoria-metrics")]) if (await runs(path)) return path;
  await unpackDebianPackage({ name: "victoria-metrics", suite: "sid" }, folder);
  const path = join(folder, "usr/bin/victoria-metrics");
  if (await runs(path)) return path;
  throw new Error(`the program in ${folder} does not run on this machine`);
}

async function runs(path: string): Promise<boolean> {
  return (await runToEnd(path, ["--version"], { timeoutMs: 10_000 }))?.success ?? false;
}
