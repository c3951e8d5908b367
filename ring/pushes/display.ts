/**
 * Which clusters the page shows: those that we own by the present view, once it is settled. What is lost goes at once; what was
 * ours all along stays.
 *
 * @module
 */

import type { Emit } from "../effect.ts";
import type { Held, Holdings } from "./holdings.ts";

/** Keeps the page in step with what is held. */
export class Display {
  readonly #name: string;
  readonly #holdings: Holdings;
  readonly #emit: Emit;
  readonly #isSettled: () => boolean;

  /** Starts with nothing shown. */
  constructor(
    { name, holdings, emit, isSettled }: { name: string; holdings: Holdings; emit: Emit; isSettled: () => boolean },
  ) {
    this.#name = name;
    this.#holdings = holdings;
    this.#emit = emit;
    this.#isSettled = isSettled;
  }

  /** Another view places what is held: hides what we do not own any more. */
  viewChanged() {
    for (const held of this.#holdings) {
      if (held.shown && held.owner !== this.#name) this.hide(held);
    }
  }

  /** The view is settled: shows all that we own. */
  settled(now: number) {
    for (const held of this.#holdings) {
      if (!held.shown && held.owner === this.#name && !this.#holdings.isExpired(held, now)) this.#show(held);
    }
  }

  /** A version is durable. A cluster that is shown already shows it at once, settled or not: nobody else shows that cluster. */
  stored(held: Held) {
    if (held.owner === this.#name && (held.shown || this.#isSettled())) this.#show(held);
  }

  /** Hides a cluster if it is shown. */
  hide(held: Held) {
    if (!held.shown) return;
    held.shown = false;
    this.#emit({ do: "hide", id: held.id });
  }

  #show(held: Held) {
    held.shown = true;
    this.#emit({ do: "show", id: held.id, version: held.version });
  }
}
