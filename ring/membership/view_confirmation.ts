/**
 * Asks whether the view that we have is still the last one: of those who vote in it, enough must say that they have accepted no later
 * one. A later one cannot have been decided then before we asked, however long any of us was asleep.
 *
 * ```text
 * page ──┐
 * page ──┼──▶ CONFIRM to all ── CONFIRMED by a quorum ──▶ shown       a second ──▶ not shown
 * push ──┘      (what comes meanwhile waits for the next round)
 * ```
 *
 * @module
 */

import { isQuorum } from "../consensus/quorum.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";
import { type Clock, send } from "../protocol/effects.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { RingContext } from "./ring_context.ts";

/** How long the answers to one question are waited for, in milliseconds. */
export const CONFIRM_MS = 1_000;

/** Told whether the view was the last one when it was asked, or later. */
export type OnConfirmed = (isCurrent: boolean, clock: Clock) => void;

interface Round {
  readonly request: number;
  readonly deadline: number;
  readonly waiting: readonly OnConfirmed[];
  /** Disks of those who have confirmed, by name. */
  readonly votes: Map<string, string>;
}

/** What a {@linkcode ViewConfirmation} works with, besides the ring's context. */
export interface ViewConfirmationOptions {
  /** The last view that we know to be decided. */
  readonly agreed: () => AgreedView | undefined;
  /** Whether we have accepted no later one, and have a vote. */
  readonly isCurrent: () => boolean;
  /** Our own disk. */
  readonly disk: string;
}

/** Asks, one round at a time. */
export class ViewConfirmation {
  readonly #context: RingContext;
  readonly #options: ViewConfirmationOptions;
  #waiting: OnConfirmed[] = [];
  #round: Round | undefined;
  /** Who has confirmed the last page. */
  lastVotes: readonly string[] = [];

  /** Starts with nothing asked. */
  constructor(context: RingContext, options: ViewConfirmationOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Asks for one more page or push; perhaps answered before this returns. */
  ask(onConfirmed: OnConfirmed, clock: Clock): void {
    this.#waiting.push(onConfirmed);
    if (this.#round === undefined) this.#start(clock);
  }

  /** A member asks us. */
  asked(from: string, { request, epoch, view }: MessageOf<"CONFIRM">) {
    const { agreed, isCurrent, disk } = this.#options;
    if (agreed()?.epoch !== epoch || this.#context.view().digest !== view || !isCurrent()) return;
    this.#context.emit(send(from, { type: "CONFIRMED", request, disk }));
  }

  /** A member has confirmed. */
  answered(from: string, { request, disk }: MessageOf<"CONFIRMED">, clock: Clock) {
    const round = this.#round;
    if (round === undefined || round.request !== request) return;
    round.votes.set(from, disk);
    this.#check(round, clock);
  }

  /** There is another view: what was asked of the one before is not known. */
  viewChanged(clock: Clock) {
    if (this.#round !== undefined) this.#end(this.#round, { isCurrent: false, clock });
  }

  /** Time has passed. */
  tick(clock: Clock) {
    if (this.#round !== undefined && clock.now >= this.#round.deadline) {
      this.#end(this.#round, { isCurrent: false, clock });
    }
  }

  #start(clock: Clock) {
    const context = this.#context;
    const { agreed, isCurrent, disk } = this.#options;
    const view = agreed();
    const waiting = this.#waiting;
    this.#waiting = [];
    if (view === undefined || !isCurrent()) return waiting.forEach((onConfirmed) => onConfirmed(false, clock));
    const request = context.nextRequest();
    const round: Round = { request, deadline: clock.now + CONFIRM_MS, waiting, votes: new Map([[context.name, disk]]) };
    this.#round = round;
    this.#check(round, clock);
    if (this.#round !== round) return;
    for (const { name } of view.members) {
      if (name === context.name || !context.isLinked(name)) continue;
      context.emit(send(name, { type: "CONFIRM", request, epoch: view.epoch, view: context.view().digest }));
    }
  }

  #check(round: Round, clock: Clock) {
    const { agreed, isCurrent } = this.#options;
    const view = agreed();
    if (view === undefined || !isQuorum(view, ({ name, disk }) => round.votes.get(name) === disk)) return;
    this.lastVotes = [...round.votes.keys()];
    this.#end(round, { isCurrent: isCurrent(), clock });
  }

  #end(round: Round, { isCurrent, clock }: { isCurrent: boolean; clock: Clock }) {
    this.#round = undefined;
    for (const onConfirmed of round.waiting) onConfirmed(isCurrent, clock);
    if (this.#round === undefined && this.#waiting.length > 0) this.#start(clock);
  }
}
