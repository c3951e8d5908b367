/**
 * `--config.check`: reads all that the server would read when it starts, and opens nothing.
 *
 * @module
 */

import { openAuthorities } from "../common/authorities.ts";
import type { Logger } from "../common/log.ts";
import type { ProxyEnvironment } from "../common/outgoing/proxy_rule.ts";
import { loadTlsIdentity } from "../common/tls.ts";
import type { ServerOptions } from "./options.ts";
import { loadSettings } from "./settings.ts";

/**
 * Reads the files that the options name, certificates and keys among them.
 *
 * @throws {UsageError} on the first thing that the user must mend.
 */
export async function checkServer(
  values: ServerOptions,
  { log, environment }: { log: Logger; environment: ProxyEnvironment },
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const { requests, sinks, tls, internalTls, clientCa, ring } = await loadSettings(values, { log, environment });
  opened.use(requests);
  if (sinks !== undefined) opened.use(sinks);
  for (const files of [tls, internalTls]) {
    if (files !== undefined) opened.use(await loadTlsIdentity({ ...files, log }));
  }
  if (clientCa !== undefined) {
    opened.use(await openAuthorities({ path: clientCa, flag: "--client-ca", of: "clients", log }));
  }
  if (ring === undefined) return;
  const { RingIdentity } = await import("../ring/transport/ring_identity.ts");
  opened.use(await RingIdentity.load({ name: ring.name, ...ring.files, log }));
}
