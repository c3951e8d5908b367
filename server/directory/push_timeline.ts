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
  /** Whether it stands for requests of remote write that came within some seconds. */
  readonly isWindow?: true;
}

/** How many pushes of a source are remembered. */
export const TIMELINE_PUSHES = 24;

/** Marks the bytes of a window. */
const WINDOW_BIT = 2 ** 31;

const PUSH_WORDS = 2;
const SOURCE_WORDS = PUSH_WORDS * TIMELINE_PUSHES;

/** How many timelines lie in one piece of memory: pieces are added one by one, and none is ever copied. */
const PIECE_SOURCES = 256;

/** Timelines by slot, which is a number from 0 on that one source has. */
export class PushTimelines {
  readonly #pieces: Uint32Array[] = [];

  /** Adds a push behind those of a slot, and forgets the oldest of too many. */
  add(slot: number, { atMs, bytes, isWindow }: TimelinePush): void {
    const piece = Math.floor(slot / PIECE_SOURCES);
    while (piece >= this.#pieces.length) this.#pieces.push(new Uint32Array(PIECE_SOURCES * SOURCE_WORDS));
    const words = this.#of(slot);
    words.copyWithin(PUSH_WORDS, 0);
    words[0] = Math.floor(atMs / 1_000);
    words[1] = wordOf(bytes, isWindow);
  }

  /** Adds a window, or says how many bytes it has come to if it is there. */
  gather(slot: number, { atMs, bytes }: TimelinePush): void {
    const words = this.#of(slot), seconds = Math.floor(atMs / 1_000);
    for (let at = 0; at < words.length && words[at] >= seconds; at += PUSH_WORDS) {
      const isRefused = words[at + 1] === WINDOW_BIT;
      if (words[at] !== seconds || words[at + 1] < WINDOW_BIT || isRefused !== (bytes === 0)) continue;
      words[at + 1] = wordOf(bytes, true);
      return;
    }
    this.add(slot, { atMs, bytes, isWindow: true });
  }

  /** The pushes of a slot, oldest first. */
  of(slot: number): TimelinePush[] {
    const words = this.#of(slot);
    const pushes: TimelinePush[] = [];
    for (let at = words.length - PUSH_WORDS; at >= 0; at -= PUSH_WORDS) {
      if (words[at] === 0) continue;
      const word = words[at + 1], isWindow = word >= WINDOW_BIT;
      pushes.push({
        atMs: 1_000 * words[at],
        bytes: isWindow ? word - WINDOW_BIT : word,
        ...isWindow && { isWindow },
      });
    }
    return pushes;
  }

  /** Forgets the pushes of a slot. */
  clear(slot: number): void {
    this.#of(slot).fill(0);
  }

  /** The newest first; empty where nothing was ever added to the slot or its neighbours. */
  #of(slot: number): Uint32Array {
    const start = (slot % PIECE_SOURCES) * SOURCE_WORDS;
    return this.#pieces[Math.floor(slot / PIECE_SOURCES)]?.subarray(start, start + SOURCE_WORDS) ?? new Uint32Array();
  }
}

function wordOf(bytes: number, isWindow = false): number {
  return Math.min(bytes, WINDOW_BIT - 1) + (isWindow ? WINDOW_BIT : 0);
}
