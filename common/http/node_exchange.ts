/**
 * One request and its response on a listener of node:http: `(Request) => Response` on its two messages.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connection, Exchange } from "./connection.ts";
import type { ErrorAnswers } from "./error_answers.ts";
import { BodyBuffer, clientGone, type Handler, HttpError, type Peer, tooLarge } from "./http.ts";
import { clientAddress } from "./forwarded.ts";
import type { Logger } from "../log.ts";
import type { Networks } from "./networks.ts";
import { NodeRequest, type RequestSource } from "./node_request.ts";
import type { Turns } from "./turns.ts";

/** What a {@linkcode NodeExchange} works with. */
export interface NodeExchangeOptions {
  /** The connection that it takes place on. */
  readonly connection: Connection;
  /** The address that the connection comes from, in the form of {@linkcode Peer.address}. */
  readonly address: string;
  /** The network that it takes its turn with. */
  readonly network: string;
  /** When requests are begun. */
  readonly turns: Turns;
  /** Where that is a proxy which is believed: all that are. */
  readonly trustedProxies: Networks | undefined;
  /** The certificate of the client at its other end, if one was verified. */
  readonly certificate: Uint8Array | undefined;
  /** Whether the connection is TLS. */
  readonly secure: boolean;
  /** Whether the client waits for a word before it sends the body (`Expect: 100-continue`). */
  readonly expectsContinue: boolean;
  /** Whether this is to be the connection's last response. */
  readonly isLast: () => boolean;
  /** The longest path and query. */
  readonly maxUrlBytes: number;
  /** Handles the request. */
  readonly handler: Handler;
  /** Makes the answer of an error that comes before the handler. */
  readonly answers: ErrorAnswers;
  /** Gets the errors that are nobody's answer. */
  readonly log: Logger;
}

/** The most that is written at once, so that what the client takes can be seen. */
const PIECE_BYTES = 65_536;

/** The longest rest of a refused request that is read and thrown away to keep the connection: that of most pushes. */
const DISCARD_BYTES = 65_536;

/** A request in the hands of its handler. The listener calls `start` once the connection is free for it. */
export class NodeExchange implements Exchange, RequestSource, Peer {
  readonly #message: IncomingMessage;
  readonly #out: ServerResponse;
  readonly #options: NodeExchangeOptions;
  #abort: AbortController | undefined;
  /** Why the body will not come, or will not be read any further. */
  #failure: unknown;
  #onFailure: ((error: unknown) => void) | undefined;
  #bodyTaken = false;
  #continued = false;
  #done: PromiseWithResolvers<void> | undefined;
  #closed = false;
  #abandoned = false;
  #address: string | undefined;

  /** Takes a message whose headers have arrived. */
  constructor(message: IncomingMessage, out: ServerResponse, options: NodeExchangeOptions) {
    this.#message = message;
    this.#out = out;
    this.#options = options;
    out.on("close", () => this.#close());
    // Without a listener a fault in the request would end the process.
    message.on("error", () => {});
  }

  /** Whether the whole request has arrived. */
  get complete(): boolean {
    return this.#message.complete;
  }

  /** The client's address, in the form of {@linkcode Peer.address}. */
  get address(): string {
    const { address, trustedProxies: trusted } = this.#options;
    if (trusted === undefined) return address;
    return this.#address ??= clientAddress(address, { headers: this.#message.headers, trusted });
  }

  /** The client's own certificate, as {@linkcode Peer.certificate} says. */
  get certificate(): Uint8Array | undefined {
    return this.#options.trustedProxies === undefined ? this.#options.certificate : undefined;
  }

  /** Resolves once the response has been sent or the connection is lost. */
  get done(): Promise<void> {
    this.#done ??= Promise.withResolvers();
    if (this.#closed) this.#done.resolve();
    return this.#done.promise;
  }

  /** Reads no more, and has the connection give way, as {@linkcode Peer.heldBack} says. */
  heldBack(): void {
    if (this.#onFailure !== undefined) this.fail(clientGone());
    this.#options.connection.hold();
  }

  /** Hands the request to its handler when its turn comes, and sends what comes of it. */
  start(): void {
    this.#options.turns.take(this.#options.network, this.#begin);
  }

  readonly #begin = () => void this.#run();

  /** Ends the wait for the body. */
  fail(error: HttpError): void {
    this.#failure ??= error;
    this.#onFailure?.(error);
  }

  /** Aborts what the handler may do for nothing. */
  abandon(): void {
    this.#abandoned = true;
    this.#abort?.abort(clientGone());
  }

  /** Aborted when the client goes away before it has the whole response. */
  signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abandoned) this.#abort.abort(clientGone());
    }
    return this.#abort.signal;
  }

  /** Reads the body whole, straight from node's events. */
  collect(limitBytes: number): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    try {
      const claimedBytes = Number(this.#message.headers["content-length"]);
      if (claimedBytes > limitBytes) throw this.#failure = tooLarge(limitBytes, claimedBytes);
      let buffer: BodyBuffer | undefined = new BodyBuffer(limitBytes);
      this.#readBody(limitBytes, {
        onChunk: (chunk) => buffer?.append(chunk),
        onEnd: () => resolve(buffer!.take()),
        onError: (error) => {
          // The request may be there for a while yet.
          buffer = undefined;
          reject(error);
        },
      });
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  /** The body as a stream without a limit, read as fast as its consumer does. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const message = this.#message;
    return new ReadableStream({
      start: (controller) => {
        this.#readBody(Infinity, {
          onChunk: (chunk) => {
            controller.enqueue(chunk);
            message.pause();
          },
          onEnd: () => controller.close(),
          onError: (error) => controller.error(error),
        });
        message.pause();
      },
      pull: () => void message.resume(),
      cancel: () => this.#stopReading(),
    }, { highWaterMark: 0 });
  }

  /** Reads the body; what `onChunk` throws ends that and goes to `onError`. */
  #readBody(limitBytes: number, { onChunk, onEnd, onError }: {
    onChunk: (chunk: Uint8Array<ArrayBuffer>) => void;
    onEnd: () => void;
    onError: (error: unknown) => void;
  }): void {
    if (this.#bodyTaken) throw new TypeError("Cannot read a request's body twice");
    this.#bodyTaken = true;
    if (this.#failure) throw this.#failure;
    const message = this.#message;
    const stop = (error: unknown) => {
      this.#failure ??= error;
      this.#stopReading();
      onError(error);
    };
    this.#onFailure = stop;
    message.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
      try {
        onChunk(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      } catch (error) {
        stop(error);
      }
    });
    message.on("end", () => {
      if (this.#onFailure !== stop) return;
      this.#onFailure = undefined;
      onEnd();
    });
    if (!message.complete) this.#options.connection.expectBody(limitBytes);
    if (this.#options.expectsContinue) {
      this.#continued = true;
      this.#out.writeContinue();
    }
  }

  #stopReading(): void {
    this.#onFailure = undefined;
    this.#message.removeAllListeners("data");
    this.#message.pause();
  }

  async #run(): Promise<void> {
    const { answers, handler, log, maxUrlBytes, secure } = this.#options;
    let request, response: Response;
    try {
      request = NodeRequest.of(this.#message, { secure, source: this });
      if (this.#message.url!.length > maxUrlBytes) {
        throw new HttpError(414, `Cannot take a URL of more than ${maxUrlBytes} bytes`, { reason: "url_size" });
      }
      response = await handler(request, this);
    } catch (error) {
      response = answers.answer(error, request);
    }
    try {
      await this.#send(response);
    } catch (error) {
      if (this.#closed) return;
      // The status is sent already: only a connection that breaks tells the client that the response is not whole.
      log.error("Failed to send a response to its end", {
        path: URL.parse(request?.url ?? "")?.pathname,
        error: error instanceof Error ? error.stack ?? error.message : String(error),
      });
      this.#options.connection.abort();
    }
  }

  async #send(response: Response): Promise<void> {
    const out = this.#out, { body, status } = response;
    if (this.#closed) return await body?.cancel();
    const headers: string[] = [];
    for (const [name, value] of response.headers) headers.push(name, value);
    this.#decideConnection(headers);
    const isHead = this.#message.method === "HEAD";
    if (body === null || isHead) {
      await body?.cancel();
      if (!isHead && status !== 204 && status !== 304 && !response.headers.has("content-length")) {
        headers.push("content-length", "0");
      }
      out.writeHead(status, headers);
      out.end();
      return;
    }
    const reader = body.getReader();
    out.once("close", () => void reader.cancel().catch(() => {}));
    const first = await reader.read();
    // A body that was whole from the start has ended by now; of a stream the next chunk may take its time.
    const rest = reader.read();
    const second = first.done ? first : await Promise.race([rest, undefined]);
    const whole = second?.done === true;
    if (whole && !response.headers.has("content-length")) {
      headers.push("content-length", String(first.value?.length ?? 0));
    }
    if (this.#closed) return;
    out.writeHead(status, headers);
    if (whole && (first.value?.length ?? 0) <= PIECE_BYTES) {
      out.end(first.value);
      return;
    }
    for (let chunk = first; !chunk.done; chunk = chunk === first ? await rest : await reader.read()) {
      if (!await this.#write(chunk.value)) return;
    }
    out.end();
  }

  /** Writes a chunk, and waits until the client took what is buffered. False if the client went away. */
  async #write(chunk: Uint8Array): Promise<boolean> {
    for (let at = 0; at < chunk.length && !this.#closed; at += PIECE_BYTES) {
      if (this.#out.write(chunk.subarray(at, at + PIECE_BYTES))) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#out.once("drain", resolve).once("close", resolve);
      await promise;
      this.#out.off("drain", resolve).off("close", resolve);
    }
    return !this.#closed;
  }

  /**
   * Decides what becomes of the connection. A short known rest of the request is read and thrown away; with a longer one
   * the connection is half-closed after the response, and no more is read of it.
   */
  #decideConnection(headers: string[]): void {
    const message = this.#message, { connection, expectsContinue, isLast } = this.#options;
    const isDecided = headers.includes("connection");
    if (isDecided) connection.conclude();
    if (message.complete) {
      if (isLast() && !isDecided) headers.push("connection", "close");
      return;
    }
    const length = Number(message.headers["content-length"] ?? Infinity);
    const willCome = !expectsContinue || this.#continued;
    if (willCome && length <= DISCARD_BYTES && this.#failure === undefined && !isLast() && !isDecided) {
      connection.expectBody(DISCARD_BYTES);
      message.resume();
      return;
    }
    if (!isDecided) headers.push("connection", "close");
    this.#stopReading();
    // Marks the message as being read, or node would read it to its end to throw it away.
    message.read(0);
    const { socket } = message;
    socket.destroySoon = () => {
      socket.end();
      connection.close();
    };
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.turns.leave(this.#options.network, this.#begin);
    if (this.#out.writableFinished) {
      this.#options.connection.end();
    } else {
      this.fail(clientGone());
      this.abandon();
    }
    this.#done?.resolve();
  }
}
