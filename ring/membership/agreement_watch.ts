/**
 * Watches whether the present view is agreed: by what the peers have confirmed of it, and how long they have been waited for.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import { isPresent } from "../protocol/member.ts";
import type { Contacts } from "./contacts.ts";
import type { FailureDetector } from "./failure_detector.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { RingContext } from "./ring_context.ts";
import type { ViewAgreement } from "./view_agreement.ts";

/** What is noted of an agreement: the simulator tells by these words which members go on without having agreed. */
export const AGREEMENT_NOTES = {
  agreed: "All members confirmed the view",
  overdue: "View agreement timed out: going on without the missing members",
} as const;

/** What an {@linkcode AgreementWatch} works with, besides the ring's context. */
export interface AgreementWatchOptions {
  /** How far the agreement is. */
  readonly agreement: ViewAgreement;
  /** Who has to confirm. */
  readonly table: MemberTable;
  /** What they have confirmed. */
  readonly peers: Peers;
  /** Keeps what was agreed. */
  readonly kept: KeptState;
  /** Whether a stall of our own is just over. */
  readonly detector: FailureDetector;
  /** Whether there should be others. */
  readonly contacts: Contacts;
}

/** Ends the wait for a view. */
export class AgreementWatch {
  readonly #context: RingContext;
  readonly #options: AgreementWatchOptions;

  /** Starts with nothing agreed. */
  constructor(context: RingContext, options: AgreementWatchOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Something may have been confirmed, or the wait may be over. An agreement that is new is kept under the next epoch. */
  check(now: number): void {
    const { agreement, table, peers, kept, detector, contacts } = this.#options;
    const others = table.others().filter(isPresent);
    // After a stall, alone means that there is nobody to ask: others may have taken over, and tell us if we give them time to.
    if (others.length === 0 && detector.isQuiet(now) && contacts.knowsOthers) return;
    const view = this.#context.view(), { digest } = view;
    if (!agreement.check(others.map(({ name }) => peers.confirmation(name)), { view: digest, now })) return;
    const waitedMs = now - agreement.since;
    if (agreement.state === "overdue") {
      const missing = others.map(({ name }) => name)
        .filter((name) => !agreement.confirms(peers.confirmation(name), digest));
      return this.#context.emit(note("warn", AGREEMENT_NOTES.overdue, { view: digest, waitedMs, missing }));
    }
    this.#context.emit(note("debug", AGREEMENT_NOTES.agreed, { view: digest, waitedMs }));
    const agreedNames = kept.agreed?.members.map(({ name }) => name) ?? [];
    if (agreedNames.join("\n") === view.names.join("\n")) return;
    const members = view.names.map((name) => ({ name, address: table.get(name)!.address }));
    kept.agree({ epoch: kept.epoch + 1, members });
  }
}
