/**
 * The client's program.
 *
 * @module
 */

import { run } from "../common/lifecycle.ts";
import { startClient } from "./client.ts";
import { dryRun } from "./dry_run.ts";
import { PROGRAM } from "./options.ts";
import { loadSettings } from "./settings.ts";

await run(PROGRAM, async ({ values, log, signal }) => {
  if (!values.dryRun) return await startClient(values, { log });
  const settings = await loadSettings(values, { log, now: Date.now });
  try {
    const page = await dryRun(settings, { signal });
    const bytes = new TextEncoder().encode(page);
    for (let written = 0; written < bytes.length;) written += await Deno.stdout.write(bytes.subarray(written));
  } catch (error) {
    Deno.stderr.writeSync(new TextEncoder().encode(`client: ${error instanceof Error ? error.message : error}\n`));
    Deno.exit(1);
  }
  Deno.exit(0);
});
