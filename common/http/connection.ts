/**
 * One HTTP connection of a hostile network: which phase it is in, and when it is overdue.
 *
 * @module
 */
// All times are kept by looking at the sockets' byte counters now and then. That costs a request nothing, and no content,
// of whatever shape, counts as progress unless it is.

import { STATUS_CODES } from "node:http";
import type { Cut } from "./connection_counts.ts";
import type { HostileLimits } from "./hostile_limits.ts";
import { HttpError } from "./http.ts";

/** What a connection needs of a socket, plain or TLS. */
export interface ByteStream {
  /** Bytes received. */
  readonly bytesRead: number;
  /** Bytes handed over for sending. */
  readonly bytesWritten: number;
  /** Of these, the bytes that the system has not taken yet. */
  readonly writableLength: number;
  /** Sends a last text, which may be empty, and the end of the stream. */
  end(text: string): unknown;
  /** Reads no more than what is on its way. */
  pause(): unknown;
  /** Closes at once. */
  destroy(): unknown;
  /** Closes at once, so that the client cannot take it for an orderly end. */
  resetAndDestroy(): unknown;
}

/** A request in the hands of its handler. */
export interface Exchange {
  /** Whether the whole request has arrived. */
  readonly complete: boolean;
  /** Hands the request to its handler. */
  start(): void;
  /** Tells the handler, if it waits for the body, that the body will not come. */
  fail(error: HttpError): void;
  /** Tells the handler that the client may have gone away. It is still sent the response, if there is one. */
  abandon(): void;
}

/** What a {@linkcode Connection} works with. */
export interface ConnectionOptions {
  /** The limits that it is held to. */
  readonly limits: Readonly<Required<HostileLimits>>;
  /** Whether it begins with a TLS handshake. */
  readonly secure: boolean;
  /** Gets the reason when it is cut. */
  readonly onCut: (reason: Cut) => void;
  /** Told when a request is in progress; at first none is. */
  readonly onBusy?: (connection: Connection) => void;
  /** Told when none is any more. */
  readonly onIdle?: (connection: Connection) => void;
  /** The time in milliseconds, from any origin. */
  readonly now: () => number;
}

/** Requests that a client may send ahead of a response. Neither our clients nor openshift/telemeter's send any. */
const MAX_PIPELINED = 8;

/**
 * How many times longer than its content a body may be on the wire. Chunks of a single byte make it 6 times as long; what
 * goes beyond is padding (chunk extensions, leading zeros), to which the parser sets no limit.
 */
const MAX_FRAMING = 8;

/** What may be on the wire beside the body, in bytes: one read of the socket. */
const READ_AHEAD_BYTES = 65_536;

/**
 * One connection, from its acceptance on.
 *
 * ```text
 * TLS ───▶ handshake ─secured─▶ headers ─begin─▶ busy ─end, request complete─▶ idle ─begin─▶ busy …
 * plain ─────────────────────▶ headers                                         idle ─a byte─▶ headers …
 *
 * handshake, idle, headers without a byte, a response not taken ─overdue─▶ gone
 * headers ─overdue, malformed─▶ closing (a reply, half-closed) ─▶ gone
 * busy ─body overdue, malformed, refused unread─▶ the handler's response, closing ─▶ gone
 *
 * the client's end of the stream: busy, request complete ─▶ its responses ─▶ closing; else ─▶ gone
 * ```
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: ByteStream;
  /** What carries HTTP: the socket, or the TLS socket on it. */
  #stream: ByteStream;
  #phase: "handshake" | "headers" | "busy" | "idle" | "closing";
  #since: number;
  /** Since when no request is in progress, or was not before the one that is. */
  #idleSince: number;
  /** The stream's bytesRead when it began to wait for a request. */
  #mark = 0;
  #exchange: Exchange | undefined;
  #responded = false;
  readonly #held: Exchange[] = [];
  #body:
    | { readonly since: number; readonly mark: number; readonly limitBytes: number; readonly pace: Pace }
    | undefined;
  #sending: { readonly since: number; readonly pace: Pace } | undefined;
  /** Since when the response is held back. */
  #heldSince: number | undefined;
  /** No request can follow on this connection. */
  #last = false;
  /** Nothing more comes. */
  #ended = false;

  /** Begins to watch a socket that was just accepted. */
  constructor(socket: ByteStream, options: ConnectionOptions) {
    this.#options = options;
    this.#socket = this.#stream = socket;
    this.#phase = options.secure ? "handshake" : "headers";
    this.#since = this.#idleSince = options.now();
  }

  /** Since when no request is in progress, which a handshake and headers that are not there to their end are not. */
  get idleSince(): number {
    return this.#idleSince;
  }

  /** Since when nothing is done within a request but to wait: for the rest of it, until its client takes the response or may have it. */
  get waitsSince(): number | undefined {
    if (this.#phase !== "busy") return undefined;
    if (this.#heldSince !== undefined) return this.#heldSince;
    if (!this.#exchange?.complete) return this.#body?.since;
    return this.#stream.writableLength > 0 ? this.#sending?.since : undefined;
  }

  /** The TLS handshake is done; `stream` carries what is inside. */
  secured(stream: ByteStream): void {
    this.#stream = stream;
    this.#enter("headers");
  }

  /** The headers of a request are complete: starts it, or holds it until those before it have their responses. */
  begin(exchange: Exchange): void {
    if (this.#phase === "closing") return;
    if (this.#responded && this.#exchange?.complete) this.#settle();
    if (this.#exchange === undefined) this.#start(exchange);
    else if (this.#held.length < MAX_PIPELINED) this.#held.push(exchange);
    else this.cut("pipelining");
  }

  /** From now on the body of the request is waited for, of at most `limitBytes`. */
  expectBody(limitBytes: number): void {
    const { limits: { minBodyBytesPerSecond, bodyWindowMs }, now } = this.#options;
    const since = now(), mark = this.#stream.bytesRead;
    const floorBytes = minBodyBytesPerSecond * bodyWindowMs / 1_000;
    this.#body = { since, mark, limitBytes, pace: new Pace(since, mark, { floorBytes, windowMs: bodyWindowMs }) };
  }

  /** The response is held back: from now on the connection may give way as one that waits for its client. */
  hold(): void {
    if (this.#phase === "busy" && !this.#responded) this.#heldSince ??= this.#options.now();
  }

  /** No request can follow on this connection, not even one that has come already. */
  conclude(): void {
    this.#last = true;
  }

  /** The response has been sent. A request that has not arrived to its end by now is waited for, and thrown away. */
  end(): void {
    this.#responded = true;
    this.#heldSince = undefined;
    if (this.#phase === "busy" && this.#exchange?.complete) this.#settle();
  }

  /** The connection is half-closed with a part of the request unread: it lingers a little and goes. */
  close(): void {
    if (this.#phase !== "closing") this.#enter("closing");
  }

  /**
   * The client sends nothing more. Programs that probe a port with a few words of a shell do so at once, and wait for the
   * answer; of others that is all that is seen when they go away.
   */
  ended(): void {
    this.#ended = true;
    if (this.#phase === "busy" && this.#exchange?.complete) {
      this.#exchange.abandon();
      if (this.#responded) this.#settle();
    } else if (this.#phase !== "closing") this.#destroy();
  }

  /** Bytes came that are not HTTP. */
  reject(error: HttpError): void {
    this.#last = true;
    if (this.#phase === "busy" && !this.#responded) this.#exchange?.fail(error);
    else if (this.#phase === "headers" || this.#phase === "idle") this.#dismiss("malformed", error);
    else if (this.#phase !== "closing") this.cut("malformed");
  }

  /** The response cannot be sent to its end. */
  abort(): void {
    this.#destroy();
  }

  /** Closes at once. */
  cut(reason: Cut): void {
    this.#options.onCut(reason);
    this.#destroy();
  }

  /** Closes at once if no request is in flight, and after its response otherwise. */
  drain(): void {
    this.#last = true;
    if (this.#phase !== "busy" && this.#phase !== "closing") this.#destroy();
  }

  /** Cuts the connection if it is overdue. */
  check(now: number): void {
    const age = now - this.#since, { limits } = this.#options;
    switch (this.#phase) {
      case "handshake":
        if (age >= limits.handshakeTimeoutMs) this.cut("handshake");
        return;
      case "headers":
        if (age < limits.headersTimeoutMs) return;
        if (this.#stream.bytesRead === this.#mark) this.cut("headers");
        else {
          const error = new HttpError(408, "Cannot wait any longer for the headers", { reason: "headers_timeout" });
          this.#dismiss("headers", error);
        }
        return;
      case "idle":
        // Any byte counts: the parser skips empty lines before a request, and they must not keep a connection for ever.
        if (this.#stream.bytesRead !== this.#mark) this.#enter("headers");
        else if (age >= limits.idleTimeoutMs) this.cut("idle");
        return;
      case "busy":
        this.#checkBody(now);
        this.#checkSending(now);
        return;
      case "closing":
        if (age >= limits.lingerMs) this.#destroy();
    }
  }

  #checkBody(now: number): void {
    if (this.#exchange?.complete) {
      this.#body = undefined;
      if (this.#responded) this.#settle();
      return;
    }
    if (this.#body === undefined) return;
    const { since, mark, limitBytes, pace } = this.#body, { bytesRead } = this.#stream;
    const padded = bytesRead - mark > MAX_FRAMING * limitBytes + READ_AHEAD_BYTES;
    if (!padded && now - since < this.#options.limits.bodyTimeoutMs && !pace.behind(now, bytesRead)) return;
    this.#body = undefined;
    const reason = padded ? "framing" : "body";
    if (this.#responded) return this.cut(reason);
    this.#options.onCut(reason);
    this.#exchange?.fail(
      padded
        ? new HttpError(400, "Cannot take a body that is mostly framing", { reason })
        : new HttpError(408, "Cannot wait any longer for the body", { reason: "body_timeout" }),
    );
  }

  #checkSending(now: number): void {
    const { bytesWritten, writableLength } = this.#stream;
    if (this.#phase !== "busy" || writableLength === 0) {
      this.#sending = undefined;
      return;
    }
    const taken = bytesWritten - writableLength;
    const pace = { floorBytes: 1, windowMs: this.#options.limits.stallTimeoutMs };
    this.#sending ??= { since: now, pace: new Pace(now, taken, pace) };
    if (this.#sending.pace.behind(now, taken)) this.cut("stalled");
  }

  #start(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#responded = false;
    this.#body = this.#heldSince = undefined;
    this.#enter("busy");
    exchange.start();
  }

  #settle(): void {
    this.#exchange = undefined;
    const next = this.#held.shift();
    // Of a client that sends nothing more, no rest of a request comes either.
    if (this.#last || (this.#ended && !next?.complete)) {
      this.#stream.end("");
      this.#enter("closing");
    } else if (next) this.#start(next);
    else {
      this.#mark = this.#stream.bytesRead;
      this.#enter("idle");
    }
  }

  #dismiss(reason: Cut, { status, message }: HttpError): void {
    this.#options.onCut(reason);
    this.#stream.pause();
    const body = `${message}\n`;
    this.#stream.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    this.#enter("closing");
  }

  #destroy(): void {
    // A response of HTTP/1.0 may have no length: its client could take the half of it for all.
    const abruptly = this.#phase === "busy";
    this.#phase = "closing";
    this.#held.length = 0;
    if (abruptly) this.#socket.resetAndDestroy();
    this.#stream.destroy();
    this.#socket.destroy();
  }

  #enter(phase: "headers" | "busy" | "idle" | "closing"): void {
    const wasBusy = this.#phase === "busy";
    this.#phase = phase;
    this.#since = this.#options.now();
    if (phase === "busy" && !wasBusy) this.#options.onBusy?.(this);
    if (phase === "busy" || !wasBusy) return;
    this.#idleSince = this.#since;
    this.#options.onIdle?.(this);
  }
}

/** Tells whether a counter rises by at least `floorBytes` in each window. */
class Pace {
  readonly #floorBytes: number;
  readonly #windowMs: number;
  #since: number;
  #mark: number;

  constructor(now: number, bytes: number, { floorBytes, windowMs }: { floorBytes: number; windowMs: number }) {
    this.#since = now;
    this.#mark = bytes;
    this.#floorBytes = floorBytes;
    this.#windowMs = windowMs;
  }

  /** Whether the window that began last went by with too little. */
  behind(now: number, bytes: number): boolean {
    if (bytes - this.#mark < this.#floorBytes) return now - this.#since >= this.#windowMs;
    this.#mark = bytes;
    this.#since = now;
    return false;
  }
}
