/**
 * Connections as the client makes them, without certificates and proxies.
 *
 * @module
 */

import { FROM, HttpClients } from "../../client/http_client.ts";
import { noProxy } from "../../common/outgoing/proxy_rule.ts";
import { recordingLog } from "./recording_log.ts";

/** Opens them, for as long as the tests of a file run. */
export const directClients: HttpClients = await HttpClients.load({}, {
  side: FROM,
  proxyFor: noProxy,
  log: recordingLog().log,
});

// What is kept from one request to the next is so before any test looks what it leaves open.
(await directClients.open(new URL("http://127.0.0.1/")))[Symbol.dispose]();
