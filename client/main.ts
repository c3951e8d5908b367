/**
 * The client's program.
 *
 * @module
 */

import { type Launch, run, type Running } from "../common/lifecycle.ts";
import { startClient } from "./client.ts";
import { dryRun } from "./dry_run.ts";
import { type CLIENT_OPTIONS, CLIENT_PROGRAM } from "./options.ts";
import { loadSettings } from "./settings.ts";

async function start({ values, log, signal }: Launch<typeof CLIENT_OPTIONS>): Promise<Running> {
  if (!values.dryRun) return await startClient(values, { log });
  const settings = await loadSettings(values, { log, now: Date.now });
  try {
    const page = new TextEncoder().encode(await dryRun(settings, { signal }));
    for (let written = 0; written < page.length;) written += await Deno.stdout.write(page.subarray(written));
  } catch (error) {
    Deno.stderr.writeSync(
      new TextEncoder().encode(`${CLIENT_PROGRAM.name}: ${error instanceof Error ? error.message : error}\n`),
    );
    Deno.exit(1);
  }
  Deno.exit(0);
}

if (import.meta.main) await run(CLIENT_PROGRAM, start);
