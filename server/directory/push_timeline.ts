/**
 * The last pushes of every source, accepted and refused: 8 bytes each, in one block of memory for all sources.
 *
 * @module
 */

/** A push on the timeline of its source. */
export interface TimelinePush {
  /** When it came, in milliseconds since the epoch, exact to a second. */
  readonly atMs: number;
  /** Bytes of its body; 0 if it was refused. */
  readonly bytes: number;
}

/** How many pushes of a source are remembered. */
export const TIMELINE_PUSHES = 24;

const PUSH_WORDS = 2;
const SOURCE_WORDS = PUSH_WORDS * TIMELINE_PUSHES;

/** Timelines by slot, which is a number from 0 on that one source has. */
export class PushTimelines {
  #words = new Uint32Array(64 * SOURCE_WORDS);

  /** Adds a push behind those of a slot, and forgets the oldest of too many. */
  add(slot: number, { atMs, bytes }: TimelinePush): void {
    const start = slot * SOURCE_WORDS;
    if (start >= this.#words.length) this.#grow(start + SOURCE_WORDS);
    const words = this.#words;
    words.copyWithin(start + PUSH_WORDS, start, start + SOURCE_WORDS - PUSH_WORDS);
    words[start] = Math.floor(atMs / 1_000);
    words[start + 1] = bytes;
  }

  /** The pushes of a slot, oldest first. */
  of(slot: number): TimelinePush[] {
    const pushes: TimelinePush[] = [];
    const start = slot * SOURCE_WORDS;
    for (let at = start + SOURCE_WORDS - PUSH_WORDS; at >= start; at -= PUSH_WORDS) {
      if (this.#words[at] > 0) pushes.push({ atMs: 1_000 * this.#words[at], bytes: this.#words[at + 1] });
    }
    return pushes;
  }

  /** Forgets the pushes of a slot. */
  clear(slot: number): void {
    this.#words.fill(0, slot * SOURCE_WORDS, (slot + 1) * SOURCE_WORDS);
  }

  #grow(least: number): void {
    const grown = new Uint32Array(Math.max(least, 2 * this.#words.length));
    grown.set(this.#words);
    this.#words = grown;
  }
}
