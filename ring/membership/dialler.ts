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

/**
 * How long an address is left alone that led to ourselves, or to a member which calls itself by another one, in milliseconds. It
 * may stand for several members, of which some are in a ring that we have not heard of.
 */
export const SHARED_REDIAL_MS = 60_000;

/** An address that we want a link with. */
export interface Target {
  /** The address. */
  readonly address: string;
  /** Whether the other side dials too, and first. */
  readonly courtesy: boolean;
  /** Whether it led to a member that is linked, and may lead to others. */
  readonly shared?: boolean;
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
    for (const { address, courtesy, shared } of wanted.values()) {
      let attempt = this.#attempts.get(address);
      if (attempt === undefined) {
        attempt = { nextAt: now + (courtesy ? COURTESY_MS : 0), pauseMs: MIN_REDIAL_MS };
        this.#attempts.set(address, attempt);
      }
      if (now < attempt.nextAt) continue;
      // Half of the pause and a random part of the rest: members that lost each other at once do not dial in step.
      const pauseMs = shared ? SHARED_REDIAL_MS : attempt.pauseMs;
      attempt.nextAt = now + pauseMs * (0.5 + this.#random() / 2);
      attempt.pauseMs = Math.min(2 * attempt.pauseMs, MAX_REDIAL_MS);
      due.push(address);
    }
    return due;
  }

  /** Dials an address at a certain time, at the latest. */
  redial(address: string, at: number) {
    const attempt = this.#attempts.get(address);
    this.#attempts.set(address, { nextAt: at, pauseMs: attempt?.pauseMs ?? MIN_REDIAL_MS });
  }

  /** Dials everything afresh: pauses that went by while nobody could answer tell nothing. */
  restart() {
    this.#attempts.clear();
  }

  /** Leaves an address alone for a while that turned out to be our own. */
  isSelf(address: string, now: number) {
    this.#attempts.set(address, { nextAt: now + SHARED_REDIAL_MS, pauseMs: SHARED_REDIAL_MS });
  }
}
