/**
 * A listener on node:http or node:https that defends itself: its connections are admitted by a guard, which cuts those that
 * make no progress.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Connection } from "./connection.ts";
import { ConnectionGuard, plainAddress } from "./connection_guard.ts";
import { type Handler, HttpError } from "./http.ts";
import { type Listener, type ListenOptions, urlOf } from "./listener.ts";
import { NodeExchange } from "./node_exchange.ts";
import { TLS_MIN_VERSION, type TlsPair } from "../tls.ts";

/** A connection and whose it is. The address is asked for once, as the system answers it. */
interface Entry {
  readonly connection: Connection;
  readonly address: string;
}

/** Listens as `listen()` says, with limits. */
export async function listenGuarded(handler: Handler, options: ListenOptions, hostname: string): Promise<Listener> {
  const { address, hostile = {}, name = "http", tls, drainMs = 10_000, metrics } = options;
  const guard = new ConnectionGuard({
    limits: hostile,
    secure: tls !== undefined,
    onRefused: (reason) => metrics?.refused(name, reason),
    onCut: (reason) => metrics?.cut(name, reason),
    now: () => performance.now(),
  });
  const server = makeServer(guard, tls?.current);
  wire(server, { handler, guard, ...options });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, hostname, resolve);
  });
  const unwatch = tls?.onChange((pair) => (server as SecureServer).setSecureContext(secureContext(pair)));
  const unobserve = metrics?.watchOpen(name, () => guard.size);
  const sweeper = setInterval(() => guard.sweep(), guard.sweepIntervalMs);
  const { address: bound, port } = server.address() as AddressInfo;
  return {
    hostname: bound,
    port,
    url: urlOf({ secure: tls !== undefined, hostname: bound, port }),
    [Symbol.asyncDispose]: async () => {
      unwatch?.();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const overdue = setTimeout(() => guard.cutAll(), drainMs);
      await guard.drain();
      clearTimeout(overdue);
      clearInterval(sweeper);
      unobserve?.();
      await closed;
    },
  };
}

function makeServer({ limits }: ConnectionGuard, pair: TlsPair | undefined): Server {
  // The guard keeps all times; the server's own would keep some of them, and reset on bytes that are no progress.
  const options = { headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0, maxHeaderSize: limits.maxHeaderBytes };
  return pair === undefined ? createServer(options) : createSecureServer({ ...options, ...secureContext(pair) });
}

/** `minVersion` goes with every pair: without it the platform's own default comes back, which is older. */
function secureContext({ cert, key }: TlsPair) {
  return { cert, key, minVersion: TLS_MIN_VERSION } as const;
}

function wire(
  server: Server,
  { handler, guard, log, tls }: ListenOptions & { handler: Handler; guard: ConnectionGuard },
) {
  const entries = new WeakMap<Socket, Entry>();

  // In front of the server's own listener, so that a refused connection costs neither a parser nor a handshake.
  const [accept] = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const peer = plainAddress(socket.remoteAddress ?? "");
    const connection = guard.draining ? undefined : guard.admit(socket, peer);
    if (connection === undefined) return void socket.destroy();
    entries.set(socket, { connection, address: peer });
    socket.on("close", () => guard.forget(connection));
    accept.call(server, socket);
  });

  server.on("secureConnection", (socket: TLSSocket & { readonly _parent: Socket }) => {
    const entry = entries.get(socket._parent);
    if (entry === undefined) return void socket.destroy();
    entries.set(socket, entry);
    entry.connection.secured(socket);
  });

  server.on("clientError", (error: Error & { readonly code?: string }, socket: Socket) => {
    const connection = entries.get(socket)?.connection;
    if (connection === undefined || !error.code?.startsWith("HPE_")) return void socket.destroy();
    connection.reject(error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400);
  });

  const { maxUrlBytes } = guard.limits;
  const exchange = (handler: Handler, { expectsContinue = false } = {}) => {
    return (message: IncomingMessage, out: ServerResponse) => {
      const entry = entries.get(message.socket);
      if (entry === undefined) return void message.socket.destroy();
      const isLast = () => guard.draining;
      entry.connection.begin(
        new NodeExchange(message, out, {
          connection: entry.connection,
          address: entry.address,
          secure: tls !== undefined,
          expectsContinue,
          isLast,
          maxUrlBytes,
          handler,
          log,
        }),
      );
    };
  };
  server.on("request", exchange(handler));
  server.on("checkContinue", exchange(handler, { expectsContinue: true }));
  const unmet: Handler = () => {
    throw new HttpError(417, "Cannot meet an expectation other than 100-continue", { reason: "expectation" });
  };
  server.on("checkExpectation", exchange(unmet, { expectsContinue: true }));
}
