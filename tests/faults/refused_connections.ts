/**
 * Connections that the ring's listeners refuse, many a second.
 *
 * @module
 */

import { connect as connectPlain, type Socket } from "node:net";
import { connect } from "node:tls";

/** What each does, by turns: hold a connection, send what is no TLS, begin a handshake, show no certificate. */
const KINDS: readonly ((port: number) => Socket)[] = [
  (port) => connectPlain(port, "127.0.0.1"),
  (port) => say(port, "GET / HTTP/1.1\r\n\r\n"),
  (port) => say(port, "\x16\x03\x01\x02\x00\x01"),
  (port) => connect({ host: "127.0.0.1", port, rejectUnauthorized: false }),
];

/** How many connect in a second to each port. */
const PER_SECOND = 200;
const EVERY_MS = 50;

/** Connects to each of the ports until the signal is aborted. Returns how often that was. */
export async function connectUntil(ports: readonly number[], signal: AbortSignal): Promise<number> {
  const open = new Set<Socket>();
  let count = 0;
  while (!signal.aborted) {
    for (const port of ports) {
      for (let index = 0; index < PER_SECOND * EVERY_MS / 1_000; index++) {
        const socket = KINDS[count++ % KINDS.length](port);
        open.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => open.delete(socket));
        socket.resume();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  for (const socket of open) socket.destroy();
  return count;
}

function say(port: number, text: string): Socket {
  const socket = connectPlain(port, "127.0.0.1");
  socket.write(text);
  return socket;
}
