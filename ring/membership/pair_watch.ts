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

/** How long there must be two before that is told, in milliseconds: a ring that starts is one of two on its way to more. */
export const PAIR_TOLD_MS = 10_000;

/** Tells of it once when there are two, and each time one carries on alone. */
export class PairWatch {
  readonly #context: RingContext;
  readonly #options: PairWatchOptions;
  #pairSince: number | undefined;
  #isTold = false;
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
  tick(now: number) {
    const { agreed, table } = this.#options, view = agreed();
    const isLoose = view !== undefined && !view.isStrict;
    const isPair = isLoose && view.members.length === 2;
    const missing = table.others().find(({ status }) => status === "SUSPECT" || status === "DEAD")?.name;
    const isAlone = isLoose && view.members.length === 1 && this.#context.isServing() && missing !== undefined;
    this.#pairSince = isPair ? this.#pairSince ?? now : undefined;
    // A pair that was cut for a while is no news when it is one again.
    this.#isTold &&= isLoose;
    if (this.#pairSince !== undefined && now - this.#pairSince >= PAIR_TOLD_MS && !this.#isTold) {
      this.#isTold = true;
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
    this.#isAlone = isAlone;
  }
}
