/**
 * A look at the addresses of listeners before anything else is opened or made.
 *
 * @module
 */

import { listen } from "../common/http/http_server.ts";
import type { Logger } from "../common/log.ts";
import type { Address } from "../common/option_kinds.ts";

/**
 * Listens on all addresses at once, for a moment.
 *
 * @throws {UsageError} if one of them cannot be listened on, or two are the same.
 */
export async function mustBeFree(addresses: readonly Address[], { log }: { log: Logger }): Promise<void> {
  await using listeners = new AsyncDisposableStack();
  const handler = () => new Response("The server is starting\n", { status: 503, headers: { connection: "close" } });
  for (const address of addresses) listeners.use(await listen(handler, { address, log }));
}
