/**
 * What is ready to be shown of the clusters that a member owns: as they were committed, or read back from the store once the ring asks
 * for them, or is about to. Only as much is read back as there is memory for.
 *
 * @module
 */

import { explain } from "../../common/explain.ts";
import { RepeatLog } from "../../common/repeat_log.ts";
import type { Logger } from "../../common/log.ts";
import { plainFields } from "../../common/plain_text.ts";
import { compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import type { ClusterEntry, ExpositionIndex } from "../exposition/exposition_index.ts";
import type { MemoryGuard } from "../limits/memory_guard.ts";
import type { PushCommitter } from "../pushes/push_committer.ts";
import { toMember } from "../pushes/refusal.ts";
import type { PushStore } from "../store/push_store.ts";

/** What {@linkcode ReadyEntries} work with. */
export interface ReadyEntriesOptions {
  /** Where they are read back from. */
  readonly store: Pick<PushStore, "get">;
  /** Makes entries of what is read back. */
  readonly committer: Pick<PushCommitter, "prepare">;
  /** Where they are shown. */
  readonly index: ExpositionIndex;
  /** What there is memory for. @default everything */
  readonly memory?: Pick<MemoryGuard, "state">;
  /** Told of what cannot be shown. */
  readonly log: Logger;
}

/** How many clusters are read back at a time, when a member inherits many. */
const READERS = 4;

/** After how long a cluster that could not be read back is tried again, in milliseconds. */
const READ_AGAIN_MS = 1_000;

/** How often the log has a line while there is no memory for what should be shown, in milliseconds. */
const NO_ROOM_TOLD_MS = 60_000;

const ROOM = { state: "room" } as const;

/**
 * Holds entries ready. The ring orders pushes by their versions: one that was rendered before another may be the newer one, as when an
 * older one is read back while the newer is being stored. Disposing of it ends the reading back.
 */
export class ReadyEntries implements Disposable {
  readonly #options: ReadyEntriesOptions;
  /**
   * What is prepared to be shown, by cluster id, from its commit to the word of the ring: of clusters that the member owns, and of those
   * to which it merged a request of remote write in the place of their owner.
   */
  readonly #prepared = new Map<
    string,
    { readonly version: PushVersion; readonly entry: ClusterEntry; readonly at: number }
  >();
  /** What shall be shown and must be read back first, by cluster id. */
  readonly #wanted = new Map<string, PushVersion>();
  /** Those of them that nobody reads yet. */
  readonly #unread = new Set<string>();
  /** What may have to be shown soon, by cluster id: read after all that is to be shown now. */
  readonly #ahead = new Map<string, PushVersion>();
  /** What of that is being read, and what is prepared. */
  readonly #readingAhead = new Set<string>();
  readonly #preparedAhead = new Set<string>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** A store that cannot be read has thousands of clusters tried again each second. */
  readonly #unreadable: RepeatLog;
  #toldOfNoRoomAt = -Infinity;
  #waitsForRoom = false;
  #readers = 0;

  /** Starts with nothing ready. */
  constructor(options: ReadyEntriesOptions) {
    this.#options = options;
    this.#unreadable = new RepeatLog(options.log, { level: "warn" });
  }

  /** Whether there is memory to hold ready what a cluster shows; in place of what is shown of it there is for longer. */
  hasRoomFor(id: string): boolean {
    const { memory: { state } = ROOM, index } = this.#options;
    return state === "room" || state === "short" && index.get(id) !== undefined;
  }

  /** Holds an entry ready until the ring has that version shown, in place of whatever was ready of its cluster. */
  add({ version, entry }: { version: PushVersion; entry: ClusterEntry }): void {
    this.#ahead.delete(entry.id);
    this.#discard(entry.id);
    this.#prepared.set(entry.id, { version, entry, at: performance.now() });
  }

  /** Whether an entry is shown, or ready to be: the buffer of any other one may be used for something else. */
  isAtHand(id: string, entry: ClusterEntry): boolean {
    return this.#prepared.get(id)?.entry === entry || this.#options.index.get(id) === entry;
  }

  /** Reads back what may have to be shown soon, while there is room for more than is shown. */
  readAhead(id: string, version: PushVersion): void {
    const prepared = this.#prepared.get(id);
    if (prepared !== undefined && compareVersions(prepared.version, version) === 0) return;
    this.#ahead.set(id, version);
    if (this.#readers < READERS) void this.#readAll();
  }

  /** Gives up what was read back ahead and is not shown. */
  release(): void {
    this.#ahead.clear();
    for (const id of this.#preparedAhead) this.#discard(id);
    this.#preparedAhead.clear();
  }

  /** Shows what is prepared, or reads it back first. */
  show(id: string, version: PushVersion): void {
    const prepared = this.#prepared.get(id);
    this.#ahead.delete(id);
    if (prepared !== undefined && compareVersions(prepared.version, version) === 0) {
      this.#prepared.delete(id);
      this.#preparedAhead.delete(id);
      this.#wanted.delete(id);
      return this.#options.index.replace(prepared.entry);
    }
    this.#wanted.set(id, version);
    // What is being read ahead is shown as soon as it is there.
    if (!this.#readingAhead.has(id)) this.#read(id);
  }

  /** Nothing of a cluster is to be shown any more. */
  hide(id: string): void {
    this.#wanted.delete(id);
    this.#options.index.hide(id);
  }

  /** Drops what was made ready before the time given and never shown, by the clock of `performance.now()`. */
  expire(before: number): void {
    this.#unreadable.flush();
    for (const [id, { at }] of this.#prepared) if (at < before) this.#discard(id);
  }

  /** Reads nothing back any more. */
  [Symbol.dispose](): void {
    this.#wanted.clear();
    this.#unread.clear();
    this.#ahead.clear();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #discard(id: string): void {
    const prepared = this.#prepared.get(id);
    if (prepared === undefined) return;
    this.#prepared.delete(id);
    this.#preparedAhead.delete(id);
    this.#options.index.discard(prepared.entry);
  }

  #read(id: string): void {
    this.#unread.add(id);
    if (this.#readers < READERS) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    this.#readers++;
    for (const id of this.#unread) {
      if (!this.hasRoomFor(id)) {
        this.#readWhenThereIsRoom();
        break;
      }
      this.#unread.delete(id);
      await this.#readOne(id);
    }
    for (const [id, version] of this.#ahead) {
      if (this.#unread.size > 0 || !this.hasRoomFor(id)) break;
      this.#ahead.delete(id);
      await this.#readOneAhead(id, version);
    }
    this.#readers--;
    if (this.#unread.size > 0 && !this.#waitsForRoom && this.#readers < READERS) void this.#readAll();
  }

  /** Reads a cluster back and shows it, unless the ring has had it hidden meanwhile, or another version shown. */
  async #readOne(id: string): Promise<void> {
    const version = this.#wanted.get(id);
    if (version === undefined) return;
    const isWanted = () => this.#wanted.get(id) === version;
    const { store, committer, index } = this.#options;
    try {
      const push = await store.get(id);
      // Where the store has a newer one, the ring is about to ask for that.
      if (push?.version !== undefined && compareVersions(push.version, version) === 0) {
        const entry = await committer.prepare(push);
        if (isWanted()) this.#options.index.replace(entry);
        else index.discard(entry);
      }
      if (isWanted()) this.#wanted.delete(id);
    } catch (error) {
      const isRefused = toMember(error) !== undefined;
      const sentence = isRefused
        ? "Left out a stored push, which today's rules refuse"
        : "Cannot read a stored push back, and tries again";
      this.#unreadable.add(sentence, sentence, plainFields({ cluster: id, error: explain(error) }));
      if (isRefused && isWanted()) this.#wanted.delete(id);
      if (isWanted()) this.#readLater(id);
    }
  }

  /** Reads a cluster back that is to be shown soon; if it is by then, at once. What fails is read again once it is to be shown. */
  async #readOneAhead(id: string, version: PushVersion): Promise<void> {
    const { store, committer, index } = this.#options;
    const isSame = (other: PushVersion | undefined) => other !== undefined && compareVersions(other, version) === 0;
    this.#readingAhead.add(id);
    this.#preparedAhead.add(id);
    try {
      const push = await store.get(id);
      const entry = push !== undefined && isSame(push.version) ? await committer.prepare(push) : undefined;
      this.#readingAhead.delete(id);
      if (entry === undefined) this.#preparedAhead.delete(id);
      else if (isSame(this.#wanted.get(id))) {
        this.#wanted.delete(id);
        this.#options.index.replace(entry);
      } else if (this.#preparedAhead.has(id) && !this.#prepared.has(id)) {
        this.#prepared.set(id, { version, entry, at: performance.now() });
      } else index.discard(entry);
    } catch {
      this.#readingAhead.delete(id);
      this.#preparedAhead.delete(id);
    }
    if (this.#wanted.has(id)) this.#read(id);
  }

  #readLater(id: string): void {
    this.#later(() => this.#read(id));
  }

  /** What is wanted stays so: it is shown as soon as there is memory, unless its owner is another by then. */
  #readWhenThereIsRoom(): void {
    if (this.#waitsForRoom) return;
    this.#waitsForRoom = true;
    const now = performance.now();
    if (now - this.#toldOfNoRoomAt >= NO_ROOM_TOLD_MS) {
      this.#toldOfNoRoomAt = now;
      this.#options.log.error(
        "Does not show all clusters that it owns, as memory is short: give it more, raise --limit-memory, or add a server",
        { left: this.#unread.size },
      );
    }
    this.#later(() => {
      this.#waitsForRoom = false;
      if (this.#unread.size > 0 && this.#readers < READERS) void this.#readAll();
    });
  }

  #later(then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, READ_AGAIN_MS);
    this.#timers.add(timer);
  }
}
