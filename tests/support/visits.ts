/**
 * Clients at addresses of their own: Linux takes all of 127.0.0.0/8 for this machine.
 *
 * @module
 */

import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { Agent as SecureAgent, request as requestSecure } from "node:https";
import { connect, type Socket } from "node:net";

/** Whom to visit, and from where. */
export interface Visit {
  readonly port: number;
  /** The address that the client comes from. @default {"127.0.0.1"} */
  readonly from?: string;
  /** The certificate of a server that speaks TLS. */
  readonly caCert?: string;
}

/** What to ask. */
export interface Question extends Visit {
  /** @default {"GET"} */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** How a server has answered, and after how long from the first packet of the connection. */
export interface VisitAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly ms: number;
}

/** Asks over a connection that is made for it. Rejects if there is no answer. */
export function visit({ port, from, caCert, method, path, headers, body }: Question): Promise<VisitAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<VisitAnswer>();
  const start = performance.now();
  const at = { host: "127.0.0.1", port, localAddress: from, method, path, headers: { ...headers } };
  const asked = caCert === undefined
    ? requestPlain({ ...at, agent: new PlainAgent({ keepAlive: false }) })
    : requestSecure({ ...at, agent: new SecureAgent({ keepAlive: false }), ca: caCert, servername: "localhost" });
  asked.on("error", reject).on("response", (response) => {
    const pieces: string[] = [];
    response.setEncoding("utf8").on("data", (piece) => pieces.push(piece)).on("error", reject).on("end", () => {
      resolve({
        status: response.statusCode!,
        text: pieces.join(""),
        headers: response.headers,
        ms: performance.now() - start,
      });
    });
  });
  asked.end(body);
  return promise;
}

/** When one comes back whose connection was closed. */
const RETURN_MS = 500;

/** What one of a crowd does with its connection, once it is open and again every 100 ms. */
export interface Loiterer {
  readonly begin?: string | Uint8Array;
  readonly goOn?: string;
}

/**
 * Connections that are held by people who want nothing, and come back whenever they are closed. Dispose of it to have them
 * leave.
 */
export class Crowd implements AsyncDisposable {
  readonly #port: number;
  readonly #loiterer: Loiterer;
  readonly #sockets = new Set<Socket>();
  readonly #goingOn: ReturnType<typeof setInterval>;
  readonly #returning = new Set<ReturnType<typeof setTimeout>>();
  #closed = false;
  /** How many connections were closed by the server so far. */
  lost = 0;

  private constructor(port: number, loiterer: Loiterer) {
    this.#port = port;
    this.#loiterer = loiterer;
    this.#goingOn = setInterval(() => {
      if (loiterer.goOn !== undefined) { for (const socket of this.#sockets) socket.write(loiterer.goOn); }
    }, 100);
  }

  /** Comes with one connection from each of the addresses, which may be listed more than once. */
  static async gather(port: number, from: readonly string[], loiterer: Loiterer): Promise<Crowd> {
    const crowd = new Crowd(port, loiterer);
    // Not all at once: the kernel's queue of connections is short.
    for (let at = 0; at < from.length; at += 100) {
      await Promise.all(from.slice(at, at + 100).map((address) => crowd.#enter(address)));
    }
    return crowd;
  }

  /** Resolves once it is connected, or closed at once. */
  #enter(from: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port: this.#port, localAddress: from });
    this.#sockets.add(socket);
    socket.on("error", () => {}).on("data", () => {}).on("connect", () => {
      if (this.#loiterer.begin !== undefined) socket.write(this.#loiterer.begin);
      resolve();
    }).on("close", () => {
      this.#sockets.delete(socket);
      resolve();
      if (this.#closed) return;
      this.lost++;
      const timer = setTimeout(() => {
        this.#returning.delete(timer);
        void this.#enter(from);
      }, RETURN_MS);
      this.#returning.add(timer);
    });
    return promise;
  }

  /** How many of its connections are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#goingOn);
    for (const timer of this.#returning) clearTimeout(timer);
    const gone = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
  }
}
