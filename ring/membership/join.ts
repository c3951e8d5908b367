/**
 * Joins the ring: waits for our turn, pulls what will be our own from those who own it now, and then serves.
 *
 * @module
 */

import { type Clock, send } from "../protocol/effects.ts";
import { isPlaced } from "../protocol/member.ts";
import type { Membership } from "./membership.ts";
import type { RingContext } from "./ring_context.ts";

/** After how long a pull is asked for again, in milliseconds. */
export const PULL_AGAIN_MS = 5_000;

interface Pull {
  /** Who has not brought everything yet: when it was asked, and under which number. */
  readonly awaited: Map<string, { askedAt: number; request: number }>;
}

/** Joins, again and again if need be. */
export class Join {
  readonly #context: RingContext;
  readonly #membership: Membership;
  #pull: Pull | undefined;

  /** Starts with nothing asked for. */
  constructor(context: RingContext, { membership }: { membership: Membership }) {
    this.#context = context;
    this.#membership = membership;
  }

  /** Time has passed. */
  tick(clock: Clock) {
    const membership = this.#membership;
    const { now } = clock;
    const step = membership.joinStep(now);
    if (membership.self.phase !== "JOINING") this.#pull = undefined;
    else if (step === "serve") this.#serve(clock);
    else if (step === "pull" && this.#pull === undefined) {
      const serving = membership.rows.filter((row) => isPlaced(row) && membership.isLinked(row.name));
      this.#pull = {
        awaited: new Map(serving.map(({ name }) => [name, { askedAt: -Infinity, request: 0 }])),
      };
    }
    if (this.#pull !== undefined) this.#goOn(this.#pull, { step, clock });
  }

  /** A member has brought everything, or will not bring anything. */
  answered(from: string, request: number) {
    if (this.#pull?.awaited.get(from)?.request === request) this.#pull.awaited.delete(from);
  }

  #goOn({ awaited }: Pull, { step, clock }: { step: string; clock: Clock }) {
    const { now } = clock;
    const { view } = this.#membership;
    for (const [name, asked] of awaited) {
      if (!view.has(name) || !this.#membership.isLinked(name)) awaited.delete(name);
      else if (now - asked.askedAt >= PULL_AGAIN_MS) {
        asked.askedAt = now;
        asked.request = this.#context.nextRequest();
        this.#context.emit(send(name, { type: "PULL", request: asked.request, view: view.digest }));
      }
    }
    // Somebody may have come between: then we wait for our turn again, but what was pulled need not be pulled once more.
    if (awaited.size === 0 && step !== "wait") this.#serve(clock);
  }

  #serve(clock: Clock) {
    this.#pull = undefined;
    this.#membership.advance("ACTIVE", clock);
  }
}
