/**
 * A queue between what happens and a test that waits for it.
 *
 * @module
 */

/** Values in the order they were put; taking waits for the next one. */
export class Mailbox<T> {
  readonly #values: T[] = [];
  readonly #takers: ((value: T) => void)[] = [];

  /** Adds a value. */
  put(value: T): void {
    const taker = this.#takers.shift();
    if (taker) taker(value);
    else this.#values.push(value);
  }

  /** The next value, waiting for it if need be. */
  take(): Promise<T> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift() as T);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** How many values wait to be taken. */
  get size(): number {
    return this.#values.length;
  }
}
