/**
 * Which clusters the page shows: those that we own by the present view, once it is settled. What is lost goes at once; what was
 * ours all along stays.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { EntryTable, HeldEntry } from "./entry_table.ts";

/** Keeps the page in step with what is held. */
export class Visibility {
  readonly #context: RingContext;
  readonly #table: EntryTable;
  /** Nothing is shown that was received before that, in milliseconds of the ring's clock. */
  #shownSince = Infinity;

  /** Starts with nothing shown. */
  constructor(context: RingContext, { table }: { table: EntryTable }) {
    this.#context = context;
    this.#table = table;
  }

  /** Another view places what is held: hides what we do not own any more. */
  viewChanged() {
    for (const held of this.#table) {
      if (held.shown && held.owner !== this.#context.name) this.hide(held);
    }
  }

  /** Views may have been missed: what is ours before and after may have been another's between, with newer versions. */
  lost() {
    for (const held of this.#table) this.hide(held);
  }

  /** The view is settled: shows all that we own. */
  settled(now: number) {
    for (const held of this.#table) {
      const isNews = !held.shown || held.shownVersion !== held.version;
      if (isNews && held.owner === this.#context.name && !this.#table.isExpired(held, now)) this.#show(held);
    }
  }

  /**
   * A version is durable, here and elsewhere, so that nobody has to take it back. A cluster that is shown already shows it at once,
   * settled or not: nobody else shows that cluster.
   */
  stored(held: HeldEntry) {
    const context = this.#context;
    if (held.isCopied && held.owner === context.name && (held.shown || context.isSettled())) this.#show(held);
  }

  /** Time has passed: what is shown may be older than what is held, and expire before it. */
  tick(now: number) {
    if (!this.#table.isExpired({ receivedAt: this.#shownSince }, now)) return;
    this.#shownSince = Infinity;
    for (const held of this.#table) {
      if (!held.shown) continue;
      if (this.#table.isExpired({ receivedAt: held.shownFrom }, now)) this.hide(held);
      else this.#shownSince = Math.min(this.#shownSince, held.shownFrom);
    }
  }

  /** Hides a cluster if it is shown. */
  hide(held: HeldEntry) {
    if (!held.shown) return;
    held.shown = false;
    this.#context.emit({ do: "hide", id: held.id });
  }

  #show(held: HeldEntry) {
    held.shown = true;
    held.shownFrom = held.receivedAt;
    this.#shownSince = Math.min(this.#shownSince, held.shownFrom);
    held.shownVersion = held.version;
    this.#context.emit({ do: "show", id: held.id, version: held.version });
  }
}
