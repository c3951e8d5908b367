/**
 * Keeps a log from being flooded: a bound on lines a second whoever writes them, and one line a minute for what happens again
 * and again.
 *
 * @module
 */

import type { Logger } from "./log.ts";

/** Lets so many lines a second through, and as many again at once after a quiet time. */
export class LineLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  #room: number;
  #since: number;
  #leftOut = 0;

  /** Lets `perSecond` lines a second through by a clock in milliseconds; 0 lets all through. */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#room = BURST_SECONDS * perSecond;
    this.#since = now();
  }

  /**
   * Whether a line may be written now, and how many could not be since the last that was: the next one says so.
   */
  take(): { readonly leftOut: number } | undefined {
    if (this.#perSecond === 0) return { leftOut: 0 };
    const now = this.#now();
    const most = BURST_SECONDS * this.#perSecond;
    this.#room = Math.min(most, this.#room + (now - this.#since) / 1_000 * this.#perSecond);
    this.#since = now;
    if (this.#room < 1) {
      this.#leftOut++;
      return undefined;
    }
    this.#room--;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return { leftOut };
  }
}

/** How many seconds' worth of lines may come at once. */
const BURST_SECONDS = 5;

/** How long what happens again is only counted, in milliseconds. */
export const REPEAT_MS = 60_000;

/** Things that are told apart at a time; of further ones only their number is told. */
const MAX_THINGS = 1_000;

/** What has happened of one thing since it was told. */
interface Thing {
  readonly sentence: string;
  fields: Record<string, unknown>;
  repeated: number;
}

/** Writes a line of each thing at once, and one a minute with how often it has happened again. */
export class RepeatLog {
  readonly #log: Logger;
  readonly #level: "info" | "warn" | "error";
  readonly #now: () => number;
  readonly #maxThings: number;
  readonly #things = new Map<string, Thing>();
  #since: number;
  #others = 0;

  /** Writes to `log` at a level, by a clock in milliseconds that nobody sets, and tells `maxThings` apart at a time. */
  constructor(
    log: Logger,
    { level, now = () => performance.now(), maxThings = MAX_THINGS }: {
      level: "info" | "warn" | "error";
      now?: () => number;
      maxThings?: number;
    },
  ) {
    this.#log = log;
    this.#level = level;
    this.#now = now;
    this.#maxThings = maxThings;
    this.#since = now();
  }

  /** Something has happened: `thing` tells it from other things, `fields` from other times. */
  add(thing: string, sentence: string, fields: Record<string, unknown>): void {
    this.flush();
    const known = this.#things.get(thing);
    if (known !== undefined) {
      known.repeated++;
      known.fields = fields;
    } else if (this.#things.size >= this.#maxThings) this.#others++;
    else {
      this.#things.set(thing, { sentence, fields, repeated: 0 });
      this.#log[this.#level](sentence, fields);
    }
  }

  /** Tells what has happened again, if a minute has passed since that was told last. To be called now and then. */
  flush(): void {
    const now = this.#now();
    if (now - this.#since < REPEAT_MS) return;
    this.#since = now;
    for (const { sentence, fields, repeated } of this.#things.values()) {
      if (repeated > 0) this.#log[this.#level](sentence, { ...fields, repeated });
    }
    if (this.#others > 0) this.#log[this.#level]("More has happened than the log tells", { lines: this.#others });
    this.#things.clear();
    this.#others = 0;
  }
}
