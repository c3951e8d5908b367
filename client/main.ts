/**
 * The client's program.
 *
 * @module
 */

import { messageOf } from "../common/explain.ts";
import { FailedError, type Launch, run, type Running } from "../common/lifecycle.ts";
import { trustSystemAuthorities } from "../common/outgoing/certificate_store.ts";
import { startClient } from "./client.ts";
import { type CLIENT_OPTIONS, CLIENT_PROGRAM } from "./options.ts";
import { takeProxyEnvironment } from "../common/outgoing/proxy_rule.ts";
import { loadSettings } from "./settings.ts";

async function start(
  { values, originOf, log, signal, checkFiles, reread, print }: Launch<typeof CLIENT_OPTIONS>,
): Promise<Running | void> {
  const environment = takeProxyEnvironment();
  trustSystemAuthorities({ log });
  if (values["config.check"]) {
    await loadSettings(values, { log, now: Date.now, environment });
    return print("ok\n");
  }
  if (!values.dryRun) return await startClient(values, { originOf, log, environment, checkFiles, reread });
  const { dryRun } = await import("./dry_run.ts");
  using settings = await loadSettings(values, { log, now: Date.now, environment });
  try {
    print(await dryRun(settings, { signal, now: Date.now }));
  } catch (cause) {
    throw new FailedError(messageOf(cause), { cause });
  }
}

if (import.meta.main) await run(CLIENT_PROGRAM, start, { reloads: true });
