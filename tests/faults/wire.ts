/**
 * A cable to a server, which can be cut without either end being told: what is sent is neither delivered nor refused.
 *
 * @module
 */

import { connect, createServer, type Server, type Socket } from "node:net";

/** Forwards connections from one port of the loopback interface to another. */
export class Wire implements AsyncDisposable {
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: Socket[] = [];
  #server: Server | undefined;
  #isCut = false;

  /** Leads to a port. */
  constructor({ to }: { to: number }) {
    this.#to = to;
  }

  /** Listens. */
  async open(port: number): Promise<void> {
    const server = this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      this.#hold(socket);
      if (this.#isCut) this.#waiting.push(socket);
      else this.#join(socket);
    });
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  }

  /** Delivers nothing more in either direction; new connections are taken, as a system does whose program is far away. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Delivers again, what was sent meanwhile included. */
  mend(): void {
    this.#isCut = false;
    for (const socket of this.#waiting.splice(0)) this.#join(socket);
    for (const socket of this.#sockets) socket.resume();
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()) ?? resolve());
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(caller: Socket): void {
    if (caller.destroyed) return;
    const callee = connect(this.#to, "127.0.0.1");
    this.#hold(callee);
    for (const [from, to] of [[caller, callee], [callee, caller]] as const) {
      from.on("data", (chunk) => {
        if (to.write(chunk)) return;
        from.pause();
        to.once("drain", () => void (this.#isCut || from.resume()));
      });
      // An end is delivered as data is: not while the wire is cut.
      from.on("end", () => to.end());
      from.on("close", () => to.destroy());
    }
    caller.resume();
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
