/**
 * What is known of the series of each cluster, so that its lines are not read again whenever it pushes: nearly always it has the series
 * that it had.
 *
 * @module
 */

import { type KnownSeries, NOTHING_KNOWN } from "../../common/remote_write/write_encoder.ts";

/** Known series by cluster id, up to a bound. What is there stays there: clusters push by turns, so that to make room would gain nothing. */
export class SeriesCache {
  readonly #known = new Map<string, KnownSeries>();
  readonly #mostBytes: () => number;
  #bytes = 0;

  /** Takes as much as is allowed when something is to be taken up, in bytes. */
  constructor(mostBytes: () => number) {
    this.#mostBytes = mostBytes;
  }

  /** The memory that it takes, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is known of a cluster. */
  get(id: string): KnownSeries {
    return this.#known.get(id) ?? NOTHING_KNOWN;
  }

  /** Takes up what is known of a cluster, in place of what was. */
  set(id: string, known: KnownSeries): void {
    if (this.#known.get(id) === known) return;
    this.delete(id);
    const { count, bytes: { length } } = known;
    if (count === 0 || this.#bytes + length > this.#mostBytes()) return;
    this.#known.set(id, known);
    this.#bytes += length;
  }

  /** Forgets a cluster. */
  delete(id: string): void {
    this.#bytes -= this.#known.get(id)?.bytes.length ?? 0;
    this.#known.delete(id);
  }
}
