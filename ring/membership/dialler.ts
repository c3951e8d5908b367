/**
 * When to dial whom: seeds for ever, members for as long as their row is kept, each less often the longer it does not answer.
 *
 * @module
 */

/** The shortest pause between two dials of an address, in milliseconds. */
export const MIN_REDIAL_MS = 1_000;

/** The longest pause between two dials of an address, in milliseconds. */
export const MAX_REDIAL_MS = 10_000;

/** How long the member with the higher name leaves it to the other to dial, in milliseconds: two links would meet otherwise. */
export const COURTESY_MS = 1_500;

/** How long an address is left alone that turned out to be our own, in milliseconds. It may stand for several members. */
export const SELF_REDIAL_MS = 60_000;

/** An address that we want a link with. */
export interface Target {
  /** The address. */
  readonly address: string;
  /** Whether the other side dials too, and first. */
  readonly courtesy: boolean;
}

interface Attempt {
  nextAt: number;
  pauseMs: number;
}

/** Spreads dials over time. */
export class Dialler {
  readonly #random: () => number;
  readonly #attempts = new Map<string, Attempt>();

  /** Takes numbers from 0 to 1 for the jitter. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The addresses to dial now, of those that are wanted. What is no longer wanted starts afresh when it is again. */
  due(targets: readonly Target[], now: number): string[] {
    const wanted = new Map(targets.map((target) => [target.address, target]));
    for (const address of this.#attempts.keys()) if (!wanted.has(address)) this.#attempts.delete(address);
    const due: string[] = [];
    for (const { address, courtesy } of wanted.values()) {
      let attempt = this.#attempts.get(address);
      if (attempt === undefined) {
        attempt = { nextAt: now + (courtesy ? COURTESY_MS : 0), pauseMs: MIN_REDIAL_MS };
        this.#attempts.set(address, attempt);
      }
      if (now < attempt.nextAt) continue;
      // Half of the pause and a random part of the rest: members that lost each other at once do not dial in step.
      attempt.nextAt = now + attempt.pauseMs * (0.5 + this.#random() / 2);
      attempt.pauseMs = Math.min(2 * attempt.pauseMs, MAX_REDIAL_MS);
      due.push(address);
    }
    return due;
  }

  /** Leaves an address alone for a while that turned out to be our own. */
  isSelf(address: string, now: number) {
    this.#attempts.set(address, { nextAt: now + SELF_REDIAL_MS, pauseMs: SELF_REDIAL_MS });
  }
}
