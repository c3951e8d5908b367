/**
 * What happened last in a simulated world, kept as references and made readable only when somebody asks.
 *
 * @module
 */

/** One thing that happened. */
export interface TraceRecord {
  /** The world's time in milliseconds. */
  readonly at: number;
  /** Where. */
  readonly who: string;
  /** What, as a constant word. */
  readonly what: string;
  /** The event or the effect itself. */
  readonly detail: unknown;
}

/** A ring buffer of records. */
export class Trace {
  readonly #size: number;
  readonly #at: number[] = [];
  readonly #who: string[] = [];
  readonly #what: string[] = [];
  readonly #detail: unknown[] = [];
  #next = 0;

  /** Keeps the last records, so many of them. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Adds a record. */
  add(at: number, { who, what, detail }: Omit<TraceRecord, "at">) {
    const slot = this.#next++ % this.#size;
    this.#at[slot] = at;
    this.#who[slot] = who;
    this.#what[slot] = what;
    this.#detail[slot] = detail;
  }

  /** The records that are kept, oldest first. */
  records(): TraceRecord[] {
    const kept = Math.min(this.#next, this.#size);
    return Array.from({ length: kept }, (_, index) => {
      const slot = (this.#next - kept + index) % this.#size;
      return { at: this.#at[slot], who: this.#who[slot], what: this.#what[slot], detail: this.#detail[slot] };
    });
  }
}

/** A record as one line. */
export function formatRecord({ at, who, what, detail }: TraceRecord): string {
  const rest = detail === undefined ? "" : " " + JSON.stringify(detail, (_, value) => {
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    return value instanceof Map ? [...value] : value;
  });
  const line = `${(at / 1_000).toFixed(3).padStart(8)} ${who.padEnd(4)} ${what}${rest}`;
  return line.length > 400 ? `${line.slice(0, 400)}…` : line;
}
