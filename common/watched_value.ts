/**
 * Values that follow the files they are read from: a certificate with its key, a token, a list.
 *
 * ```
 *   files ─ text ─▸ parse ─▸ listeners ─▸ in force
 *       │             │          │
 *       └─────────────┴──────────┴─ a fault ─▸ told once; the last good value stays in force
 * ```
 *
 * @module
 */

import { messageOf } from "./explain.ts";
import type { WatchedFile } from "./watched_file.ts";

/** What a {@linkcode WatchedValue} is made of, and who hears of it. */
export interface WatchedValueOptions<T> {
  /** The files whose texts make the value. */
  readonly files: readonly Pick<WatchedFile, "text">[];
  /** Makes the value of the texts, in the order of the files; throws a sentence that says what is wrong and quotes no secret. */
  readonly parse: (...texts: string[]) => T | Promise<T>;
  /** Hears of each new value once it is in force. */
  readonly onTakenUp?: (value: T) => void;
  /** Hears why a change cannot be taken up: once, until another reason or a good value comes. */
  readonly onFault: (reason: string) => void;
  /**
   * How often the files are looked at, in milliseconds.
   *
   * @default {undefined} only when {@linkcode WatchedValue.check} is called
   */
  readonly intervalMs?: number;
  /**
   * Runs a task again and again until the returned function is called.
   *
   * @default a timer that does not keep the process alive
   */
  readonly every?: (task: () => void, intervalMs: number) => () => void;
}

/** A value that follows its files. Whatever is wrong with a change leaves the last good value in force. */
export class WatchedValue<T> implements Disposable {
  readonly #options: WatchedValueOptions<T>;
  readonly #listeners = new Set<(value: T) => void>();
  readonly #stop: () => void;
  #texts: readonly string[];
  #value: T;
  #fault: string | undefined;
  #checking: Promise<T> | undefined;

  private constructor(options: WatchedValueOptions<T>, { texts, value }: { texts: readonly string[]; value: T }) {
    const { intervalMs, every = daemon } = options;
    this.#options = options;
    this.#texts = texts;
    this.#value = value;
    this.#stop = intervalMs === undefined ? () => {} : every(() => void this.check(), intervalMs);
  }

  /** Reads the files for the first time; throws what reading or parsing them throws. */
  static async open<T>(options: WatchedValueOptions<T>): Promise<WatchedValue<T>> {
    const texts = await textsOf(options);
    return new WatchedValue(options, { texts, value: await options.parse(...texts) });
  }

  /** The value in force. */
  get current(): T {
    return this.#value;
  }

  /**
   * Calls `listener` with each new value before it comes into force, and returns what ends that. A listener that throws
   * keeps the value out, until the next look at the files.
   */
  onChange(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Looks at the files now, takes up what changed, and returns the value then in force. Never rejects. */
  check(): Promise<T> {
    // One look at a time, so that no change is taken up twice.
    this.#checking ??= this.#check().finally(() => this.#checking = undefined);
    return this.#checking;
  }

  /** Stops looking at the files by itself, and forgets the listeners. */
  [Symbol.dispose](): void {
    this.#stop();
    this.#listeners.clear();
  }

  async #check(): Promise<T> {
    const { parse, onTakenUp, onFault } = this.#options;
    try {
      const texts = await textsOf(this.#options);
      if (texts.some((text, i) => text !== this.#texts[i])) {
        const value = await parse(...texts);
        for (const listener of this.#listeners) listener(value);
        this.#texts = texts;
        this.#value = value;
        onTakenUp?.(value);
      }
      this.#fault = undefined;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#fault) onFault(reason);
      this.#fault = reason;
    }
    return this.#value;
  }
}

async function textsOf<T>({ files }: WatchedValueOptions<T>): Promise<string[]> {
  // One after the other, so that the first file at fault is the one that is named.
  const texts: string[] = [];
  for (const file of files) texts.push(await file.text());
  return texts;
}

function daemon(task: () => void, intervalMs: number): () => void {
  const timer = setInterval(task, intervalMs);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
