/**
 * Watches that all becomes well again once nothing is wrong any more.
 *
 * @module
 */

import { isQuorum } from "../../ring/consensus/quorum.ts";
import type { DurabilityWatch } from "./durability_watch.ts";
import type { Node, Process } from "./process.ts";
import type { ShownWatch } from "./shown_watch.ts";
import { Violation } from "./violation.ts";

/** How long it may take until all serve: members that come and go wait for up to two minutes, then come one after the other. */
export const SERVING_MS = 300_000;
/** How long it may take until owner and standby have everything: they compare each minute. */
export const COPIED_MS = 100_000;
/** How long what a crashed member has shown may be missing, in milliseconds. */
export const HEIR_MS = 5_000;

/** What the watch works with. */
export interface ConvergenceWatchOptions {
  readonly nodes: readonly Node[];
  readonly ids: readonly string[];
  readonly shown: ShownWatch;
  readonly durability: DurabilityWatch;
  readonly now: () => number;
  readonly healedAt: number;
  /** How long views may differ from then on, in milliseconds. */
  readonly convergeMs: number;
}

/** How far a world is on its way back to order. */
export type Stage = "faults" | "converging" | "joining" | "copying" | "over";

/** Follows a world back to order. */
export class ConvergenceWatch {
  readonly #options: ConvergenceWatchOptions;
  readonly #missing = new Map<string, number>();
  #stage: Stage = "faults";
  #since = 0;
  /** How long it took until views were equal, in milliseconds. */
  convergedMs = 0;
  /** How long it took until all served, in milliseconds. */
  servingMs = 0;
  /** The longest time until an heir showed what a crashed member had shown, in milliseconds. */
  heirMs = 0;

  /** Starts with everything still to go wrong. */
  constructor(options: ConvergenceWatchOptions) {
    this.#options = options;
  }

  /** How far the world is. */
  get stage(): Stage {
    return this.#stage;
  }

  /** A process has crashed that showed these, and the others must show them soon. */
  crashed(ids: readonly string[]) {
    for (const id of ids) this.#missing.set(id, this.#options.now());
  }

  /** Whether every member that should serve does, and all agree. */
  isServing(): boolean {
    const processes = this.#processes();
    if (processes === undefined || !this.#viewsAreEqual(processes)) return false;
    const owners = processes.filter(({ node }) => !node.isWitness).length;
    return processes.every((process) => {
      const { machine: { membership: { view, isSettled } } } = process;
      return process.closed === undefined && isSettled && view.votes === processes.length && view.size === owners;
    });
  }

  /** Looks how far it is. */
  sample() {
    const { now, healedAt, convergeMs, shown, durability } = this.#options;
    for (const [id, since] of this.#missing) {
      const ms = now() - since;
      if (shown.showing(id).length > 0) {
        this.heirMs = Math.max(this.heirMs, ms);
        this.#missing.delete(id);
      } else if (durability.floor(id) === undefined) this.#missing.delete(id);
      else if (ms > HEIR_MS) throw new Violation("heir", `nobody has shown it for ${ms} ms`, { cluster: id });
    }
    const waitedMs = now() - this.#since;
    switch (this.#stage) {
      case "faults":
        if (now() >= healedAt) this.#enter("converging");
        return;
      case "converging": {
        const processes = this.#processes();
        if (processes !== undefined && this.#viewsAreEqual(processes)) {
          this.convergedMs = waitedMs;
          this.#enter("joining");
        } else if (waitedMs > convergeMs) throw new Violation("converged", `after ${waitedMs} ms: ${this.#views()}`);
        return;
      }
      case "joining":
        if (waitedMs % 10_000 === 0) this.#forceView();
        if (this.isServing()) {
          this.servingMs = now() - healedAt;
          this.#enter("copying");
        } else if (waitedMs > SERVING_MS) throw new Violation("I9", `after ${waitedMs} ms: ${this.#views()}`);
        return;
      case "copying": {
        const lacking = this.#lacking();
        if (lacking === undefined && waitedMs > 5_000) this.#enter("over");
        else if (lacking !== undefined && waitedMs > COPIED_MS) {
          throw new Violation("copies", `${lacking.what} after ${waitedMs} ms`, { cluster: lacking.id });
        }
        return;
      }
    }
  }

  #enter(stage: Stage) {
    this.#stage = stage;
    this.#since = this.#options.now();
  }

  /** An operator looks after a ring most of whose votes were on storages that are lost: nobody else may say that it goes on. */
  #forceView() {
    const processes = this.#processes()?.toSorted((a, b) => a.name < b.name ? -1 : 1);
    if (processes === undefined) return;
    const [first] = processes.toSorted((a, b) => b.machine.membership.epoch - a.machine.membership.epoch);
    const { agreed } = first.machine.membership;
    if (agreed === undefined) return;
    const disks = new Set(processes.map(({ machine: { membership: { self } } }) => self.disk));
    if (isQuorum(agreed, ({ disk }) => disks.has(disk))) return;
    first.machine.forceView(processes.map(({ name }) => name), first.clock);
  }

  /** The processes that should be there; undefined unless all of them run. */
  #processes(): Process[] | undefined {
    const processes = this.#options.nodes.filter(({ wanted }) => wanted).map(({ process }) => process);
    return processes.every((process) => process?.isRunning) ? processes as Process[] : undefined;
  }

  #viewsAreEqual(processes: readonly Process[]): boolean {
    const digests = new Set(processes.map(({ machine: { membership: { view } } }) => view.digest));
    return digests.size === 1 && processes.some(({ machine: { membership: { view } } }) => view.size > 0);
  }

  #lacking(): { id: string; what: string } | undefined {
    const { ids, durability, shown } = this.#options;
    const processes = this.#processes();
    if (processes === undefined) return { id: "", what: "a member has gone" };
    for (const id of ids) {
      const floor = durability.floor(id);
      if (floor === undefined) continue;
      const { owner, standby } = processes[0].machine.place(id)!;
      const process = processes.find(({ name }) => name === owner)!;
      const version = shown.shownBy(process, id);
      if (version === undefined) return { id, what: `the owner ${owner} does not show it` };
      if (shown.serialShownBy(process, id)! < floor.push.serial) {
        return { id, what: `the owner ${owner} shows less than push ${floor.push.serial}` };
      }
      const holders = durability.holders(id, version).map(({ name }) => name);
      if (standby !== undefined && !holders.includes(standby)) {
        return { id, what: `the standby ${standby} does not have what ${owner} shows` };
      }
    }
    return undefined;
  }

  #views(): string {
    return this.#options.nodes.filter(({ wanted }) => wanted).map(({ name, process }) => {
      if (!process?.isRunning) return `${name} is ${process?.state}`;
      const { self, view } = process.machine.membership;
      const closed = process.closed?.reason ?? "open";
      return `${name} (${self.phase}, ${closed}) has ${view.names.join(" ")} ${view.digest.slice(0, 4)}`;
    }).join("; ");
  }
}
