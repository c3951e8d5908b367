/**
 * Dials a peer: TLS with our certificate, then a WebSocket.
 *
 * @module
 */

import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
// @ts-types="./ws.d.ts"
import { WebSocket } from "ws";
import type { Address } from "../../common/option_kinds.ts";
import { certificateNames } from "../../common/certificate_names.ts";
import { RING_PATH, RING_TLS_VERSION, webSocketOptions } from "./listener.ts";
import type { RingCredentials } from "./ring_identity.ts";
import type { TransportLimits } from "./transport_limits.ts";

/** A WebSocket to a peer that we dialled, and whose certificate the ring's authority signed. */
export interface DialledConnection {
  /** Open. */
  readonly webSocket: WebSocket;
  /** What carries it. */
  readonly socket: TLSSocket;
  /** The DNS names in its certificate. */
  readonly certificateNames: readonly string[];
}

/** Why a dial came to nothing. */
export class DialError extends Error {
  /** Whether nobody was reached, or somebody with whom the handshake failed. */
  readonly code: "unreachable" | "handshake";
  /** The name that stack traces show. */
  override readonly name = "DialError";

  /** Whether the machine has answered that nobody listens there. */
  get nobodyListens(): boolean {
    return (this.cause as { readonly code?: string } | undefined)?.code === "ECONNREFUSED";
  }

  /** Takes a sentence for people. */
  constructor(code: DialError["code"], message: string, options: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** How to dial. */
export interface DialOptions {
  /** Ours. */
  readonly credentials: RingCredentials;
  /** The limits. */
  readonly limits: TransportLimits;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

/** What the WebSocket says of one who does not answer its request in time. */
const HANDSHAKE_TIMEOUT = "Opening handshake has timed out";

/** Sentences for what an operator can mend. The platform's own stand for the rest. */
const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
  // With TLS 1.3 the other end rejects our certificate after our part of the handshake.
  ECONNRESET: "it closed the connection, perhaps as its --cluster-ca did not sign our certificate",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants a certificate and took none from us",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it does not speak TLS 1.3",
  // Deno's for everything, Node's for the first.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "our --cluster-ca did not sign its certificate, or that has expired",
  SELF_SIGNED_CERT_IN_CHAIN: "our --cluster-ca did not sign its certificate",
  DEPTH_ZERO_SELF_SIGNED_CERT: "our --cluster-ca did not sign its certificate",
  CERT_HAS_EXPIRED: "its certificate has expired",
};

/**
 * Dials. Whom we reach is only known to be of the ring: a member's certificate speaks for its name, not for its address.
 *
 * @throws {DialError} if that comes to nothing, with a sentence that says why.
 */
export async function dialPeer(
  address: Address,
  { credentials, limits, signal }: DialOptions,
): Promise<DialledConnection> {
  const { hostname, port } = address;
  // An address may come from a peer: nothing in it may make the URL another one.
  if (!/^[\w.-]+$/.test(hostname) && !isIP(hostname)) throw new SyntaxError("write HOST:PORT");
  const { promise, resolve, reject } = Promise.withResolvers<DialledConnection>();
  let socket: TLSSocket | undefined, isReached = false;
  const webSocket = new WebSocket(`wss://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}${RING_PATH}`, {
    ...webSocketOptions(limits),
    handshakeTimeout: limits.helloTimeoutMs,
    // Masks keep browsers from writing what a proxy takes for HTTP; here are neither, and no mask is quicker to apply.
    generateMask: () => {},
    createConnection: () => {
      socket = connect({
        host: hostname,
        port,
        servername: isIP(hostname) ? "" : hostname,
        ...credentials,
        minVersion: RING_TLS_VERSION,
        rejectUnauthorized: true,
        checkServerIdentity: () => undefined,
      });
      socket.once("connect", () => isReached = true);
      return socket;
    },
  });
  const abandon = () => webSocket.terminate();
  if (signal.aborted) abandon();
  else signal.addEventListener("abort", abandon, { once: true });
  const onError = (error: Error & { readonly code?: string }) => {
    const sentence = signal.aborted ? signal.reason.message : SENTENCES[error.code ?? ""] ?? error.message;
    // One who is too slow may be asleep; one who answers with anything but a WebSocket is somebody else, or takes us for one.
    const code = isReached && !signal.aborted && error.message !== HANDSHAKE_TIMEOUT ? "handshake" : "unreachable";
    reject(new DialError(code, sentence, { cause: error }));
  };
  webSocket.on("error", onError);
  webSocket.on("open", () => {
    signal.removeEventListener("abort", abandon);
    try {
      const names = certificateNames(socket!.getPeerCertificate().raw);
      resolve({ webSocket, socket: socket!, certificateNames: names });
    } catch (error) {
      webSocket.terminate();
      reject(new DialError("handshake", (error as Error).message, { cause: error }));
    }
  });
  return await promise;
}
