/**
 * What attackers send with: many at a time, from addresses of their choice, without regard for the answer.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { AttackTools } from "./attack.ts";

/** How long an answer is waited for, in milliseconds. */
const PATIENCE_MS = 10_000;

/** A request. */
export interface Shot {
  /** Where to. */
  readonly url: URL;
  /** `Authorization` without the scheme. */
  readonly token: string;
  /** Other headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array | string;
  /** @default {"POST"} */
  readonly method?: "GET" | "POST";
}

/** A request as it goes over the wire, made beforehand: what takes the attacker time is not sent. */
export interface LoadedShot {
  /** Where to. */
  readonly url: URL;
  /** Head and body. */
  readonly bytes: Uint8Array;
}

/** Makes a request ready to be sent, as often as one likes. */
export function load({ url, token, headers = {}, body = "", method = "POST" }: Shot): LoadedShot {
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const all = {
    host: url.host,
    authorization: `Bearer ${token}`,
    ...headers,
    "content-length": String(content.length),
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const start = new TextEncoder().encode(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${head}\r\n`);
  const bytes = new Uint8Array(start.length + content.length);
  bytes.set(start);
  bytes.set(content, start.length);
  return { url, bytes };
}

/** Sends requests one after the other, each once the one before is answered, over a connection as long as the server keeps it. */
export class Lane {
  readonly #signal: AbortSignal;
  readonly #sent: AttackTools["sent"];
  #socket: Socket | undefined;
  #host = "";

  /** Opens no connection yet. */
  constructor({ signal, sent }: Pick<AttackTools, "signal" | "sent">) {
    this.#signal = signal;
    this.#sent = sent;
  }

  /** Sends one, and takes the answer, whatever it is. */
  async send({ url, bytes }: LoadedShot): Promise<void> {
    this.#sent();
    if (this.#host !== url.host) this.#socket?.destroy();
    this.#host = url.host;
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = connect({ host: url.hostname, port: Number(url.port) });
      this.#socket.on("error", () => {});
    }
    await answered(this.#socket, { bytes, signal: this.#signal });
  }
}

/** Writes a request, and waits until its answer has come to its end, or the connection has. */
function answered(socket: Socket, { bytes, signal }: { bytes: Uint8Array; signal: AbortSignal }): Promise<void> {
  return new Promise((resolve) => {
    let answer = "";
    const end = () => void socket.destroy();
    const timer = setTimeout(end, PATIENCE_MS);
    const take = (chunk: Uint8Array) => {
      answer += new TextDecoder("latin1").decode(chunk);
      const [head, length] = /^[^]*?\r\ncontent-length: (\d+)\r\n[^]*?\r\n\r\n/i.exec(answer) ?? [];
      if (head !== undefined && answer.length >= head.length + Number(length)) done();
    };
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      socket.off("data", take).off("close", done);
      resolve();
    };
    signal.addEventListener("abort", end);
    socket.on("data", take).on("close", done);
    socket.write(bytes);
  });
}

/** Does something again and again, so many at a time, as fast as answers come, until it is over. */
export async function flood(
  tools: AttackTools,
  { abreast }: { abreast: number },
  act: (turn: number, lane: Lane) => Promise<void>,
): Promise<void> {
  const { signal } = tools;
  let turn = 0;
  tools.begins();
  await Promise.all(Array.from({ length: abreast }, async () => {
    const lane = new Lane(tools);
    while (!signal.aborted) {
      // What fails at once must not keep others from their turn.
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal.aborted) await act(turn++, lane);
    }
  }));
}

/** Opens a connection from an address of this machine, says something, and holds it until the server or the time ends it. */
export async function hold(
  { externals: [{ hostname, port }], signal, sent }: AttackTools,
  { from, text, forMs = Infinity }: { from: string; text: Uint8Array | string; forMs?: number },
): Promise<void> {
  sent();
  const socket: Socket = connect({ host: hostname, port: Number(port), localAddress: from });
  const end = () => void socket.destroy();
  const timer = forMs === Infinity ? undefined : setTimeout(end, forMs);
  signal.addEventListener("abort", end);
  socket.on("error", () => {});
  socket.on("connect", () => void (text.length > 0 && socket.write(text)));
  socket.resume();
  await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
