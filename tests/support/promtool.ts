/**
 * Prometheus's own tool, where it can be had.
 *
 * @module
 */

import { join } from "node:path";

/** The path of a `promtool`: that of the system, else of the packages that the integration has unpacked; undefined without one. */
export async function promtool(): Promise<string | undefined> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/", ".cache");
  const folders = ["prometheus-3.5", "prometheus", "prometheus-2.42"].map((name) =>
    join(cache, "telemeter", name, "usr/bin")
  );
  for (const folder of [...(Deno.env.get("PATH") ?? "").split(":"), ...folders]) {
    const path = join(folder, "promtool");
    const isThere = await Deno.stat(path).then(({ isFile }) => isFile, () => false);
    if (isThere) return path;
  }
  // deno-lint-ignore no-console -- whoever runs the tests should know what they do not try
  console.warn("Skips what needs promtool: `apt-get install prometheus`, or run `deno task integration` once");
  return undefined;
}
