/**
 * Refusals of ids that no push was ever accepted of, as anybody can make those up: the latest few.
 *
 * @module
 */

import type { Refusal } from "./source.ts";

/** A refused stranger. */
export interface Stranger extends Refusal {
  /** The id that it claimed. */
  readonly id: string;
  /** When, in milliseconds since the epoch. */
  readonly atMs: number;
  /** How many times in a row. */
  readonly times: number;
  /** When the first of those was, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** How many strangers are remembered. */
export const MAX_STRANGERS = 256;

/** The latest strangers, each once. */
export class Strangers {
  readonly #byId = new Map<string, Stranger>();

  /** The strangers, newest first. */
  get latest(): Stranger[] {
    return [...this.#byId.values()].reverse();
  }

  /** Notes one, and forgets the one that was not heard of for the longest. */
  note(id: string, refusal: Refusal, atMs: number): void {
    const { times = 0, sinceMs = atMs } = this.#byId.get(id) ?? {};
    this.#byId.delete(id);
    this.#byId.set(id, { ...refusal, id, atMs, times: times + 1, sinceMs });
    if (this.#byId.size > MAX_STRANGERS) this.#byId.delete(this.#byId.keys().next().value!);
  }

  /** One of them is no stranger any more, or is to be forgotten. */
  forget(id: string): void {
    this.#byId.delete(id);
  }
}
