/**
 * The views of a ring, one after the other: which one this member goes by, and what follows once another is decided.
 *
 * {@linkcode ViewConsensus} decides them, {@linkcode import("./view_agreement.ts").ViewAgreement} says when the others have one too,
 * and {@linkcode ViewConfirmation} whether it is still the last.
 *
 * @module
 */

import { hasVote } from "../consensus/quorum.ts";
import { RingView } from "../placement/view.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";
import { type Clock, note } from "../protocol/effects.ts";
import type { Message } from "../protocol/messages.ts";
import { AgreementWatch } from "./agreement_watch.ts";
import type { Gossip } from "./gossip.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { Pings } from "./pings.ts";
import type { RingContext } from "./ring_context.ts";
import type { Stay } from "./stay.ts";
import type { ViewAgreement } from "./view_agreement.ts";
import { type OnConfirmed, ViewConfirmation } from "./view_confirmation.ts";
import { ViewConsensus } from "./view_consensus.ts";

/**
 * Called as soon as the view has changed, before anybody is told: what is lost must no longer be shown when this returns, and nothing at
 * all where views may have been missed.
 */
export type OnView = (view: RingView, how: { readonly isNext: boolean; readonly clock: Clock }) => void;

/** What a {@linkcode ViewSuccession} works with, besides the ring's context. */
export interface ViewSuccessionOptions {
  /** The last view that we know to be decided. */
  readonly kept: KeptState;
  /** Who is there. */
  readonly table: MemberTable;
  /** Who answers. */
  readonly peers: Peers;
  /** Tells everybody of another view. */
  readonly gossip: Gossip;
  /** Ask who has it. */
  readonly pings: Pings;
  /** How far the agreement on the view is. */
  readonly agreement: ViewAgreement;
  /** Our stay, which ends where the view is without us. */
  readonly stay: Stay;
  /** Whether those who vote suffice for a first view. */
  readonly mayBegin: (has: (name: string) => boolean) => boolean;
  /** Has what is shown follow another view. */
  readonly onView: OnView;
  /** Called once everybody is told of another view: by the table, yet another may be due. */
  readonly onTold: (now: number) => void;
}

/** The views that were decided. */
export class ViewSuccession {
  readonly #context: RingContext;
  readonly #options: ViewSuccessionOptions;
  readonly #consensus: ViewConsensus;
  readonly #confirmation: ViewConfirmation;
  readonly #agreementWatch: AgreementWatch;
  #view: RingView;

  /** Goes on from the view that was kept. */
  constructor(context: RingContext, options: ViewSuccessionOptions) {
    this.#context = context;
    this.#options = options;
    const { kept, table, peers, gossip, agreement, mayBegin } = options;
    this.#view = viewOf(kept.agreed);
    this.#consensus = new ViewConsensus(context, {
      kept,
      table,
      gossip,
      hears: (name, now) => peers.isReachable(name, now),
      mayBegin,
      onDecided: (agreed, clock) => this.adopt(agreed, clock),
    });
    this.#confirmation = new ViewConfirmation(context, {
      agreed: () => kept.agreed,
      isCurrent: () => this.isCurrent,
      disk: kept.disk,
    });
    this.#agreementWatch = new AgreementWatch(context, { agreement, table, peers });
  }

  /** Who owns what. */
  get view(): RingView {
    return this.#view;
  }

  /** Whether we are the member that the view has under our name, and not another stay or process of it. */
  get isServing(): boolean {
    const { table, kept } = this.#options;
    const { name, since, disk, phase, status } = table.self;
    return phase !== "JOINING" && status !== "LEFT" && this.#view.sinceOf(name) === since &&
      kept.agreed !== undefined && hasVote(kept.agreed, { name, disk });
  }

  /** Whether we have accepted no view after ours, as far as we have a vote. */
  get isCurrent(): boolean {
    return this.#consensus.isCurrent;
  }

  /** Who has confirmed the last page. */
  get lastVotes(): readonly string[] {
    return this.#confirmation.lastVotes;
  }

  /** Takes a message about views; false for any other. */
  message(from: string, message: Message, clock: Clock): boolean {
    switch (message.type) {
      case "CONFIRM":
        this.#confirmation.asked(from, message);
        return true;
      case "CONFIRMED":
        this.#confirmation.answered(from, message, clock);
        return true;
      default:
        return this.#consensus.message(from, message, clock);
    }
  }

  /** Our state is durable, up to this number. */
  saved(number: number, clock: Clock) {
    this.#consensus.saved(number, clock);
  }

  /** Asks the others whether the view is still the last one. */
  confirm(onConfirmed: OnConfirmed, clock: Clock) {
    this.#confirmation.ask(onConfirmed, clock);
  }

  /** Time has passed. */
  tick(clock: Clock) {
    this.#consensus.consider(clock.now);
    this.#confirmation.tick(clock);
  }

  /** The table has changed: another view may be due, or the others may have confirmed ours. */
  tableChanged(now: number) {
    this.#consensus.consider(now);
    this.settle(now);
  }

  /** The others may have confirmed the view. */
  settle(now: number) {
    if (this.isServing) this.#agreementWatch.check(now);
  }

  /** Goes by a view from now on that was decided, if it is later than ours. */
  adopt(agreed: AgreedView, clock: Clock) {
    if (!this.#isLater(agreed)) return;
    const { kept, table, peers, gossip, pings, agreement, stay, onView, onTold } = this.#options;
    const { now } = clock;
    const isNext = agreed.epoch === kept.epoch + 1;
    const wasActive = this.isServing && table.self.phase === "ACTIVE";
    kept.agree(agreed);
    this.#view = viewOf(agreed);
    // Where a view was missed, what is ours before and after may have been another's between.
    if (isNext) agreement.viewChanged(now);
    else agreement.lost(now);
    this.#consensus.viewChanged();
    onView(this.#view, { isNext, clock });
    this.#confirmation.viewChanged(clock);
    const { digest, names } = this.#view;
    this.#context.emit(note("info", "The view changed", { epoch: agreed.epoch, view: digest, members: names }));
    if (wasActive && !this.isServing) stay.outvoted(now);
    for (const peer of peers.linked()) gossip.sendTable(peer, { reply: false });
    onTold(now);
    pings.pingAll(now);
  }

  /** Whether a view was decided after ours; or by another part of a ring that has forked, of which one must give way to the other. */
  #isLater(agreed: AgreedView): boolean {
    const { epoch, agreed: ours } = this.#options.kept;
    if (agreed.epoch !== epoch || ours === undefined) return agreed.epoch > epoch;
    return viewOf(agreed).digest < this.#view.digest;
  }
}

function viewOf(agreed: AgreedView | undefined): RingView {
  return agreed === undefined ? new RingView([]) : new RingView(agreed.members, agreed.epoch);
}
