/**
 * Many requests beside which good ones are measured.
 *
 * @module
 */

import { eventually } from "../../scripts/process/eventually.ts";

/** Requests that are sent again and again, by so many at a time, until this is disposed of. */
export class Attack<T> implements AsyncDisposable {
  readonly #workers: Promise<void[]>;
  #ends = false;
  /** What came of them so far. */
  readonly answers: T[] = [];

  /** Begins. */
  constructor(workers: number, request: () => Promise<T>) {
    const work = async () => {
      while (!this.#ends) this.answers.push(await request());
    };
    this.#workers = Promise.all(Array.from({ length: workers }, work));
    // A failure is told when it ends.
    this.#workers.catch(() => {});
  }

  /** Waits for so many answers. */
  async reaches(count: number): Promise<void> {
    const isReached = () => Promise.resolve(this.answers.length >= count);
    await Promise.race([eventually(`${count} answers`, isReached, { timeoutMs: 60_000 }), this.#workers]);
  }

  /** Ends, once all that is under way is answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ends = true;
    await this.#workers;
  }
}

/** The time within which 99 of 100 have got their answer, in milliseconds. */
export function p99(answers: readonly { readonly ms: number }[]): number {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.ceil(0.99 * sorted.length) - 1];
}

/** How many got each status. */
export function tally(answers: readonly { readonly status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
