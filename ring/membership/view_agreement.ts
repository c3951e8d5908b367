/**
 * When a member may show what a new view has given it: once every other member that is there has that view too, and so has
 * stopped showing what it lost, and has handed over what it held. This is what keeps two members from showing one cluster.
 *
 * ```text
 *           view changes: what is shown and still ours stays, nothing is added
 *        ┌──────────────────────────────────────────────┐
 *        ▼                                              │
 *   UNSETTLED ─────────── all confirm ─────────────▶ SETTLED
 *        ▲                                              │
 *        └── start, a view was missed: shows nothing ───┘
 * ```
 *
 * @module
 */

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
export type AgreementState = "unsettled" | "agreed";

/** Follows the agreement on the current view. */
export class ViewAgreement {
  #since: number;
  #state: AgreementState = "unsettled";
  #shows = false;

  /** Starts unsettled, with nothing shown. */
  constructor(now: number) {
    this.#since = now;
  }

  /** How far it has come. */
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

  /** Judges the confirmations of all others that have to confirm; true if that settles it. */
  check(confirmations: Iterable<Confirmation | undefined>, { view }: { view: string }): boolean {
    if (this.#state === "agreed") return false;
    if (![...confirmations].every((confirmation) => this.confirms(confirmation, view))) return false;
    this.#state = "agreed";
    this.#shows = true;
    return true;
  }
}
