/**
 * Tells of what happens again and again in one line a minute, and of the first time at once.
 *
 * @module
 */

import type { Logger } from "./log.ts";

/** How long what happens again is only counted, in milliseconds. */
const REPEAT_MS = 60_000;

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
