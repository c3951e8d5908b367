/**
 * Listens for peers: TLS connections, each with a time limit until it is a link, and as many as there may be.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
// @ts-types="./ws.d.ts"
import { type WebSocket, WebSocketServer, type WebSocketSettings } from "ws";
import { keepAccepting } from "../../common/http/accepting.ts";
import { listenFault } from "../../common/listen_fault.ts";
import type { Address } from "../../common/option_kinds.ts";
import { UsageError } from "../../common/options.ts";
import { certificateNames } from "../../common/certificate_names.ts";
import { type Admission, PeerAdmission } from "./peer_admission.ts";
import { CLASS_LIMITS } from "../protocol/mesh.ts";
import type { RingCredentials, RingIdentity } from "./ring_identity.ts";
import type { RefusalLog } from "./refusal_log.ts";
import type { TransportLimits } from "./transport_limits.ts";

/** The path of the WebSocket. */
export const RING_PATH = "/ring";

/** Members run the same program: nothing older is needed. */
export const RING_TLS_VERSION = "TLSv1.3";

/** A WebSocket of a peer whose certificate the ring's authority signed. */
export interface AcceptedConnection {
  /** Open. */
  readonly webSocket: WebSocket;
  /** What carries it. */
  readonly socket: TLSSocket;
  /** The remote address, without the port. */
  readonly address: string;
  /** The DNS names in its certificate. */
  readonly certificateNames: readonly string[];
  /** Ends the time limit: it has become a link. */
  settle(): void;
}

/** How to listen. */
export interface RingListenerOptions {
  /** Where. */
  readonly address: Address;
  /** Ours, as it changes. */
  readonly identity: RingIdentity;
  /** The limits. */
  readonly limits: TransportLimits;
  /** Gets the peers that are refused here. */
  readonly refusals: RefusalLog;
  /** The time in milliseconds, from any origin. */
  readonly now: () => number;
  /** Gets the others. */
  readonly onConnection: (connection: AcceptedConnection) => void;
}

/** A listener that runs. Disposing of it cuts all connections. */
export interface RingListener extends AsyncDisposable {
  /** The address that it is bound to. */
  readonly hostname: string;
  /** The port that it is bound to. */
  readonly port: number;
}

/** What all WebSockets of the ring have in common, on either end. */
export function webSocketOptions({ lingerMs }: TransportLimits): WebSocketSettings {
  return {
    perMessageDeflate: false,
    maxPayload: CLASS_LIMITS.data.frameBytes,
    // Ours come in one piece.
    maxFragments: 16,
    closeTimeout: lingerMs,
  };
}

/**
 * Listens for peers.
 *
 * @throws {UsageError} if the address cannot be listened on.
 */
export async function listenForPeers(options: RingListenerOptions): Promise<RingListener> {
  const { address: { hostname, port }, identity, limits, refusals, now, onConnection } = options;
  // PeerAdmission has the time limits: each of the server's own would begin anew with each phase.
  const times = { handshakeTimeout: 0, headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 };
  const requirePeer = { requestCert: true, rejectUnauthorized: true };
  const server = createServer({ ...times, ...requirePeer, ...secureContext(identity.current), maxHeaderSize: 4_096 });
  const admission = new PeerAdmission({ limits, refusals, now });
  const admitted = new WeakMap<Duplex, Admission>();

  // In front of the server's own listener, so that one who is not let in costs no handshake.
  const [accept] = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const admittance = admission.enter(socket);
    if (admittance === undefined) return void socket.destroy();
    admitted.set(socket, admittance);
    accept.call(server, socket);
  });
  const refuse = (socket: Wrapped, reason: string, message: string) => {
    admitted.get(socket._parent ?? socket)?.refuse(reason, message);
    socket.destroy();
  };
  server.on("tlsClientError", (error: Error & { readonly code?: string }, socket: Wrapped) => {
    const { authorizationError } = socket;
    if (error.code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") {
      refuse(socket, "no-certificate", "It presents no certificate");
    } else if (authorizationError) {
      const message = `Its certificate has expired, or --cluster-ca did not sign it: ${authorizationError}`;
      refuse(socket, "certificate", message);
    } else refuse(socket, "handshake", `The TLS handshake failed: ${error.message}`);
  });
  server.on("clientError", (error: Error, socket: Wrapped) => {
    // Those of the handshake come here too, first.
    if (socket.authorized) refuse(socket, "http", `What it sends is not HTTP: ${error.message}`);
  });
  server.on("request", (request, response) => {
    refuse(request.socket as Wrapped, "http", "It asks for something other than the ring's WebSocket");
    response.destroy();
  });

  const webSockets = new WebSocketServer({ ...webSocketOptions(limits), noServer: true, clientTracking: false });
  server.on("upgrade", (request: IncomingMessage, duplex: Duplex, head: Uint8Array) => {
    const socket = duplex as Wrapped, admittance = admitted.get(socket._parent ?? socket);
    if (admittance === undefined || request.url !== RING_PATH) {
      return refuse(socket, "http", "It asks for something other than the ring's WebSocket");
    }
    let names: readonly string[];
    try {
      names = certificateNames(socket.getPeerCertificate().raw);
    } catch (error) {
      return refuse(socket, "certificate", (error as Error).message);
    }
    const { address } = admittance;
    webSockets.handleUpgrade(request, socket, head as never, (webSocket) => {
      onConnection({ webSocket, socket, address, certificateNames: names, settle: () => admittance.settle() });
    });
  });

  await new Promise<void>((resolve, reject) => {
    const where = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    server.once(
      "error",
      (cause) => reject(new UsageError(`Cannot listen on ${where}: ${listenFault(cause)}`, { cause })),
    );
    server.listen(port, hostname === "" ? undefined : hostname, resolve);
  });
  const accepting = keepAccepting(server);
  const unwatch = identity.onChange((credentials) => server.setSecureContext(secureContext(credentials)));
  const bound = server.address() as AddressInfo;
  return {
    hostname: bound.address,
    port: bound.port,
    [Symbol.asyncDispose]: async () => {
      unwatch();
      accepting[Symbol.dispose]();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      admission.close();
      webSockets.close();
      await closed;
    },
  };
}

/** A TLS socket of the listener's, and the socket that it wraps. */
type Wrapped = TLSSocket & { readonly _parent?: Socket };

/** `minVersion` goes with every change: without it the platform's own default comes back, which is older. */
function secureContext({ ca, cert, key }: RingCredentials) {
  return { ca, cert, key, minVersion: RING_TLS_VERSION } as const;
}
