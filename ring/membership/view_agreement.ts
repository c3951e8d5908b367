/**
 * When a member may show what a new view has given it: once every other member that is there has that view too, and so has
 * stopped showing what it lost, and has handed over what it held. This is what keeps two members from showing one cluster.
 *
 * ```text
 *           view changes: what is shown and still ours stays, nothing is added
 *        ┌──────────────────────────────────────────────┐
 *        ▼                                              │
 *   UNSETTLED ── all confirm, or the wait is over ──▶ SETTLED
 *        ▲                                              │
 *        └─── start, own stall, fence: shows nothing ───┘
 * ```
 *
 * @module
 */

/**
 * How long others are waited for, in milliseconds: as long as it takes at most to declare one of them dead. It ends the wait for a
 * member that is alive but never confirms; two may then show a cluster until it does.
 */
export const MAX_AGREEMENT_MS = 20_000;

/** What another member has confirmed. */
export interface Confirmation {
  /** When we sent the ping that this answers. */
  readonly askedAt: number;
  /** The digest of the view that it has. */
  readonly view: string;
  /** Whether it has handed us all that it held for us. */
  readonly clear: boolean;
}

/** How far the agreement on a view has come. */
export type AgreementState = "unsettled" | "agreed" | "overdue";

/** Follows the agreement on the current view. */
export class ViewAgreement {
  #since: number;
  #state: AgreementState = "unsettled";
  #shows = false;

  /** Starts unsettled, with nothing shown. */
  constructor(now: number) {
    this.#since = now;
  }

  /** How far it has come: agreed by all, or given up waiting for some. */
  get state(): AgreementState {
    return this.#state;
  }

  /** Whether anything may be shown at all. */
  get shows(): boolean {
    return this.#shows;
  }

  /** When the present wait began, or had begun. */
  get since(): number {
    return this.#since;
  }

  /** The view has changed: nothing may be added to what is shown until it is settled. */
  viewChanged(now: number) {
    this.#since = now;
    this.#state = "unsettled";
  }

  /** We may have missed what happened: nothing may be shown until we know. */
  lost(now: number) {
    this.viewChanged(now);
    this.#shows = false;
  }

  /** Whether one confirmation will do for this view. Only an answer to a ping from after the change tells of the time after. */
  confirms(confirmation: Confirmation | undefined, view: string): boolean {
    return confirmation !== undefined && confirmation.askedAt >= this.#since && confirmation.view === view &&
      confirmation.clear;
  }

  /** Judges the confirmations of all others that are there; true if the state has changed. */
  check(confirmations: Iterable<Confirmation | undefined>, { view, now }: { view: string; now: number }): boolean {
    if (this.#state === "agreed") return false;
    const all = [...confirmations].every((confirmation) => this.confirms(confirmation, view));
    const state = all ? "agreed" : now - this.#since >= MAX_AGREEMENT_MS ? "overdue" : "unsettled";
    if (state === this.#state) return false;
    this.#state = state;
    this.#shows = true;
    return true;
  }
}
