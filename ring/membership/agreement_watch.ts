/**
 * Watches whether those who have to have confirmed that they have our view, and hold nothing back that is ours by it.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { RingView } from "../placement/view.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { RingContext } from "./ring_context.ts";
import type { ViewAgreement } from "./view_agreement.ts";

/** What an {@linkcode AgreementWatch} works with, besides the ring's context. */
export interface AgreementWatchOptions {
  /** How far the agreement is. */
  readonly agreement: ViewAgreement;
  /** Who leaves. */
  readonly table: MemberTable;
  /** What they have confirmed. */
  readonly peers: Peers;
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

  /** Something may have been confirmed. */
  check(now: number): void {
    const { agreement, table, peers } = this.#options;
    const view = this.#context.view(), { digest } = view;
    const others = mustConfirm(view, { table, peers, now });
    if (!agreement.check(others.map((name) => peers.confirmation(name)), { view: digest })) return;
    const waitedMs = now - agreement.since;
    this.#context.emit(note("debug", "All members confirmed the view", { view: digest, waitedMs }));
  }
}

/**
 * Who has to confirm a view: all others among whom clusters are placed, and those who leave or only vote by now, who hand over what
 * they have. One that only votes as it reaches nobody is not waited for: whoever keeps the copies of its pushes reached it.
 */
export function mustConfirm(
  view: RingView,
  { table, peers, now }: Pick<AgreementWatchOptions, "table" | "peers"> & { readonly now: number },
): string[] {
  const leaving = table.others().filter(({ phase, status }) => phase === "LEAVING" && status === "ALIVE");
  const witnesses = view.witnesses.filter((name) => peers.isInReach(name, now));
  const others = new Set([...view.names, ...witnesses, ...leaving.map(({ name }) => name)]);
  others.delete(table.self.name);
  return [...others];
}
