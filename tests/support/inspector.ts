/**
 * What is alive in a server, as V8's inspector tells: the memory of a process holds garbage besides, and what its allocator
 * keeps for later.
 *
 * @module
 */

import type { ChildCommand } from "../../scripts/process/child.ts";
import { freePort } from "../../scripts/process/free_port.ts";

/** Memory of JavaScript after its garbage is collected. */
export interface LiveMemory {
  /** Objects, in bytes. */
  readonly heapBytes: number;
  /** Buffers outside the heap, in bytes. */
  readonly externalBytes: number;
}

/** How long the inspector may take to answer, in milliseconds: a server of a hundred megabytes collects them in less than one second. */
const ANSWER_MS = 30_000;

/** The inspectors of programs that are started again and again. */
export class Inspectors {
  readonly #ports = new Map<string, number>();

  /** The command with an inspector of the program, which replaces that of the one before it of this name. */
  inspected(name: string, { args: [run, ...args], ...command }: ChildCommand): ChildCommand {
    const port = freePort();
    this.#ports.set(name, port);
    return { ...command, args: [run, `--inspect=127.0.0.1:${port}`, ...args] };
  }

  /**
   * Has the program of this name collect its garbage, and measures what is left.
   *
   * @throws {Error} if it does not answer.
   */
  async liveMemory(name: string): Promise<LiveMemory> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const listed = await fetch(`http://127.0.0.1:${this.#ports.get(name)}/json`, { signal });
    const [{ webSocketDebuggerUrl }] = await listed.json();
    await using session = await Session.open(webSocketDebuggerUrl, { signal });
    // What finalizers let go of at the first collection is garbage of the second.
    for (let i = 0; i < 2; i++) await session.call("HeapProfiler.collectGarbage", {});
    const expression = "JSON.stringify(Deno.memoryUsage())";
    const { result } = await session.call("Runtime.evaluate", { expression, returnByValue: true });
    const { heapUsed, external } = JSON.parse((result as { value: string }).value);
    return { heapBytes: heapUsed, externalBytes: external };
  }
}

/** One connection to an inspector. */
class Session implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #signal: AbortSignal;
  #calls = 0;

  private constructor(socket: WebSocket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
  }

  static async open(url: string, { signal }: { signal: AbortSignal }): Promise<Session> {
    const socket = new WebSocket(url);
    await event(socket, { name: "open", signal });
    return new Session(socket, signal);
  }

  /** Calls a method of the protocol, one at a time. */
  async call(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#calls;
    this.#socket.send(JSON.stringify({ id, method, params }));
    while (true) {
      const { data } = await event(this.#socket, { name: "message", signal: this.#signal }) as MessageEvent<string>;
      const message = JSON.parse(data);
      // Others are notifications.
      if (message.id !== id) continue;
      if (message.error !== undefined) throw new Error(`The inspector refuses ${method}: ${message.error.message}`);
      return message.result;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = event(this.#socket, { name: "close", signal: this.#signal });
    this.#socket.close();
    await closed;
  }
}

/** The next event of a name; rejects if the connection ends first, or the signal is aborted. */
function event(socket: WebSocket, { name, signal }: { name: string; signal: AbortSignal }): Promise<Event> {
  const { promise, resolve, reject } = Promise.withResolvers<Event>();
  const over = new AbortController();
  const listen = (type: string, listener: (event: Event) => void) =>
    socket.addEventListener(type, listener, { signal: over.signal });
  const fail = () => reject(new Error(`The inspector does not answer: waited for '${name}'`));
  listen(name, resolve);
  if (name !== "close") listen("close", fail);
  signal.addEventListener("abort", fail, { signal: over.signal });
  return promise.finally(() => over.abort());
}
