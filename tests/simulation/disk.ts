/**
 * The storage of simulated machines: what is on it is there after a crash, and what was being written may be.
 *
 * @module
 */

import type { Effect, Entry, RingEvent, SavedState } from "../../ring/protocol/effects.ts";
import type { Random } from "../support/random.ts";
import type { Agenda } from "./agenda.ts";
import type { DurabilityWatch } from "./durability_watch.ts";
import type { Process } from "./process.ts";
import { Violation } from "./violation.ts";

/** What is wrong with a push, in more words than a frame has room for. */
const LONG_DETAIL = "\u0000".repeat(50_000);

/** After how long a process saves again what it could not, in milliseconds. */
const SAVE_AGAIN_MS = 1_000;

/** How far back what was written can be lost, in milliseconds. */
const JOURNAL_MS = 5_000;

/** How long it takes to check a push, in milliseconds. */
const CHECKING_MS = 0.2;

/** A disk, which outlives the processes that write to it. */
export class Disk {
  /** What is durable of each cluster. */
  readonly entries = new Map<string, Entry>();
  /** What is durable of the ring's state. */
  saved: SavedState | undefined;
  /** What the wall clock said when it was last in use. */
  usedAtMs = 0;
  /** Whether nothing can be written. */
  isFull = false;
  /** How long a write takes at most, in milliseconds. */
  slownessMs = 20;

  // What was written lately, and what was there before.
  #written: { readonly at: number; readonly id: string; readonly before?: Entry }[] = [];

  /** Writes an entry in place of what its cluster has. */
  put(entry: Entry, now: number) {
    this.#written = this.#written.filter(({ at }) => now - at < JOURNAL_MS);
    this.#written.push({ at: now, id: entry.id, before: this.entries.get(entry.id) });
    this.entries.set(entry.id, entry);
  }

  /** Loses what was written from a time on. */
  loseSince(time: number) {
    for (const { at, id, before } of this.#written.splice(0).reverse()) {
      if (at < time) continue;
      if (before === undefined) this.entries.delete(id);
      else this.entries.set(id, before);
    }
  }

  /** Deletes everything. */
  wipe() {
    this.entries.clear();
    this.#written = [];
    this.saved = undefined;
  }
}

/** Reads and writes disks for processes. */
export class Disks {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #durability: DurabilityWatch;
  readonly #handle: (process: Process, event: RingEvent) => void;
  // The latest state that each process wants to have saved, while it is being written.
  readonly #saves = new Map<Process, { readonly number: number; readonly state: SavedState }>();

  /** Hands answers to processes as events. */
  constructor({ agenda, random, durability, handle }: {
    agenda: Agenda;
    random: Random;
    durability: DurabilityWatch;
    handle: (process: Process, event: RingEvent) => void;
  }) {
    this.#agenda = agenda;
    this.#random = random;
    this.#durability = durability;
    this.#handle = handle;
  }

  /** Makes an entry durable. */
  commit(process: Process, { token, entry, fresh }: Extract<Effect, { do: "commit" }>) {
    const { node, committing } = process, { id } = entry;
    if (committing.has(id)) {
      throw new Violation("shell", `${process.name} commits two entries at the same time`, { cluster: id });
    }
    if (node.isWitness) throw new Violation("shell", `${process.name}, a witness, keeps a push`, { cluster: id });
    committing.add(id);
    const { isPoison } = this.#durability.pushOf(entry.bytes);
    if (fresh && !isPoison) {
      this.#agenda.after(CHECKING_MS, () => process.post(() => this.#handle(process, { type: "checked", token })));
    }
    this.#agenda.after(CHECKING_MS + this.#writingMs(process), () => {
      // What was under way when the process died may have come through, or not.
      if (process.state === "gone" && (node.process !== process || this.#random.chance(0.5))) return;
      const ok = !node.disk.isFull && !isPoison;
      if (ok) {
        this.#durability.commits(node, entry);
        node.disk.put(entry, this.#agenda.now);
      }
      const refused = isPoison ? { reason: "invalid", detail: LONG_DETAIL } : undefined;
      process.post(() => {
        committing.delete(id);
        this.#handle(process, { type: "committed", token, result: ok ? { ok } : { ok, refused } as { ok: false } });
      });
    });
  }

  /** Reads what is held of a cluster. */
  load(process: Process, { token, id }: Extract<Effect, { do: "load" }>) {
    this.#agenda.after(this.#writingMs(process) / 2, () => {
      const entry = process.node.disk.entries.get(id);
      process.post(() => this.#handle(process, { type: "loaded", token, entry }));
    });
  }

  /** Saves the state of the ring; of several that wait, only the latest. */
  save(process: Process, { number, state }: Extract<Effect, { do: "save" }>) {
    const isSaving = this.#saves.has(process);
    this.#saves.set(process, { number, state });
    if (!isSaving) this.#saveLater(process, this.#writingMs(process));
  }

  /** Whether something is still to be saved. */
  isSaving(process: Process): boolean {
    return this.#saves.has(process);
  }

  /** A process has ended: what it has not saved by now is lost. */
  forget(process: Process) {
    this.#saves.delete(process);
  }

  #saveLater(process: Process, afterMs: number) {
    const save = this.#saves.get(process);
    this.#agenda.after(afterMs, () => {
      const latest = this.#saves.get(process);
      if (save === undefined || latest === undefined) return;
      const { disk } = process.node;
      if (disk.isFull) return this.#saveLater(process, SAVE_AGAIN_MS);
      disk.saved = save.state;
      if (latest === save) this.#saves.delete(process);
      else this.#saveLater(process, this.#writingMs(process));
      process.post(() => this.#handle(process, { type: "saved", number: save.number }));
    });
  }

  #writingMs({ node: { disk: { slownessMs } } }: Process): number {
    return 0.5 + slownessMs * this.#random.unit() ** 2;
  }
}
