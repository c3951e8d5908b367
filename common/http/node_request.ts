/**
 * A request of node:http as a web-standard `Request`, made at the cost of what its handler looks at.
 *
 * @module
 */
// A real Request takes 7 µs to build from a push's headers, and its body as a stream costs 20 more. Nearly all handlers
// want no more than the method, the path, a few headers and the body whole.

import type { IncomingMessage } from "node:http";
import { HttpError, readWhole, type WholeBody } from "./http.ts";
import { requestUrl } from "./request_target.ts";

/** Where a {@linkcode NodeRequest} gets what is not in its headers; each is called only if a handler asks. */
export interface RequestSource {
  /** Aborted when the client goes away. */
  signal(): AbortSignal;
  /** The body whole, as `readBody()` says. */
  collect(limitBytes: number): Promise<Uint8Array>;
  /** The body as a stream without a limit. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** A `Request` of which only the part that handlers look at is there from the start. */
export class NodeRequest implements WholeBody {
  readonly #message: IncomingMessage;
  readonly #source: RequestSource;
  #headers: Headers | undefined;
  #web: Request | undefined;
  /** The method, in upper case as sent. */
  readonly method: string;
  /** The URL; its host is always `localhost`. */
  readonly url: string;

  private constructor(message: IncomingMessage, url: string, source: RequestSource) {
    this.#message = message;
    this.#source = source;
    this.method = message.method!;
    this.url = url;
  }

  /**
   * Makes a request of a message whose headers have arrived.
   *
   * @throws {HttpError} as {@linkcode requestUrl} does.
   */
  static of(message: IncomingMessage, { secure, source }: { secure: boolean; source: RequestSource }): Request {
    const url = requestUrl(message, { secure });
    return new NodeRequest(message, url, source) as unknown as Request;
  }

  /**
   * The headers as they came, put together when first asked for.
   *
   * @throws {HttpError} 400 if one is malformed.
   */
  get headers(): Headers {
    if (this.#headers === undefined) {
      const { rawHeaders } = this.#message, headers = new Headers();
      try {
        for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at], rawHeaders[at + 1]);
      } catch (cause) {
        throw new HttpError(400, "Cannot read the headers", { reason: "malformed", cause });
      }
      this.#headers = headers;
    }
    return this.#headers;
  }

  /** Aborted when the client goes away before it has the whole response. */
  get signal(): AbortSignal {
    return this.#source.signal();
  }

  /** Reads the body whole, as `readBody()` says. */
  [readWhole](limitBytes: number): Promise<Uint8Array> {
    return this.#source.collect(limitBytes);
  }

  /** The same as a real `Request`, whose body is a stream. */
  get #real(): Request {
    if (this.#web === undefined) {
      const { method, url, headers, signal } = this;
      const body = method === "GET" || method === "HEAD" ? null : this.#source.stream();
      this.#web = new Request(url, { method, headers, signal, body });
    }
    return this.#web;
  }

  static {
    // `instanceof Request` holds, and every member that is not above comes from the real one.
    Object.setPrototypeOf(NodeRequest.prototype, Request.prototype);
    for (const key of Object.getOwnPropertyNames(Request.prototype) as (keyof Request)[]) {
      if (key === "method" || key === "url" || Object.hasOwn(NodeRequest.prototype, key)) continue;
      Object.defineProperty(NodeRequest.prototype, key, {
        configurable: true,
        get(this: NodeRequest) {
          const real = this.#real, member: unknown = real[key];
          return typeof member === "function" ? member.bind(real) : member;
        },
      });
    }
  }
}
