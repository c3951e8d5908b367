/**
 * Has what this member is about to inherit made ready to be shown, before the view that gives it is decided: when a member falls
 * silent, or its link ends, and when one hands over what it has before it leaves.
 *
 * ```text
 * silent for 1.5 s, link lost, OFFER of what it owns ──▶ prepare what would be ours without it
 *                                                          │ heard again                    │ the view without it is settled
 *                                                          ▼                                ▼
 *                                                       released                     shown, and the rest released
 * ```
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import { keyHash } from "../placement/rendezvous.ts";
import type { RingView } from "../placement/view.ts";
import type { Clock } from "../protocol/effects.ts";
import type { HeldVersion } from "../protocol/message_fields.ts";
import type { EntryTable } from "./entry_table.ts";

/** For how long a member that has offered what it owns is expected to leave, in milliseconds: longer than its heirs may take. */
export const EXPECTED_TO_LEAVE_MS = 20_000;

/** What {@linkcode Foresight} works with, besides the ring's context. */
export interface ForesightOptions {
  /** What is held. */
  readonly table: EntryTable;
}

/** Looks ahead. */
export class Foresight {
  readonly #context: RingContext;
  readonly #table: EntryTable;
  /** Members that hand over what they own: until when they are expected to leave. */
  readonly #leaving = new Map<string, number>();
  /** Members without whom we have made ready what would be ours. */
  #without: readonly string[] = [];

  /** Starts with nobody about to go. */
  constructor(context: RingContext, { table }: ForesightOptions) {
    this.#context = context;
    this.#table = table;
  }

  /** A member offers what it holds: if that is its own, it is about to leave, as a member that joins is offered what will be its own. */
  offered(from: string, holdings: readonly HeldVersion[], { now }: Clock) {
    const view = this.#context.view();
    if (this.#context.self().phase !== "ACTIVE" || !view.has(from)) return;
    if (!holdings.some(({ id }) => view.place(keyHash(id))?.owner === from)) return;
    this.#leaving.set(from, now + EXPECTED_TO_LEAVE_MS);
  }

  /** A link may have ended, or time has passed. */
  look({ now }: Clock) {
    const context = this.#context, view = context.view();
    for (const [name, until] of this.#leaving) if (now >= until) this.#leaving.delete(name);
    const gone = view.names.filter((name) =>
      name !== context.name && (this.#leaving.has(name) || context.isFailing(name, now))
    );
    // Of whom most seem to be gone is cut off itself.
    const expected = gone.length * 2 < view.votes && context.isServing() ? gone : [];
    const isRefuted = this.#without.some((name) => !expected.includes(name));
    // Before the view is settled, what was made ready for it is not shown yet.
    if (isRefuted && !context.isSettled()) return;
    if (isRefuted) this.#release();
    if (expected.length > this.#without.length) this.#prepare(expected, now);
  }

  /** What a view has brought is shown. What else was made ready is not needed. */
  settled() {
    if (this.#without.length > 0) this.#release();
  }

  #prepare(gone: readonly string[], now: number) {
    const context = this.#context, before = this.#without;
    const future: RingView = gone.reduce((view, name) => view.without(name), context.view());
    const known = before.reduce((view, name) => view.without(name), context.view());
    this.#without = gone;
    for (const held of this.#table) {
      if (held.owner === undefined || !gone.includes(held.owner) || this.#table.isExpired(held, now)) continue;
      if (future.place(held.key)?.owner !== context.name) continue;
      const isReady = before.includes(held.owner) && known.place(held.key)?.owner === context.name;
      if (!isReady) context.emit({ do: "prepare", id: held.id, version: held.version });
    }
  }

  #release() {
    this.#without = [];
    this.#context.emit({ do: "release" });
  }
}
