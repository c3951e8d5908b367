/**
 * One WebSocket to a peer: the HELLOs, frames both ways, and its end.
 *
 * @module
 */

import type { TLSSocket } from "node:tls";
// @ts-types="./ws.d.ts"
import type { WebSocket } from "ws";
import { decodeFrame, encodeFrame, FRAME_LIMITS, type FrameHeader, messageTypeOf, TRANSPORT_TYPES } from "./frames.ts";
import {
  commonVersion,
  type HelloHeader,
  type LinkRefusal,
  readHello,
  readRefusal,
  type RefusalHeader,
  writeHello,
  writeRefusal,
} from "./hello.ts";
import { type MeshLink, type MeshMessage, MESSAGE_TYPES } from "../protocol/mesh.ts";
import { Outbox } from "./outbox.ts";
import type { RingRefusalReason } from "./refusal_log.ts";
import type { TransportLimits } from "./transport_limits.ts";
import type { TransportMetrics } from "./transport_metrics.ts";

/** What a link tells its owner. */
export interface LinkEvents {
  /** The peer said HELLO: what is wrong with that, if something is. */
  judge(link: Link, theirs: HelloHeader): LinkRefusal | undefined;
  /** Messages can be sent and come. */
  up(link: Link): void;
  /** A message came. */
  message(link: Link, message: MeshMessage): void;
  /** No more messages can be sent. Called once, and not for what the owner ended. */
  ended(link: Link, end: LinkEnd): void;
}

/** How a link ended. */
export interface LinkEnd {
  /** The sentence. */
  readonly message: string;
  /** What the peer did that it was cut off for: the counter's label. */
  readonly fault?: RingRefusalReason | "self";
  /** What we told the peer, or the peer told us. */
  readonly refusal?: RefusalHeader;
  /** Whether it is we who told it because of what the peer said in its HELLO. */
  readonly isOurs?: true;
}

/** What a {@linkcode Link} works with. */
export interface LinkOptions {
  /** Open. */
  readonly webSocket: WebSocket;
  /** What carries it. */
  readonly socket: TLSSocket;
  /** The remote address, for the log. */
  readonly address: string;
  /** The DNS names in the peer's certificate. */
  readonly certificateNames: readonly string[];
  /** What was dialled, if we did. */
  readonly dialled?: string;
  /** Ends the time limit for coming up. */
  readonly settle: () => void;
  /** What we say of ourselves. */
  readonly ours: HelloHeader;
  /** The limits. */
  readonly limits: TransportLimits;
  /** Gets the counts. */
  readonly metrics: TransportMetrics;
  /** The time in milliseconds, from any origin. */
  readonly now: () => number;
  /** Gets the events. */
  readonly events: LinkEvents;
}

/**
 * How many bytes are handed to the socket at a time: enough for it to be busy until it asks for more, and little enough for a
 * ping not to wait behind much.
 */
const WINDOW_BYTES = 65_536;

/** What a HELLO may take on the wire besides the frame: a WebSocket header. */
const WIRE_SLACK_BYTES = 256;

/** Orderly (RFC 6455 section 7.4.1), and refused, out of the range for applications. */
const CLOSE_CODES = { end: 1000, refusal: 4000 } as const;

/**
 * A link.
 *
 * ```text
 * hello ─accepted: HELLO is fine, ours goes out─▶ waiting ─READY─▶ up ─▶ ending ─▶ closed
 *     ├────dialled: HELLO is fine, READY goes out─────────────────────▶ up
 *     └────not fine, malformed, or the peer refuses─────────────────────▶ ending
 * ```
 */
export class Link {
  /** How it was made. */
  readonly options: LinkOptions;
  /** When it came up. */
  readonly since: number;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
  /** What its owner shows of it, once it is up. */
  mesh: MeshLink | undefined;
  readonly #outbox = new Outbox();
  readonly #resolveClosed: () => void;
  #phase: "hello" | "waiting" | "up" | "ending" | "closed" = "hello";
  #theirs: HelloHeader | undefined;
  #version: number;
  #corked = false;
  /** When malformed frames came of late. */
  #malformedAt: number[] = [];
  /** Nothing that still comes counts. */
  #isOver = false;
  #mark = 0;
  #heardAt: number;
  #pingedAt = -Infinity;
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** Takes over an open WebSocket; the one who dialled says HELLO at once. */
  constructor(options: LinkOptions) {
    const { webSocket, dialled, ours, now } = this.options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.since = this.#heardAt = now();
    this.#version = ours.versions.oldest;
    webSocket.on("message", (data: Uint8Array, isBinary: boolean) => this.#receive(data, isBinary));
    webSocket.on("error", (error) => this.#onError(error));
    webSocket.on("close", (code: number) => this.#onClosed(code));
    this.#limitHello();
    if (dialled !== undefined) this.#write(TRANSPORT_TYPES.hello, writeHello(ours));
  }

  /** Who is at the other end, once it said HELLO. */
  get peer(): HelloHeader | undefined {
    return this.#theirs;
  }

  /** Bytes that wait, by class. */
  get queued(): Outbox["bytes"] {
    return this.#outbox.bytes;
  }

  /** The version of the frames in use. */
  get version(): number {
    return this.#version;
  }

  /** How long nothing has come. */
  silence(now: number): number {
    const { bytesRead } = this.options.socket;
    if (bytesRead !== this.#mark) {
      this.#mark = bytesRead;
      this.#heardAt = now;
    }
    return now - this.#heardAt;
  }

  /** Counts no silence up to now: the process was held up, and what came in the meantime is still unread. */
  excuse(now: number): void {
    this.#heardAt = now;
  }

  /** Pings a silent peer, and gives up one that stays silent. */
  sweep(now: number): void {
    const { webSocket, limits: { pingMs, silentMs } } = this.options, silence = this.silence(now);
    if (this.#phase !== "up" || silence < pingMs) return;
    if (silence >= silentMs) {
      this.#end({ message: `Nothing arrived for ${Math.round(silence)} ms` });
      webSocket.terminate();
    } else if (now - this.#pingedAt >= pingMs) {
      this.#pingedAt = now;
      webSocket.ping();
    }
  }

  /** Queues a message; false if there is no room or the link is not up. */
  send(message: MeshMessage): boolean {
    if (this.#phase !== "up") return false;
    const { number, class: kind } = MESSAGE_TYPES[message.type];
    const { request, header, body } = message;
    const frame = encodeFrame({ version: this.#version, type: number, request, header, body });
    if (!this.#outbox.put(frame, kind)) {
      this.options.metrics.queueFull(kind);
      return false;
    }
    this.#pump();
    return true;
  }

  /** Takes the place of another link to the same process: sends what waits there, once that has closed. */
  inherit(old: Link): void {
    this.#outbox.inherit(old.#outbox);
    this.#corked = true;
    void old.closed.then(() => {
      this.#corked = false;
      this.#pump();
    });
  }

  /** Tells the peer why, and closes. Nothing that waits is sent. */
  refuse(refusal: RefusalHeader): void {
    if (this.#phase === "ending" || this.#phase === "closed") return;
    this.#isOver = true;
    this.#write(TRANSPORT_TYPES.refusal, writeRefusal(refusal));
    this.#close(CLOSE_CODES.refusal);
  }

  /** Sends what waits, and closes; with `yielding` the peer closes, and we only if it does not. What comes until then counts. */
  finish({ yielding = false }: { yielding?: boolean } = {}): void {
    if (this.#phase === "ending" || this.#phase === "closed") return;
    const { webSocket, metrics, limits: { lingerMs } } = this.options;
    for (let frame = this.#outbox.take(); frame; frame = this.#outbox.take()) {
      metrics.sent(frame.length);
      webSocket.send(frame, ignore);
    }
    if (!yielding) return this.#close(CLOSE_CODES.end);
    this.#phase = "ending";
    this.#linger = setTimeout(() => webSocket.terminate(), lingerMs);
  }

  /** Closes at once. */
  destroy(): void {
    this.#phase = this.#phase === "closed" ? "closed" : "ending";
    this.options.webSocket.terminate();
  }

  #receive(data: Uint8Array, isBinary: boolean): void {
    this.options.metrics.received(data.length);
    if (this.#isOver) return;
    try {
      if (!isBinary) throw new SyntaxError("Cannot read a frame: it is text");
      const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      this.#take(decodeFrame(bytes));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#onMalformed(error);
    }
  }

  #take({ version, type, request, header, body }: ReturnType<typeof decodeFrame>): void {
    if (type === TRANSPORT_TYPES.refusal) {
      const refusal = readRefusal(header);
      return this.#end({ message: refusal.message, refusal });
    }
    if (this.#phase === "hello") {
      if (type !== TRANSPORT_TYPES.hello) throw new SyntaxError("Cannot read a frame before HELLO");
      return this.#onHello(readHello(header));
    }
    if (version !== this.#version) {
      throw new SyntaxError(`Cannot read a frame of version ${version}: this link speaks ${this.#version}`);
    }
    if (this.#phase === "waiting") {
      if (type !== TRANSPORT_TYPES.ready) throw new SyntaxError("Cannot read a frame before READY");
      return this.#onUp();
    }
    const name = messageTypeOf(type);
    if (name !== undefined) this.options.events.message(this, { type: name, request, header, body });
    else if (type !== TRANSPORT_TYPES.hello && type !== TRANSPORT_TYPES.ready) this.options.metrics.ignored();
    else throw new SyntaxError("Cannot read a second HELLO or READY");
  }

  #onHello(theirs: HelloHeader): void {
    const { dialled, ours, events } = this.options;
    this.#theirs = theirs;
    const refusal = events.judge(this, theirs);
    if (refusal) {
      // The owner may hear of the end before the peer does.
      this.#write(TRANSPORT_TYPES.refusal, writeRefusal(refusal));
      const fault = refusal.reason === "duplicate" ? undefined : refusal.reason;
      return this.#end({ message: refusal.message, fault, refusal, isOurs: true });
    }
    this.#version = commonVersion(ours.versions, theirs.versions) ?? this.#version;
    if (dialled === undefined) {
      this.#phase = "waiting";
      this.#write(TRANSPORT_TYPES.hello, writeHello(ours), ours.versions.oldest);
    } else {
      this.#write(TRANSPORT_TYPES.ready, {});
      this.#onUp();
    }
  }

  #onUp(): void {
    this.#phase = "up";
    this.options.settle();
    this.options.events.up(this);
  }

  #onMalformed({ message }: SyntaxError): void {
    const { metrics, now, limits: { maxProtocolErrors, protocolErrorsMs } } = this.options;
    metrics.malformed();
    const saidHello = this.#phase !== "hello" && this.#phase !== "waiting", at = now();
    this.#malformedAt = [...this.#malformedAt.filter((before) => at - before < protocolErrorsMs), at];
    if (saidHello && this.#malformedAt.length < maxProtocolErrors) return;
    const refusal = { code: "unreachable", message } as const;
    this.#write(TRANSPORT_TYPES.refusal, writeRefusal(refusal));
    this.#end({ message, fault: saidHello ? "protocol" : "hello", refusal });
  }

  /** Cuts off one who sends more than a HELLO before we have read it: the WebSocket's own limit is that of data. */
  #limitHello(): void {
    const { socket, webSocket } = this.options;
    let left = FRAME_LIMITS.transport + WIRE_SLACK_BYTES;
    const count = (chunk: Uint8Array) => {
      if (this.#phase !== "hello") return void socket.off("data", count);
      left -= chunk.length;
      if (left >= 0) return;
      socket.off("data", count);
      this.#end({ message: "HELLO is too long", fault: "oversize" });
      webSocket.terminate();
    };
    socket.on("data", count);
  }

  #onError({ message, code }: Error & { readonly code?: string }): void {
    const oversize = code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", own = code?.startsWith("WS_ERR");
    this.#end({ message, fault: oversize ? "oversize" : own ? "protocol" : undefined });
  }

  #onClosed(code: number): void {
    clearTimeout(this.#linger);
    this.#end({ message: `The peer closed the connection (${code})` });
    this.#phase = "closed";
    this.#resolveClosed();
  }

  /** Ends the link for a reason of its own. */
  #end(end: LinkEnd): void {
    if (this.#phase === "ending" || this.#phase === "closed") return;
    this.#isOver = true;
    this.#close(CLOSE_CODES.refusal);
    this.options.events.ended(this, end);
  }

  #close(code: number): void {
    this.#phase = "ending";
    // If the peer does not close as well, the WebSocket ends the connection by its own `closeTimeout`.
    this.options.webSocket.close(code);
  }

  #write(type: number, header: FrameHeader, version: number = this.#version): void {
    const frame = encodeFrame({ version, type, header });
    this.options.metrics.sent(frame.length);
    this.options.webSocket.send(frame, ignore);
  }

  #pump(): void {
    const { webSocket, metrics } = this.options;
    while (!this.#corked && webSocket.readyState === webSocket.OPEN && webSocket.bufferedAmount < WINDOW_BYTES) {
      const frame = this.#outbox.take();
      if (frame === undefined) return;
      metrics.sent(frame.length);
      webSocket.send(frame, this.#onSent);
    }
  }

  // After an error the WebSocket closes.
  readonly #onSent = (error?: Error): void => {
    if (!error) this.#pump();
  };
}

function ignore(): void {}
