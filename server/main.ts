/**
 * The server program.
 *
 * @module
 */

import { type Launch, run, type Running } from "../common/lifecycle.ts";
import { trustSystemAuthorities } from "../common/outgoing/certificate_store.ts";
import { takeProxyEnvironment } from "../common/outgoing/proxy_rule.ts";
import { type SERVER_OPTIONS, SERVER_PROGRAM } from "./options.ts";
import { startServer } from "./server.ts";

async function start(launch: Launch<typeof SERVER_OPTIONS>): Promise<Running | void> {
  const { values, log, print } = launch;
  if (values["config.check"]) {
    const { checkServer } = await import("./check.ts");
    await checkServer(values, { log, environment: takeProxyEnvironment() });
    return print("ok\n");
  }
  const { authorize, storageUrl } = values;
  // A server that asks nothing of others need not be allowed to read of proxies and authorities.
  if (authorize === undefined && storageUrl === undefined) return await startServer(launch, { environment: {} });
  const environment = takeProxyEnvironment();
  trustSystemAuthorities({ log });
  return await startServer(launch, { environment });
}

if (import.meta.main) await run(SERVER_PROGRAM, start, { reloads: true });
