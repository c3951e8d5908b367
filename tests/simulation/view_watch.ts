/**
 * Watches that each epoch has one view: what consensus is for. Two members that were never more decide without each other, and so may
 * rings that began apart; then the ring has forked.
 *
 * @module
 */

import type { AgreedView } from "../../ring/protocol/agreed_view.ts";
import type { Process } from "./process.ts";
import { Violation } from "./violation.ts";

/** What the watch works with. */
export interface ViewWatchOptions {
  /** Whether rings may begin apart, as they have one address in common and no more. */
  readonly mayBeginApart: boolean;
  /** Called when an epoch has got a second view, and may have. */
  readonly onForked: () => void;
}

interface Decided {
  readonly text: string;
  readonly isStrict: boolean;
  readonly by: string;
}

/** Knows every view that some member took for decided. */
export class ViewWatch {
  readonly #options: ViewWatchOptions;
  readonly #decided = new Map<number, Decided[]>();
  readonly #known = new WeakMap<Process, AgreedView>();
  #hasForked = false;

  /** Starts with nothing decided. */
  constructor(options: ViewWatchOptions) {
    this.#options = options;
  }

  /** Most votes are lost with their disks: what is decided from now on may have been decided otherwise before. */
  lost() {
    this.#hasForked = true;
  }

  /** Something has happened to a process. */
  stepped(process: Process) {
    const { agreed } = process.machine.membership;
    if (agreed === undefined || this.#known.get(process) === agreed) return;
    this.#known.set(process, agreed);
    const { epoch, isStrict, members } = agreed;
    const text = JSON.stringify(members.map(({ name, since, disk, isWitness }) => [name, since, disk, isWitness]));
    let views = this.#decided.get(epoch);
    if (views === undefined) this.#decided.set(epoch, views = []);
    if (views.some((view) => view.text === text)) return;
    views.push({ text, isStrict, by: process.name });
    if (views.length === 1 || this.#hasForked) return;
    const before = this.#decided.get(epoch - 1) ?? [];
    const isLoose = before.some(({ isStrict }) => !isStrict) || (before.length === 0 && this.#options.mayBeginApart);
    if (!isLoose) {
      const what = views.map(({ by, text }) => `${text}, as ${by} has it`).join("; ");
      throw new Violation("view", `epoch ${epoch} has ${what}`);
    }
    this.#hasForked = true;
    this.#options.onForked();
  }
}
