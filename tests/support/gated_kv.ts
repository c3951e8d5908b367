/**
 * A Deno KV whose commits a test can hold up and make fail. It keeps nothing that is read back: of Deno KV it has atomic
 * sets and deletes only.
 *
 * @module
 */

import type { Mutation } from "../../server/store/layout.ts";

/** The fake, and the `Deno.Kv` to hand out. */
export class GatedKv {
  /** The mutations of each commit that was tried, in order. */
  readonly tried: Mutation[][] = [];
  /** Decides whether a commit fails, and how. */
  failure: (mutations: readonly Mutation[]) => Error | undefined = () => undefined;
  #open = Promise.withResolvers<void>();
  #arrived = Promise.withResolvers<void>();

  /** Starts with its gate open. */
  constructor() {
    this.#open.resolve();
  }

  /** Lets no commit end until {@linkcode GatedKv.release}. */
  hold(): void {
    this.#open = Promise.withResolvers();
    this.#arrived = Promise.withResolvers();
  }

  /** Resolves when a commit waits at the gate. */
  arrival(): Promise<void> {
    return this.#arrived.promise;
  }

  /** Lets commits end. */
  release(): void {
    this.#open.resolve();
  }

  /** The Deno KV. */
  get kv(): Deno.Kv {
    return { atomic: () => this.#atomic() } as unknown as Deno.Kv;
  }

  #atomic(): unknown {
    const mutations: Mutation[] = [];
    const commit = async () => {
      this.tried.push(mutations);
      this.#arrived.resolve();
      await this.#open.promise;
      const error = this.failure(mutations);
      if (error !== undefined) throw error;
      return { ok: true };
    };
    return {
      set: (key: Deno.KvKey, value: Uint8Array) => mutations.push({ key, value }),
      delete: (key: Deno.KvKey) => mutations.push({ key }),
      commit,
    };
  }
}
