/**
 * What a member keeps over a restart: how far its incarnations have gone, how often it has come and gone, and the last agreed view.
 *
 * @module
 */

import type { SavedState } from "../protocol/effects.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";
import type { AcceptorState } from "../protocol/ballot.ts";
import type { RingContext } from "./ring_context.ts";

/** How many random digits a disk is known by. */
const DISK_DIGITS = 32;

/** How far the incarnation that is kept on disk runs ahead of the one in use: refutations need not wait for a disk. */
export const INCARNATION_RESERVE = 1_000;

/** The state, which is to be saved with each change. */
export class KeptState {
  /** The incarnation at which this process starts: above all that the one before can have used. */
  readonly firstIncarnation: number;
  readonly #context: RingContext;
  #state: SavedState;
  #number = 0;

  /** Goes on from what the last process of this name saved, and has the next one start higher. */
  constructor(context: RingContext, saved: SavedState | undefined) {
    this.#context = context;
    this.firstIncarnation = (saved?.incarnation ?? 0) + 1;
    this.#state = {
      ...saved,
      disk: saved?.disk ?? drawDisk(context.random),
      incarnation: this.firstIncarnation + INCARNATION_RESERVE,
      flaps: saved === undefined ? 0 : saved.flaps + 1,
    };
    this.#save();
  }

  /** Which disk this is. */
  get disk(): string {
    return this.#state.disk!;
  }

  /** What we have promised and accepted, if anything. */
  get acceptor(): AcceptorState | undefined {
    return this.#state.acceptor;
  }

  /** The last view that we know to be decided. */
  get agreed(): AgreedView | undefined {
    return this.#state.agreed;
  }

  /** The epoch of that view, 0 if there is none. */
  get epoch(): number {
    return this.agreed?.epoch ?? 0;
  }

  /** How often the member has come and gone lately. */
  get flaps(): number {
    return this.#state.flaps;
  }

  /** Keeps a view that was decided after the one before. What was promised for it is over. */
  agree(agreed: AgreedView) {
    const { acceptor: _, ...state } = this.#state;
    this.#state = { ...state, agreed };
    this.#save();
  }

  /** Keeps what we promise or accept; returns the number under which it is saved. */
  vote(acceptor: AcceptorState): number {
    this.#state = { ...this.#state, acceptor };
    this.#save();
    return this.#number;
  }

  /** Keeps another number of comings and goings. */
  countFlaps(flaps: number) {
    this.#state = { ...this.#state, flaps };
    this.#save();
  }

  /** An incarnation is in use: keeps a higher one while half of the reserve is left, so that what is in use has long been kept. */
  reserve(incarnation: number) {
    if (incarnation <= this.#state.incarnation - INCARNATION_RESERVE / 2) return;
    this.#state = { ...this.#state, incarnation: incarnation + INCARNATION_RESERVE };
    this.#save();
  }

  /** Saves the state as it is, to see whether that works. */
  probe() {
    this.#save();
  }

  #save() {
    this.#context.emit({ do: "save", number: ++this.#number, state: this.#state });
  }
}

function drawDisk(random: () => number): string {
  return Array.from({ length: DISK_DIGITS }, () => Math.floor(random() * 16).toString(16)).join("");
}
