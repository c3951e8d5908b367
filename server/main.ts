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

async function start(launch: Launch<typeof SERVER_OPTIONS>): Promise<Running> {
  const { values: { authorize, storageUrl }, log } = launch;
  // A server that asks nothing of others need not be allowed to read of proxies and authorities.
  if (authorize === undefined && storageUrl === undefined) return await startServer(launch, { environment: {} });
  const environment = takeProxyEnvironment();
  trustSystemAuthorities({ log });
  return await startServer(launch, { environment });
}

if (import.meta.main) await run(SERVER_PROGRAM, start);
