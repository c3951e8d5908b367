/**
 * Which clusters the page shows: those that we own by the present view, once it is settled. What is lost goes at once; what was
 * ours all along stays.
 *
 * @module
 */

import type { Emit } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "./entry_table.ts";

/** Keeps the page in step with what is held. */
export class Visibility {
  readonly #name: string;
  readonly #table: EntryTable;
  readonly #emit: Emit;
  readonly #isSettled: () => boolean;

  /** Starts with nothing shown. */
  constructor(
    { name, table, emit, isSettled }: { name: string; table: EntryTable; emit: Emit; isSettled: () => boolean },
  ) {
    this.#name = name;
    this.#table = table;
    this.#emit = emit;
    this.#isSettled = isSettled;
  }

  /** Another view places what is held: hides what we do not own any more. */
  viewChanged() {
    for (const held of this.#table) {
      if (held.shown && held.owner !== this.#name) this.hide(held);
    }
  }

  /** The view is settled: shows all that we own. */
  settled(now: number) {
    for (const held of this.#table) {
      if (!held.shown && held.owner === this.#name && !this.#table.isExpired(held, now)) this.#show(held);
    }
  }

  /** A version is durable. A cluster that is shown already shows it at once, settled or not: nobody else shows that cluster. */
  stored(held: HeldEntry) {
    if (held.owner === this.#name && (held.shown || this.#isSettled())) this.#show(held);
  }

  /** Hides a cluster if it is shown. */
  hide(held: HeldEntry) {
    if (!held.shown) return;
    held.shown = false;
    this.#emit({ do: "hide", id: held.id });
  }

  #show(held: HeldEntry) {
    held.shown = true;
    this.#emit({ do: "show", id: held.id, version: held.version });
  }
}
