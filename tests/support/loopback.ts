/**
 * A listener on a free port of the loopback interface.
 *
 * @module
 */

import type { Handler } from "../../common/http/http.ts";
import { listen } from "../../common/http/http_server.ts";
import type { Listener } from "../../common/http/listener.ts";
import { recordingLog } from "./recording_log.ts";

/** Runs `handler` until disposed of. */
export function loopback(handler: Handler): Promise<Listener> {
  return listen(handler, { address: { hostname: "127.0.0.1", port: 0 }, name: "test", log: recordingLog().log });
}
