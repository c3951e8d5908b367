/**
 * What the ring uses of npm:ws, whose own types bring those of Node, which clash with Deno's.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** Settings of both ends. */
export interface WebSocketSettings {
  /** Whether messages are compressed. */
  readonly perMessageDeflate?: boolean;
  /** The largest message taken, in bytes. */
  readonly maxPayload?: number;
  /** The most frames of one message. */
  readonly maxFragments?: number;
  /** Whether text may be other than UTF-8. */
  readonly skipUTF8Validation?: boolean;
  /** How long the other end may take to close, in milliseconds. */
  readonly closeTimeout?: number;
  /** Whether pings are answered. */
  readonly autoPong?: boolean;
}

/** Settings of the end that dials. */
export interface DialSettings extends WebSocketSettings {
  /** How long the handshake may take, in milliseconds. */
  readonly handshakeTimeout?: number;
  /** Makes the mask of a frame. */
  readonly generateMask?: (mask: Buffer) => void;
  /** Opens the connection. */
  readonly createConnection?: () => Duplex;
}

/** A WebSocket of Node's kind. */
export class WebSocket extends EventEmitter {
  /** Dials. */
  constructor(address: string | URL, settings?: DialSettings);
  /** The state in which messages can be sent. */
  readonly OPEN: 1;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** Bytes that were sent and are not with the system yet. */
  readonly bufferedAmount: number;
  /** Sends a message; the callback comes once it is with the system. */
  send(data: string | Uint8Array, callback?: (error?: Error) => void): void;
  /** Sends a ping. */
  ping(): void;
  /** Reads nothing. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Closes in good order. */
  close(code?: number, reason?: string): void;
  /** Cuts the connection. */
  terminate(): void;
}

/** Makes WebSockets of HTTP connections. */
export class WebSocketServer extends EventEmitter {
  /** Takes over connections that others accepted. */
  constructor(settings: WebSocketSettings & { readonly noServer: true; readonly clientTracking?: boolean });
  /** Ends the handshake. */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: (webSocket: WebSocket, request: IncomingMessage) => void,
  ): void;
  /** Takes no more. */
  close(): void;
}
