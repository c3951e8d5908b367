/**
 * Leaves the ring in good order: the heirs get copies while we still serve, then we hand over, then we are gone.
 *
 * ```text
 * waiting ── nobody else leaves ──▶ copying ── heirs have what we own ──▶ handing over ── nothing is owed ──▶ left
 * ```
 *
 * Each step has its deadline, after which the next one begins: the process is asked to end, and will.
 *
 * @module
 */

import type { Transfers } from "./transfers.ts";
import type { Clock } from "../protocol/effects.ts";
import { isPresent } from "../protocol/member.ts";
import type { Membership } from "../membership/membership.ts";
import type { TransferPlan } from "./transfer_plan.ts";

/** How long heirs that have everything get at least to make it ready, in milliseconds: while they do, we still show it. */
export const HEIRS_PREPARE_MS = 1_000;

/** How long each step may take, in milliseconds: together less than an orderly stop of the process may. */
export const LEAVE_MS = { waiting: 4_000, copying: 10_000, handing: 5_000 } as const;

type Step = "staying" | "waiting" | "copying" | "handing" | "left";

/** Leaves once. */
export class Leaving {
  readonly #membership: Membership;
  readonly #plan: TransferPlan;
  readonly #transfers: Transfers;
  readonly #onLeft: () => void;
  #step: Step = "staying";
  #since = 0;

  /** Starts with no wish to leave. */
  constructor(
    { membership, plan, transfers, onLeft }: {
      membership: Membership;
      plan: TransferPlan;
      transfers: Transfers;
      onLeft: () => void;
    },
  ) {
    this.#membership = membership;
    this.#plan = plan;
    this.#transfers = transfers;
    this.#onLeft = onLeft;
  }

  /** Whether we stay, as far as we know. */
  get isStaying(): boolean {
    return this.#step === "staying";
  }

  /** The process is asked to end. */
  start(clock: Clock) {
    if (this.#step === "staying") this.#enter("waiting", clock);
  }

  /** Time has passed. */
  tick(clock: Clock) {
    const { now } = clock;
    const { self, rows, view } = this.#membership;
    const isOver = this.#step in LEAVE_MS && now - this.#since >= LEAVE_MS[this.#step as keyof typeof LEAVE_MS];
    switch (this.#step) {
      case "waiting": {
        const others = rows.filter((row) => row.name !== self.name && isPresent(row));
        if (self.phase !== "ACTIVE" || this.#membership.isFenced(now)) this.#leave(clock);
        else if (isOver || !others.some(({ phase }) => phase === "LEAVING")) {
          this.#enter("copying", clock);
          this.#plan.toHeirs();
        }
        return;
      }
      case "copying":
        if (!isOver && !(this.#transfers.isClear && now - this.#since >= HEIRS_PREPARE_MS)) return;
        this.#enter("handing", clock);
        this.#membership.advance("LEAVING", clock);
        return;
      case "handing": {
        const isAlone = !rows.some((row) => row.name !== self.name && isPresent(row));
        const haveNews = isAlone ||
          (!this.#membership.isServing &&
            view.names.every((name) => this.#membership.beliefsOf(name)?.view === view.digest));
        if (isOver || (this.#transfers.isClear && haveNews)) this.#leave(clock);
        return;
      }
    }
  }

  #leave(clock: Clock) {
    this.#enter("left", clock);
    this.#membership.leave(clock);
    this.#onLeft();
  }

  #enter(step: Step, { now }: Clock) {
    this.#step = step;
    this.#since = now;
  }
}
