/**
 * A {@linkcode KvConnectServer} as a process of its own: `kv_connect_program.ts TOKEN`. It says where it listens, and runs until
 * it is stopped.
 *
 * @module
 */

import { KvConnectServer } from "./kv_connect_server.ts";

if (import.meta.main) {
  const [token] = Deno.args;
  const server = new KvConnectServer(token);
  await Deno.stdout.write(new TextEncoder().encode(`listens at ${server.url}\n`));
}
