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
import { BACKLOG, keepAccepting } from "./accepting.ts";
import { addressNetwork, plainAddress } from "./addresses.ts";
import type { Connection } from "./connection.ts";
import { ConnectionGuard } from "./connection_guard.ts";
import { ErrorAnswers } from "./error_answers.ts";
import { type Handler, HttpError } from "./http.ts";
import { type Listener, type ListenOptions, urlOf } from "./listener.ts";
import type { Networks } from "./networks.ts";
import { NodeExchange } from "./node_exchange.ts";
import { refuseBytes } from "./not_http.ts";
import { takeProxyHeader } from "./proxy_protocol.ts";
import { Turns } from "./turns.ts";
import { TLS_MIN_VERSION, type TlsPair } from "../tls.ts";

/** A connection and whose it is. The address is asked for once, as the system answers it. */
interface Entry {
  readonly connection: Connection;
  readonly address: string;
  /** The network of that, which its turns go by. */
  readonly network: string;
  /** Where that is a proxy which is believed: all that are. */
  readonly trustedProxies: Networks | undefined;
  /** The certificate that it has shown, if an authority of clients has signed it. */
  readonly certificate?: Uint8Array;
}

/** What node says of bytes that its parser cannot read. */
interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
}

/**
 * Requests that are begun in one turn of the event loop; each takes some 0.4 ms until its answer. While 900 connections
 * with half of a push each came at the same moment, a good push took 0.1 to 0.2 s at worst, and 0.3 to 0.6 s without turns.
 */
const BEGUN_A_TURN = 16;

/** Listens as `listen()` says, with limits. */
export async function listenGuarded(handler: Handler, options: ListenOptions, hostname: string): Promise<Listener> {
  const { address, hostile = {}, hasMemory, name = "http", tls, clientAuthorities, drainMs = 10_000, metrics } =
    options;
  const guard = new ConnectionGuard({
    limits: hostile,
    hasMemory,
    secure: tls !== undefined,
    onRefused: (reason) => metrics?.refused(name, reason),
    onCut: (reason) => metrics?.cut(name, reason),
    now: () => performance.now(),
  });
  const server = makeServer(guard, { pair: tls?.current, authorities: clientAuthorities?.current });
  wire(server, { handler, guard, ...options, name });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, hostname, BACKLOG, resolve);
  });
  const unwatch = [
    tls?.onChange((pair) =>
      (server as SecureServer).setSecureContext(secureContext({ pair, authorities: clientAuthorities?.current }))
    ),
    clientAuthorities?.onChange((authorities) =>
      (server as SecureServer).setSecureContext(secureContext({ pair: tls!.current, authorities }))
    ),
  ];
  const unobserve = metrics?.watchOpen(name, () => guard.size);
  const accepting = keepAccepting(server);
  const sweeper = setInterval(() => guard.sweep(), guard.sweepIntervalMs);
  const { address: bound, port } = server.address() as AddressInfo;
  return {
    hostname: bound,
    port,
    url: urlOf({ secure: tls !== undefined, hostname: bound, port }),
    [Symbol.asyncDispose]: async () => {
      for (const end of unwatch) end?.();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const overdue = setTimeout(() => guard.cutAll(), drainMs);
      await guard.drain();
      clearTimeout(overdue);
      clearInterval(sweeper);
      accepting[Symbol.dispose]();
      unobserve?.();
      await closed;
    },
  };
}

/** What a handshake takes. */
interface Identities {
  readonly pair: TlsPair | undefined;
  /** Authorities of clients, in PEM. */
  readonly authorities: string | undefined;
}

function makeServer({ limits }: ConnectionGuard, { pair, authorities }: Identities): Server {
  // The guard keeps all times; the server's own would keep some of them, and reset on bytes that are no progress.
  const times = { headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 };
  const options = { ...times, maxHeaderSize: limits.maxHeaderBytes, requireHostHeader: false };
  const server = pair === undefined ? createServer(options) : createSecureServer({
    ...options,
    ...secureContext({ pair, authorities }),
    // Who has none, or another one, may have a token.
    requestCert: authorities !== undefined,
    rejectUnauthorized: false,
  });
  // Else node aborts a request as soon as its client ends its side, which the guard decides.
  return Object.assign(server, { httpAllowHalfOpen: true });
}

/** `minVersion` goes with every pair: without it the platform's own default comes back, which is older. */
function secureContext({ pair, authorities }: Identities) {
  return { ...pair, ...authorities !== undefined && { ca: authorities }, minVersion: TLS_MIN_VERSION } as const;
}

function wire(
  server: Server,
  { handler, guard, log, tls, clientAuthorities, name, trustedProxies }: ListenOptions & {
    handler: Handler;
    guard: ConnectionGuard;
  },
) {
  const entries = new WeakMap<Socket, Entry>();
  const entryOf = (connection: Connection, address: string): Entry => {
    return {
      connection,
      address,
      network: addressNetwork(address),
      trustedProxies: trustedProxies?.has(address) ? trustedProxies : undefined,
    };
  };
  const turns = new Turns({ most: BEGUN_A_TURN });

  // In front of the server's own listener, so that a refused connection costs neither a parser nor a handshake.
  const [accept] = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const peer = plainAddress(socket.remoteAddress ?? ""), isShared = trustedProxies?.has(peer) ?? false;
    const connection = guard.draining ? undefined : guard.admit(socket, peer, { isShared });
    if (connection === undefined) return void socket.destroy();
    entries.set(socket, entryOf(connection, peer));
    socket.on("close", () => guard.forget(connection));
    const serve = () => {
      accept.call(server, socket);
      socket.on("end", () => connection.ended());
    };
    if (!isShared) return serve();
    takeProxyHeader(socket, {
      onRead: (source) => {
        const entry = entryOf(connection, plainAddress(source ?? peer));
        if (entry.trustedProxies === undefined && !guard.attribute(connection, entry.address)) {
          return void socket.destroy();
        }
        entries.set(socket, entry);
        serve();
      },
      onFault: (error) => reject(socket, error),
    });
  });

  server.on("secureConnection", (socket: TLSSocket & { readonly _parent: Socket }) => {
    const entry = entries.get(socket._parent);
    if (entry === undefined) return void socket.destroy();
    const isKnown = clientAuthorities !== undefined && socket.authorized;
    entries.set(socket, isKnown ? { ...entry, certificate: socket.getPeerCertificate().raw } : entry);
    entry.connection.secured(socket);
    socket.allowHalfOpen = true;
    socket.on("end", () => entry.connection.ended());
  });

  const reject = (socket: Socket, error: HttpError) => {
    const { connection, address } = entries.get(socket)!;
    // Health checks with the wrong settings do this all day.
    log.debug("Refused what is no HTTP request", { listener: name, address, reason: error.reason, why: error.message });
    connection.reject(error);
  };
  server.on("clientError", (error: ParseError, socket: Socket) => {
    if (!entries.has(socket) || !error.code?.startsWith("HPE_")) return void socket.destroy();
    if (error.code !== "HPE_HEADER_OVERFLOW") return reject(socket, refuseBytes(error.rawPacket ?? new Uint8Array()));
    const why = `Cannot take more than ${guard.limits.maxHeaderBytes} bytes of headers`;
    reject(socket, new HttpError(431, why, { reason: "header_size" }));
  });
  server.on("connect", (_: IncomingMessage, socket: Socket) => {
    if (!entries.has(socket)) return void socket.destroy();
    reject(socket, new HttpError(501, "Cannot be a proxy: use another method than CONNECT", { reason: "method" }));
  });

  const { maxUrlBytes } = guard.limits, answers = new ErrorAnswers({ log });
  const exchange = (handler: Handler, { expectsContinue = false } = {}) => {
    return (message: IncomingMessage, out: ServerResponse) => {
      const entry = entries.get(message.socket);
      if (entry === undefined) return void message.socket.destroy();
      const isLast = () => guard.draining;
      entry.connection.begin(
        new NodeExchange(message, out, {
          connection: entry.connection,
          address: entry.address,
          network: entry.network,
          turns,
          trustedProxies: entry.trustedProxies,
          certificate: entry.certificate,
          secure: tls !== undefined,
          expectsContinue,
          isLast,
          maxUrlBytes,
          handler,
          answers,
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
