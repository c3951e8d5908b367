/**
 * One who talks to a member of the ring by hand: each frame, or each byte, is the test's.
 *
 * @module
 */

import { connect as connectPlain, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
// @ts-types="../../ring/transport/ws.d.ts"
import { WebSocket } from "ws";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameHeader,
  TRANSPORT_TYPES,
} from "../../ring/transport/frames.ts";
import { RING_PATH } from "../../ring/transport/listener.ts";
import { Mailbox } from "./mailbox.ts";
import { randomBoot } from "./ring_members.ts";

/** A certificate, its key and whom to trust; without the former none is shown. */
export interface Credentials {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The header of a HELLO that members of tests accept of `name`. */
export function helloHeader(name: string, fields: FrameHeader = {}): FrameHeader {
  return {
    name,
    boot: randomBoot(),
    incarnation: 1,
    address: "127.0.0.1:1",
    host: "elsewhere",
    cluster: "test",
    versions: [2, 2],
    keys: { signing: "key", verifying: ["key"] },
    ...fields,
  };
}

/** A WebSocket to a member. */
export class RawPeer implements Disposable {
  /** The WebSocket. */
  readonly webSocket: WebSocket;
  /** What came. */
  readonly frames: Mailbox<Required<Frame>> = new Mailbox();
  /** Resolves with the code once it is closed. */
  readonly closed: Promise<number>;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on("message", (data: Uint8Array) => this.frames.put(decodeFrame(data)));
    webSocket.on("error", () => {});
    this.closed = new Promise((resolve) => webSocket.on("close", resolve));
  }

  /** Shakes hands, of TLS and of the WebSocket. Rejects if the member does not. */
  static async connect(port: number, credentials: Credentials): Promise<RawPeer> {
    const webSocket = new WebSocket(`wss://127.0.0.1:${port}${RING_PATH}`, {
      perMessageDeflate: false,
      closeTimeout: 100,
      createConnection: () => connectTls(port, credentials),
    });
    const rawPeer = new RawPeer(webSocket);
    await new Promise((resolve, reject) => webSocket.once("open", resolve).once("error", reject));
    return rawPeer;
  }

  /** Connects and says HELLO, and READY once it is answered. */
  static async join(port: number, credentials: Credentials, hello: FrameHeader): Promise<RawPeer> {
    const rawPeer = await RawPeer.connect(port, credentials);
    rawPeer.send({ version: 2, type: TRANSPORT_TYPES.hello, header: hello });
    const { type } = await rawPeer.frames.take();
    if (type !== TRANSPORT_TYPES.hello) throw new Error(`Got frame ${type} in place of HELLO`);
    rawPeer.send({ version: 2, type: TRANSPORT_TYPES.ready, header: {} });
    return rawPeer;
  }

  /** Sends a frame, or bytes as they are. */
  send(frame: Frame | Uint8Array): void {
    this.webSocket.send(frame instanceof Uint8Array ? frame : encodeFrame(frame));
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.webSocket.terminate();
  }
}

/** A TLS connection, that shows a certificate if there is one. */
export function connectTls(port: number, credentials: Credentials): TLSSocket {
  return connect({ host: "127.0.0.1", port, servername: "", ...credentials, checkServerIdentity: () => undefined });
}

/** Sends bytes on a new connection, of TLS with credentials, and resolves with what came once the member closes it. */
export async function sendRaw(port: number, bytes: string, credentials?: Credentials): Promise<string> {
  const socket: Socket = credentials ? connectTls(port, credentials) : connectPlain(port, "127.0.0.1");
  const received: string[] = [];
  socket.on("data", (chunk) => received.push(String(chunk)));
  socket.on(credentials ? "secureConnect" : "connect", () => void (bytes && socket.write(bytes)));
  await untilCut(socket);
  return received.join("");
}

/** Resolves once a connection is closed, for whatever reason. What comes until then is dropped. */
export function untilCut(socket: Socket): Promise<void> {
  socket.on("error", () => {});
  socket.resume();
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}
