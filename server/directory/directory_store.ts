/**
 * The directory on disk: in the store, beside the pushes, some sources together.
 *
 * What happens now and then is on disk within a minute; of the pushes that come as always, which the store has itself, each tenth
 * minute.
 *
 * @module
 */

import type { PushStore } from "../store/push_store.ts";
import { MAX_META_BYTES, StoreUnavailableError } from "../store/push_store.ts";
import type { Directory, SourceRecord } from "./directory.ts";
import { readRecord, writeRecord } from "./source_record.ts";

/** How often what has changed is put on disk, in milliseconds. */
export const SAVE_INTERVAL_MS = 60_000;

/** At each such time, what has changed as always is put on disk too. */
const USUAL_EVERY = 10;

/** Keeps a directory on disk. Disposing of it saves all that has changed. */
export class DirectoryStore implements AsyncDisposable {
  readonly #directory: Directory;
  readonly #store: Pick<PushStore, "getMeta" | "setMeta">;
  #timer: ReturnType<typeof setInterval> | undefined;
  #saving: Promise<void> | undefined;
  #times = 0;

  private constructor(directory: Directory, store: Pick<PushStore, "getMeta" | "setMeta">) {
    this.#directory = directory;
    this.#store = store;
  }

  /**
   * Fills a directory with what is on disk, and keeps what happens to it from then on.
   *
   * @throws {StoreUnavailableError} if the store cannot be read.
   */
  static async open(directory: Directory, store: Pick<PushStore, "getMeta" | "setMeta">): Promise<DirectoryStore> {
    for (let shard = 0;; shard++) {
      const text = await store.getMeta(keyOf(shard));
      if (text === undefined) break;
      for (const record of recordsOf(text)) directory.take(record);
      // Sources may lie in other shards from now on.
      directory.putBack(shard);
    }
    return new DirectoryStore(directory, store);
  }

  /** Saves now and then, until it is disposed of. */
  start(): void {
    this.#timer ??= setInterval(
      () => void this.save({ withUsual: ++this.#times % USUAL_EVERY === 0 }),
      SAVE_INTERVAL_MS,
    );
  }

  /** Puts on disk what has changed. What the store does not take is tried again the next time. */
  save({ withUsual }: { readonly withUsual: boolean }): Promise<void> {
    this.#saving ??= this.#save(this.#directory.takeChanged({ withUsual })).finally(() => this.#saving = undefined);
    return this.#saving;
  }

  async #save(shards: readonly number[]): Promise<void> {
    for (const shard of shards) {
      try {
        await this.#store.setMeta(keyOf(shard), textOf(this.#directory.shard(shard)));
      } catch (error) {
        this.#directory.putBack(shard);
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
    }
  }

  /** Saves a last time. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
    await this.save({ withUsual: true });
  }
}

function keyOf(shard: number): string {
  return `sources ${shard}`;
}

/** What is on disk of a shard, within what the store takes: where names are at their longest, facts of little use are left out. */
function textOf(records: readonly SourceRecord[]): string {
  const text = JSON.stringify(records.map(writeRecord));
  if (text.length <= MAX_META_BYTES / 3 || encoder.encode(text).length <= MAX_META_BYTES) return text;
  return JSON.stringify(records.map(({ source: { refusal, ...facts } }) =>
    writeRecord({
      source: {
        ...facts,
        refusal: refusal && { ...refusal, why: "" },
        inName: undefined,
        sender: undefined,
        leftOut: {},
        writes: undefined,
      },
      pushes: [],
    })
  ));
}

const encoder = new TextEncoder();

function recordsOf(text: string): SourceRecord[] {
  try {
    const rows = JSON.parse(text);
    return Array.isArray(rows) ? rows.map(readRecord).filter((record) => record !== undefined) : [];
  } catch {
    return [];
  }
}
