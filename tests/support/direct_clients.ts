/**
 * Connections as the client makes them, without certificates and proxies.
 *
 * @module
 */

import { FROM, HttpClients } from "../../client/http_client.ts";
import { noProxy } from "../../common/outgoing/proxy_rule.ts";
import { recordingLog } from "./recording_log.ts";

/** Opens them; there is nothing to close. */
export const directClients: HttpClients = await HttpClients.load({}, {
  side: FROM,
  proxyFor: noProxy,
  log: recordingLog().log,
});
