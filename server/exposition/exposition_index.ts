/**
 * The exposition index: what every cluster shows, as the lines that `/federate` writes, in memory.
 *
 * A cluster is one buffer of text and runs, taken over from the ingested push as it is. Nothing is parsed again to be
 * shown: a page is made of slices of these buffers. A buffer whose cluster has a newer one serves the next push.
 *
 * @module
 */

import { BufferPool } from "./buffer_pool.ts";
import type { RenderedPush } from "../ingest/renderer.ts";
import { type Block, SAMPLE_NUMBERS } from "../../common/ingest/ingested_push.ts";

/** What one cluster shows; immutable until the index takes its buffer back, which it never does while somebody reads. */
export interface ClusterEntry {
  /** The cluster id. */
  readonly id: string;
  /** Orders the pushes of one cluster: the higher stands. */
  readonly sequence: number;
  /** When its push came, in milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** Lines, block after block. */
  readonly text: Uint8Array;
  /** Pairs `[milliseconds after baseMs, end in the text]`, ascending within a block. */
  readonly runs: Uint32Array;
  /** Samples as numbers, of a push that was rendered to be sent on. */
  readonly samples: Uint32Array;
  /** Native histograms, each a field `metric` of `MetricFamily`. */
  readonly natives: Uint8Array;
  /** What the runs count from, in milliseconds since the epoch. */
  readonly baseMs: number;
  /** Its families. */
  readonly blocks: readonly Block[];
  /** The time of its newest sample. */
  readonly newestMs: number;
  /** How many lines it has. */
  readonly series: number;
  /** The memory that it takes, in bytes. */
  readonly bytes: number;
}

/** What an entry takes beside its text and runs: objects, its place in the map, the buffer's own head (measured: 1,180). */
const ENTRY_BYTES = 1_200;
/** What the head of its samples takes, if there are any. */
const SAMPLES_BYTES = 150;
const NO_SAMPLES = new Uint32Array(0);
/** What a block takes beside its lines and the letters of its name (measured: 158). */
const BLOCK_BYTES = 165;
/** What the place of a native histogram takes beside its bytes. */
const NATIVE_BYTES = 50;

/** What is to be merged into an entry before somebody reads it. */
export interface Waiting {
  /** The memory that it takes, in bytes. */
  readonly bytes: number;
  /** Merges it, and shows what comes of that. */
  readonly settle: () => void;
}

/** A look at all that is shown at one moment. */
export interface Reading extends Disposable {
  /** What each cluster shows. */
  readonly entries: readonly ClusterEntry[];
}

/** Hears what becomes of clusters, before their buffers are put to use again. */
export interface IndexListener {
  /** A cluster shows an entry, in place of another one if it showed something, perhaps as one that was {@linkcode IndexListener.postponed}. */
  shown(
    entry: ClusterEntry,
    options: { readonly before: ClusterEntry | undefined; readonly wasPostponed: boolean },
  ): void;
  /** A cluster is to show something else as soon as somebody reads it. */
  postponed(id: string): void;
  /** A cluster shows nothing more; `isExpired` if that is as its time has passed, by a clock that only goes forward. */
  hidden(entry: ClusterEntry, options: { readonly isExpired: boolean }): void;
}

/** Everything that is shown, by cluster id. */
export class ExpositionIndex {
  readonly #entries = new Map<string, ClusterEntry>();
  readonly #ttlMs: number;
  /** When the last sample of an entry has passed its time. */
  readonly #endsAt = new WeakMap<ClusterEntry, number>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #buffers = new BufferPool();
  #listener: IndexListener | undefined;
  #readers = 0;
  #families = 0;
  #series = 0;
  #bytes = 0;

  /** Samples older than `ttlMs` are not shown. */
  constructor({ ttlMs }: { ttlMs: number }) {
    this.#ttlMs = ttlMs;
  }

  /** Tells `listener` of all that is shown and hidden from now on. */
  tell(listener: IndexListener): void {
    this.#listener = listener;
  }

  /** How many clusters are held. */
  get clusters(): number {
    return this.#entries.size;
  }

  /** How many families they have, counted by cluster. */
  get families(): number {
    return this.#families;
  }

  /** How many series they have. */
  get series(): number {
    return this.#series;
  }

  /** The memory that they take, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Clusters whose entries something is to be merged into. */
  get waiting(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** All entries, up to date. They stay as they are until the reading is disposed of. */
  read(): Reading {
    for (const { settle } of [...this.#waiting.values()]) settle();
    const held = this.hold();
    return { entries: [...this.#entries.values()], [Symbol.dispose]: () => held[Symbol.dispose]() };
  }

  /** Leaves all entries that there are, and will be, as they are until it is disposed of. */
  hold(): Disposable {
    this.#readers++;
    let reading = true;
    return {
      [Symbol.dispose]: () => {
        if (reading) this.#readers--;
        reading = false;
      },
    };
  }

  /** What a cluster shows, less what waits to be merged into it. */
  get(id: string): ClusterEntry | undefined {
    return this.#entries.get(id);
  }

  /** What a cluster shows, up to date. */
  current(id: string): ClusterEntry | undefined {
    this.#waiting.get(id)?.settle();
    return this.#entries.get(id);
  }

  /** Has something merged into an entry before somebody reads it, in place of what was to be. */
  postpone(id: string, waiting: Waiting): void {
    this.#settled(id);
    this.#waiting.set(id, waiting);
    this.#bytes += waiting.bytes;
    this.#listener?.postponed(id);
  }

  /** An idle buffer of the size that the cluster's push had, for its next one. */
  spareFor(id: string): ArrayBuffer | undefined {
    const entry = this.#entries.get(id);
    return entry && this.#buffers.take(entry.text.buffer.byteLength);
  }

  /** An idle buffer of so many bytes. */
  spare(bytes: number): ArrayBuffer | undefined {
    return this.#buffers.take(bytes);
  }

  /** Takes back the buffer of an entry that was made and never shown. */
  discard(entry: ClusterEntry) {
    this.#buffers.give(entry.text.buffer as ArrayBuffer);
  }

  /**
   * Shows an entry in place of what its cluster showed before, unless that is of a later push. Nothing waits to be merged into it.
   */
  show(entry: ClusterEntry) {
    const before = this.#entries.get(entry.id);
    if (before === undefined || before.sequence <= entry.sequence) this.replace(entry);
    else this.#settled(entry.id);
  }

  /** Shows an entry in place of whatever its cluster showed before. */
  replace(entry: ClusterEntry) {
    const wasPostponed = this.#waiting.has(entry.id);
    this.#settled(entry.id);
    const before = this.#entries.get(entry.id);
    this.#listener?.shown(entry, { before, wasPostponed });
    if (before !== undefined) this.#remove(before);
    this.#entries.set(entry.id, entry);
    this.#count(entry, 1);
  }

  /** Shows nothing more of a cluster. Returns whether it showed something. */
  hide(id: string): boolean {
    return this.#hide(id, { isExpired: false });
  }

  /**
   * Lets go of clusters whose every sample has passed its time, and returns their ids. How long an entry has is settled when it is
   * first met here, and measured by `now`, a clock that only goes forward: a wall clock that is set back gives it no more.
   */
  expire({ now, wallMs }: { readonly now: number; readonly wallMs: number }): string[] {
    const gone: string[] = [];
    for (const entry of this.#entries.values()) {
      if (this.#waiting.has(entry.id)) continue;
      let endsAt = this.#endsAt.get(entry);
      if (endsAt === undefined) {
        // It cannot have come after now, whatever the wall clock says.
        endsAt = now + this.#ttlMs + entry.newestMs - Math.max(wallMs, entry.receivedAtMs);
        this.#endsAt.set(entry, endsAt);
      }
      if (now > endsAt) gone.push(entry.id);
    }
    for (const id of gone) this.#hide(id, { isExpired: true });
    return gone;
  }

  /** Where the fresh lines of a block start: its samples ascend in time, so the stale ones come first. */
  freshStart(entry: ClusterEntry, { block, nowMs }: { block: Block; nowMs: number }): number {
    const { runs } = entry;
    const oldest = nowMs - this.#ttlMs - entry.baseMs;
    if (runs[2 * block.firstRun] >= oldest) return block.start;
    let low = block.firstRun + 1, high = block.endRun;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (runs[2 * middle] < oldest) low = middle + 1;
      else high = middle;
    }
    return runs[2 * low - 1];
  }

  #hide(id: string, options: { readonly isExpired: boolean }): boolean {
    this.#settled(id);
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#listener?.hidden(entry, options);
    this.#remove(entry);
    return this.#entries.delete(id);
  }

  /** Nothing waits any more to be merged into an entry. */
  #settled(id: string) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#bytes -= waiting.bytes;
    this.#waiting.delete(id);
  }

  #remove(entry: ClusterEntry) {
    this.#count(entry, -1);
    // While somebody reads, the buffer is left to the garbage collector.
    if (this.#readers === 0) this.#buffers.give(entry.text.buffer as ArrayBuffer);
  }

  #count(entry: ClusterEntry, sign: 1 | -1) {
    this.#families += sign * entry.blocks.length;
    this.#series += sign * entry.series;
    this.#bytes += sign * entry.bytes;
  }
}

/** What an entry is made of. */
export type EntryContent = Pick<
  RenderedPush,
  "buffer" | "textBytes" | "runCount" | "sampleCount" | "nativeBytes" | "blocks" | "baseMs" | "series"
>;

/** What a push became, as an entry; nothing is shown yet. The buffer is the entry's from then on. */
export function toEntry(
  rendered: EntryContent,
  { id, sequence, receivedAtMs }: { id: string; sequence: number; receivedAtMs: number },
): ClusterEntry {
  const { buffer, textBytes, runCount, sampleCount, nativeBytes, blocks, baseMs, series } = rendered;
  const text = new Uint8Array(buffer, 0, textBytes);
  const runs = new Uint32Array(buffer, textBytes + 3 & ~3, 2 * runCount);
  const samplesAt = runs.byteOffset + runs.byteLength, nativesAt = samplesAt + 4 * SAMPLE_NUMBERS * sampleCount;
  const samples = sampleCount === 0 ? NO_SAMPLES : new Uint32Array(buffer, samplesAt, SAMPLE_NUMBERS * sampleCount);
  const natives = new Uint8Array(buffer, nativesAt, nativeBytes);
  let newest = -Infinity;
  let bytes = ENTRY_BYTES + (sampleCount > 0 ? SAMPLES_BYTES : 0) + buffer.byteLength;
  for (const { name, endRun, natives: { length } } of blocks) {
    newest = Math.max(newest, runs[2 * endRun - 2]);
    bytes += BLOCK_BYTES + name.length + NATIVE_BYTES * length;
  }
  return {
    id,
    sequence,
    receivedAtMs,
    text,
    runs,
    samples,
    natives,
    baseMs,
    blocks,
    newestMs: baseMs + newest,
    series,
    bytes,
  };
}
