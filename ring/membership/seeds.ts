/**
 * What has come of the addresses that a member was given to begin with. One that stays out of reach is told, and again each
 * minute: a member that reaches none of them would otherwise wait, or be alone, without a word. Servers that are started together
 * find each other within moments, of which nobody need hear.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { Refusal } from "../protocol/mesh.ts";
import type { RingContext } from "./ring_context.ts";

/** How often the log has a line of a seed that is out of reach, in milliseconds. */
export const SEED_TOLD_MS = 60_000;

/** For how long a seed may be out of reach before the log has a line of it, in milliseconds. */
export const SEED_PATIENCE_MS = 5_000;

/** How it stands with seeds: linked, not tried yet, nobody there, somebody there who is no member of ours or refuses us. */
export const SEED_STATES = ["linked", "untried", "unreachable", "refused"] as const;

/** One of {@linkcode SEED_STATES}. */
export type SeedState = typeof SEED_STATES[number];

/** How it stands with one seed. */
export interface SeedStatus {
  /** Where it is dialled. */
  readonly address: string;
  /** How it stands. */
  readonly state: SeedState;
  /** What came of the last dial, if no link did. */
  readonly why?: string;
}

interface Failure {
  readonly state: "unreachable" | "refused";
  readonly why: string;
  readonly at: number;
  readonly since: number;
  readonly toldAt?: number;
}

/** What {@linkcode Seeds} work with, besides the ring's context. */
export interface SeedsOptions {
  /** The addresses. */
  readonly addresses: readonly string[];
  /** Whether the member behind an address is linked. */
  readonly isLinked: (address: string) => boolean;
}

/** Follows the seeds. */
export class Seeds {
  readonly #context: RingContext;
  readonly #options: SeedsOptions;
  readonly #own = new Set<string>();
  readonly #failures = new Map<string, Failure>();

  /** Starts with nothing tried. */
  constructor(context: RingContext, options: SeedsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Those that are not known to be our own address. */
  get others(): string[] {
    const own = this.#context.self().address;
    return this.#options.addresses.filter((address) => address !== own && !this.#own.has(address));
  }

  /** How it stands with each of them. */
  get status(): SeedStatus[] {
    return this.others.map((address) => {
      if (this.#options.isLinked(address)) return { address, state: "linked" };
      const failure = this.#failures.get(address);
      if (failure === undefined) return { address, state: "untried" };
      return { address, state: failure.state, why: failure.why };
    });
  }

  /** Whether most of those that we were told of are linked, ourselves counted in. */
  get hasMajority(): boolean {
    const { others } = this;
    const present = others.filter(this.#options.isLinked).length + 1;
    return present * 2 > others.length + 1;
  }

  /** An address has turned out to be our own. */
  isOwn(address: string) {
    if (this.#options.addresses.includes(address)) this.#own.add(address);
    this.#failures.delete(address);
  }

  /** A dial of any address came to nothing. */
  failed(address: string, { code, message: why }: Refusal, now: number) {
    if (!this.others.includes(address)) return;
    const state = code === "unreachable" ? code : "refused";
    const before = this.#failures.get(address);
    const since = before?.since ?? now, told = before?.state === state ? before.toldAt : undefined;
    const isDue = told === undefined
      ? state === "refused" || now - since >= SEED_PATIENCE_MS
      : now - told >= SEED_TOLD_MS;
    this.#failures.set(address, { state, why, at: now, since, toldAt: isDue ? now : told });
    if (!isDue) return;
    const sentence = state === "unreachable"
      ? "Cannot reach an address of --join: start that server, or take the address off the list"
      : "Somebody answers at an address of --join, and is no member that this one can link with";
    this.#context.emit(note("warn", sentence, { address, why, forMs: Math.round(now - since) }));
  }

  /** Time has passed: a seed that is linked has not failed any more. */
  tick(now: number) {
    for (const [address, { since }] of this.#failures) {
      if (!this.#options.isLinked(address)) continue;
      this.#failures.delete(address);
      this.#context.emit(note("info", "Reached an address of --join", { address, afterMs: Math.round(now - since) }));
    }
  }
}
