/**
 * What is known of the labels of series that were read before: a source has the same series on page after page, and only
 * their values and times change.
 *
 * @module
 */

import type { Label } from "./metric_family.ts";

/** Makes each byte a character of its own, so that strings stand for bytes: those the engine itself compares. */
const bytewise = new TextDecoder("latin1");

/** Labels, and the bytes that stand for them. */
interface Remembered {
  readonly bytes: string;
  readonly labels: readonly Label[];
  /** The scrape that had them last. */
  turn: number;
  /** What stood behind them there. */
  next?: Remembered;
}

/**
 * Remembers the labels of the series of the last scrape by the bytes that stand for them. Whoever has the same labels again gets
 * the same array.
 */
export class LabelMemory {
  readonly #known = new Map<string, Remembered>();
  #turn = 0;
  #page: Uint8Array = new Uint8Array();
  #text = "";
  #last: Remembered | undefined;

  /** Starts on another scrape: what the last one did not have is forgotten. */
  turn(): void {
    for (const [bytes, { turn }] of this.#known) if (turn < this.#turn) this.#known.delete(bytes);
    this.#turn++;
    if (this.#last !== undefined) this.#last.next = undefined;
    this.#last = undefined;
  }

  /** Goes on with another page of the scrape. */
  open(page: Uint8Array): void {
    this.#page = page;
    this.#text = bytewise.decode(page);
  }

  /** The labels that the bytes of the page from `start` to `end` stand for, as `read` reads them if they are new. */
  labels(start: number, end: number, read: () => readonly Label[]): readonly Label[] {
    const found = this.#find(start, end) ?? this.#remember(start, end, read());
    found.turn = this.#turn;
    if (this.#last !== undefined) this.#last.next = found;
    this.#last = found;
    return found.labels;
  }

  #find(start: number, end: number): Remembered | undefined {
    // Series mostly come in the order in which they came before.
    const next = this.#last?.next;
    if (next?.bytes.length === end - start && this.#text.startsWith(next.bytes, start)) return next;
    return this.#known.get(this.#text.slice(start, end));
  }

  #remember(start: number, end: number, labels: readonly Label[]): Remembered {
    // Read by itself: a part of the text would hold on to all of it.
    const bytes = bytewise.decode(this.#page.subarray(start, end));
    const remembered = { bytes, labels, turn: this.#turn };
    this.#known.set(bytes, remembered);
    return remembered;
  }
}

/** What labels are in protobuf, by the array that they are in. */
export type EncodedLabels = WeakMap<readonly Label[], Uint8Array>;
