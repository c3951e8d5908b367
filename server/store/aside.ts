/**
 * Sets entries aside that do not check out: out of the way of the good ones, and kept for a person to look at.
 *
 * @module
 */

import type { Logger } from "../../common/log.ts";
import type { Keys, Mutation } from "./layout.ts";
import type { StoreMetrics } from "./metrics.ts";
import type { ReadEntry } from "./read.ts";

/** How many entries are kept; the oldest go first. */
export const KEPT_ASIDE = 100;

/** What is needed to set entries aside. */
export interface AsideOptions {
  /** Where they lie. */
  readonly kv: Deno.Kv;
  /** Where they go to. */
  readonly keys: Keys;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Writes if it can; if not, the next load finds the entry again. */
  readonly write: (mutations: readonly Mutation[]) => Promise<void>;
  /** Counts them. */
  readonly metrics: StoreMetrics;
  /** Gets one line for all of them. */
  readonly log: Logger;
}

/** The entries that one load sets aside. */
export class Aside {
  readonly #options: AsideOptions;
  readonly #faults: { readonly id: string; readonly fault: string }[] = [];

  /** Starts with none. */
  constructor(options: AsideOptions) {
    this.#options = options;
  }

  /** Sets an entry aside. Only its head is kept, which for all but the largest pushes is all of it. */
  async add({ id, key, value }: Pick<ReadEntry, "id" | "key" | "value">, fault: string): Promise<void> {
    const { keys, now, write, metrics } = this.#options;
    metrics.entrySetAside();
    this.#faults.push({ id, fault });
    const isKept = this.#faults.length <= KEPT_ASIDE && value instanceof Uint8Array;
    await write([...(isKept ? [{ key: keys.aside(now(), id), value }] : []), { key }]);
  }

  /** Forgets the oldest of those that are too many, and logs what was set aside, if anything. */
  async finish(): Promise<void> {
    const { kv, keys, write, log } = this.#options;
    if (this.#faults.length === 0) return;
    const kept = await Array.fromAsync(kv.list({ prefix: keys.all("aside") }), ({ key }) => ({ key }));
    if (kept.length > KEPT_ASIDE) await write(kept.slice(0, -KEPT_ASIDE));
    const examples = JSON.stringify(this.#faults.slice(0, 3));
    log.error("Set entries of the store aside, which failed their checks", { entries: this.#faults.length, examples });
  }
}
