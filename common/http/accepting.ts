/**
 * Keeps a listener accepting when the process has run out of files.
 *
 * A connection for which the process may open no file ends what Deno's node:net does to accept more, silently and for good:
 * a crowd that goes again would leave a server behind that runs and hears nobody. Deno.serve ends with an error.
 *
 * @module
 */

import type { Server } from "node:net";

/** How long it may take until a listener accepts again, in milliseconds. Each time costs a microsecond. */
const AGAIN_MS = 100;

/** Connections that the kernel keeps for a listener until it accepts them, node's own default. All may come at once. */
export const BACKLOG = 511;

/** What node listens by. Listening once more changes nothing, but that Deno accepts again (2.9). */
interface Handle {
  listen(backlog: number): number;
}

/** Has a server that listens accept again if it has ceased to, until it is disposed of. */
export function keepAccepting(server: Server): Disposable {
  const timer = setInterval(() => {
    if (server.listening) (server as { readonly _handle?: Handle })._handle?.listen(BACKLOG);
  }, AGAIN_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
