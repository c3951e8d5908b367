/**
 * The path of a real Prometheus of today, where it can be had.
 *
 * @module
 */

import { join } from "node:path";
import { runToEnd } from "../../scripts/process/child.ts";

/** A `prometheus` of release 3: that of the system, else of the packages that the integration has unpacked; undefined without one. */
export async function realPrometheus(): Promise<string | undefined> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/", ".cache");
  for (const path of ["prometheus", join(cache, "telemeter/prometheus-3.5/usr/bin/prometheus")]) {
    const version = await runToEnd(path, ["--version"]);
    if (version?.success && /^prometheus, version 3\./m.test(version.output)) return path;
  }
  return undefined;
}
