/**
 * What every HTTP handler is made of: the handler's shape, the error that becomes a response, and reading a body whole.
 *
 * @module
 */

import type { PassedLimit } from "../exposition/metric_family.ts";

/** Who sent a request. */
export interface Peer {
  /** The remote address, without a port; an IPv4 address is never written as IPv6. */
  readonly address: string;
  /**
   * The client's certificate (DER), the same bytes for all requests of a connection: only where the listener knows authorities of
   * clients, one of which has signed it, and where no proxy stands between, whose certificate would be shown in place of all clients'.
   */
  readonly certificate?: Uint8Array;
  /** Resolves once the response has been sent or the connection is lost; never rejects. */
  readonly done?: Promise<void>;
  /** Says that the answer is held back: no more is read of the request, and its connection gives way to others that have none. */
  heldBack?(): void;
}

/** Handles a request. `request.signal` is aborted when the client goes away before it has the whole response. */
export type Handler = (request: Request, peer: Peer) => Response | Promise<Response>;

/** What an {@linkcode HttpError} says beside its status and message. */
export interface HttpErrorOptions {
  /** Why, in a word for a counter's label. */
  readonly reason: string;
  /** More headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What strangers must not learn of it: files, members, addresses, capacities. They get an id, under which the log has it. */
  readonly detail?: string;
  /** Which limit it is over, for programs. */
  readonly passed?: PassedLimit;
  /** What led to it, for programs. */
  readonly cause?: unknown;
}

/** A request that a handler refuses: `ErrorAnswers` turn it into a response with this message as its body. */
export class HttpError extends Error {
  /** Stable, for callers that look for it. */
  readonly code = "http";
  /** The name that stack traces show. */
  override readonly name = "HttpError";
  /** The status of the response, from 400 to 599. */
  readonly status: number;
  /** Why, in a word for a counter's label. */
  readonly reason: string;
  /** More headers of the response. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** What strangers must not learn of it. */
  readonly detail: string | undefined;
  /** Which limit it is over. */
  readonly passed: PassedLimit | undefined;

  /** Takes a message that everybody may see. */
  constructor(status: number, message: string, { reason, headers, detail, passed, cause }: HttpErrorOptions) {
    super(message, { cause });
    this.status = status;
    this.reason = reason;
    this.headers = headers;
    this.detail = detail;
    this.passed = passed;
  }
}

/** The status of a request whose client went away, which nobody gets to see but counters (nginx's number for it). */
export const CLIENT_GONE = 499;

/** The refusal of a body that is too long, with its length if it claims one. */
export function tooLarge(limitBytes: number, claimedBytes = 0): HttpError {
  const sent = claimedBytes > limitBytes ? claimedBytes : undefined;
  const claim = sent === undefined ? "" : `: there are ${sent}`;
  return new HttpError(413, `Cannot take a body of more than ${limitBytes} bytes${claim}`, {
    reason: "body_size",
    passed: { limit: "bytes", sent },
  });
}

/** What a handler meets that reads from a client which has gone away. */
export function clientGone(cause?: unknown): HttpError {
  return new HttpError(CLIENT_GONE, "The client went away", { reason: "client_gone", cause });
}

/** The method by which a request reads its own body whole, where its listener knows a shorter way than its stream. */
export const readWhole: unique symbol = Symbol("readWhole");

/** A request with a shorter way to its body. */
export interface WholeBody {
  /** Reads the body as {@linkcode readBody} says. */
  [readWhole](limitBytes: number): Promise<Uint8Array>;
}

/**
 * Reads a body whole. Memory grows with what arrives, not with what the client claims.
 *
 * @throws {HttpError} 413 as soon as the body's claimed or actual length passes the limit, after which nothing more is
 *   read; 408 if it comes too slowly and 499 if the client goes away, both from listeners that watch for it.
 */
export async function readBody(request: Request, { limitBytes }: { limitBytes: number }): Promise<Uint8Array> {
  if (readWhole in request) return await (request as WholeBody)[readWhole](limitBytes);
  const claimed = request.headers.get("content-length");
  if (Number(claimed) > limitBytes) throw tooLarge(limitBytes, Number(claimed));
  if (request.bodyUsed) throw new TypeError("Cannot read a request's body twice");
  const buffer = new BodyBuffer(limitBytes);
  try {
    if (Number(claimed ?? NaN) <= limitBytes && !request.headers.has("transfer-encoding")) {
      // The platform reads no further than the claimed length, and does it faster than a stream's reader.
      buffer.append(await request.bytes());
    } else for await (const chunk of request.body ?? []) buffer.append(chunk);
  } catch (error) {
    // Nothing else can go wrong with the stream of a body.
    throw error instanceof HttpError ? error : clientGone(error);
  }
  return buffer.take();
}

const NOTHING = new Uint8Array();

/** Gathers a body of at most so many bytes, in memory of at most twice what has arrived. */
export class BodyBuffer {
  readonly #limitBytes: number;
  #bytes: Uint8Array = NOTHING;
  #length = 0;

  /** Gathers up to `limitBytes`. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /**
   * Adds a chunk, which from then on belongs to the buffer.
   *
   * @throws {HttpError} 413 if the limit is passed.
   */
  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#limitBytes) throw tooLarge(this.#limitBytes);
    if (this.#length === 0) {
      // Most bodies come in one chunk, which is not copied.
      this.#bytes = chunk;
    } else {
      if (length > this.#bytes.length) {
        const grown = new Uint8Array(Math.min(this.#limitBytes, 2 * length));
        grown.set(this.#bytes.subarray(0, this.#length));
        this.#bytes = grown;
      }
      this.#bytes.set(chunk, this.#length);
    }
    this.#length = length;
  }

  /** What was added. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
