/**
 * Tells of what two members that were never more cannot do: neither has a majority without the other, so each carries on alone when
 * the way between them is cut, and both show everything.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";
import type { MemberTable } from "./member_table.ts";
import type { RingContext } from "./ring_context.ts";

/** What a {@linkcode PairWatch} works with, besides the ring's context. */
export interface PairWatchOptions {
  /** The last view that we know to be decided. */
  readonly agreed: () => AgreedView | undefined;
  /** Who else may be there. */
  readonly table: MemberTable;
}

/** Tells of it once when there are two, and each time one carries on alone. */
export class PairWatch {
  readonly #context: RingContext;
  readonly #options: PairWatchOptions;
  #isPair = false;
  #isAlone = false;

  /** Starts with nothing told. */
  constructor(context: RingContext, options: PairWatchOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether this member carries on without the other one of two, which may do the same. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Time has passed. */
  tick() {
    const { agreed, table } = this.#options, view = agreed();
    const isLoose = view !== undefined && !view.isStrict;
    const isPair = isLoose && view.members.length === 2;
    const missing = table.others().find(({ status }) => status === "SUSPECT" || status === "DEAD")?.name;
    const isAlone = isLoose && view.members.length === 1 && this.#context.isServing() && missing !== undefined;
    if (isPair && !this.#isPair) {
      const sentence =
        "Two servers have no majority: when the way between them is cut, each carries on alone and shows everything; add a server, or one with --witness";
      this.#context.emit(note("warn", sentence, {}));
    }
    if (isAlone && !this.#isAlone) {
      const sentence =
        "Carries on alone without a majority: if the other server lives, both show everything until they reach each other";
      this.#context.emit(note("error", sentence, { member: missing }));
    }
    if (!isAlone && this.#isAlone) this.#context.emit(note("info", "Carries on alone no longer", {}));
    // A pair that was cut for a while is no news when it is one again.
    this.#isPair = isPair || (this.#isPair && isLoose);
    this.#isAlone = isAlone;
  }
}
