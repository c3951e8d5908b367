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

/** What is sent by HTTP. */
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

/** Sends one, and takes the answer, whatever it is. */
export async function shoot({ url, token, headers = {}, body, method = "POST" }: Shot, { signal, sent }: AttackTools) {
  sent();
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: body as Uint8Array<ArrayBuffer> | string | undefined,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    await response.bytes();
  } catch {
    // Cut off, refused or over.
  }
}

/** Does something again and again, so many at a time, until it is over. */
export async function flood(
  { signal }: AttackTools,
  { abreast, atMostPerSecond = Infinity }: { abreast: number; atMostPerSecond?: number },
  act: (turn: number) => Promise<void>,
): Promise<void> {
  const startedMs = performance.now();
  let turn = 0;
  await Promise.all(Array.from({ length: abreast }, async () => {
    while (!signal.aborted) {
      const mine = turn++;
      const early = 1_000 * mine / atMostPerSecond - (performance.now() - startedMs);
      if (early > 0) await pause(early, signal);
      // What fails at once must not keep others from their turn.
      else await new Promise((resolve) => setImmediate(resolve));
      if (!signal.aborted) await act(mine);
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

/** Waits, but no longer than it lasts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
