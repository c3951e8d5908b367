/**
 * A network in memory for members that run in one process: every dial to an address at which somebody listens comes to a
 * link, messages come in order in later turns of the event loop, and both ends of a link learn of its end.
 *
 * @module
 */

import type { Hello, Mesh, MeshHandlers, MeshLink, MeshMessage, Refusal } from "../../ring/protocol/mesh.ts";

/** The network. */
export class MemoryNetwork {
  readonly #members = new Map<string, MemoryMesh>();

  /** A member's place in it. */
  mesh(address: string, hello: () => Hello): Mesh {
    return new MemoryMesh(address, { hello, members: this.#members });
  }

  /** Whether somebody listens at an address. */
  hasMember(address: string): boolean {
    return this.#members.has(address);
  }
}

class MemoryMesh implements Mesh {
  readonly #address: string;
  readonly #hello: () => Hello;
  readonly #members: Map<string, MemoryMesh>;
  readonly #links = new Map<string, { readonly link: MeshLink; readonly peer: MemoryMesh }>();
  #handlers: MeshHandlers | undefined;

  constructor(address: string, { hello, members }: { hello: () => Hello; members: Map<string, MemoryMesh> }) {
    this.#address = address;
    this.#hello = hello;
    this.#members = members;
  }

  start(handlers: MeshHandlers): Promise<void> {
    this.#handlers = handlers;
    this.#members.set(this.#address, this);
    return Promise.resolve();
  }

  dial(address: string): void {
    queueMicrotask(() => {
      const handlers = this.#handlers, peer = this.#members.get(address), theirs = peer && peer.#handlers;
      if (handlers === undefined) return;
      const fail = (refusal: Refusal) => handlers.dialFailed(address, refusal);
      if (peer === undefined || theirs === undefined) {
        return fail({ code: "unreachable", message: "Nobody listens there" });
      }
      if (peer === this) return fail({ code: "self", message: "This process dialled itself" });
      const ours = this.#hello(), hello = peer.#hello();
      const known = this.#links.get(hello.name);
      if (known !== undefined) return handlers.linkUp({ peer: known.link.peer, dialled: address });
      const refusal = theirs.admit(ours) ?? handlers.admit(hello);
      if (refusal !== undefined) return fail(refusal);
      const [link, back] = [{ peer: hello, dialled: address }, { peer: ours }];
      this.#links.set(hello.name, { link, peer });
      peer.#links.set(ours.name, { link: back, peer: this });
      handlers.linkUp(link);
      theirs.linkUp(back);
    });
  }

  send(name: string, message: MeshMessage): boolean {
    const to = this.#links.get(name);
    if (to === undefined) return false;
    const { name: us } = this.#hello();
    // As on a wire: what comes out shares nothing with what went in.
    const copy = structuredClone(message);
    queueMicrotask(() => {
      const back = to.peer.#links.get(us);
      if (back !== undefined) to.peer.#handlers?.message(back.link, copy);
    });
    return true;
  }

  cut(name: string, refusal: Refusal): void {
    const to = this.#links.get(name);
    if (to === undefined) return;
    const { name: us } = this.#hello();
    const back = to.peer.#links.get(us);
    this.#links.delete(name);
    to.peer.#links.delete(us);
    queueMicrotask(() => {
      this.#handlers?.linkDown(to.link, refusal.message);
      if (back !== undefined) to.peer.#handlers?.linkDown(back.link, refusal.message);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#handlers = undefined;
    for (const name of [...this.#links.keys()]) this.cut(name, { code: "unreachable", message: "It stops" });
    this.#members.delete(this.#address);
    return Promise.resolve();
  }
}
