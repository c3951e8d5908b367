/**
 * Knows what each page would show, and watches that nothing on it is too old: (I4) of docs/ring.md.
 *
 * @module
 */

import { compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import { describe, type DurabilityWatch } from "./durability_watch.ts";
import type { ShownVersion } from "./page_watch.ts";
import type { Process } from "./process.ts";
import { Violation } from "./violation.ts";

/** What the watch works with. */
export interface ShownWatchOptions {
  readonly durability: DurabilityWatch;
  readonly ttlMs: number;
  /** How much older than that something may be shown, in milliseconds. */
  readonly leewayMs: number;
  readonly now: () => number;
  /** For how long clocks have stood still, all together, in milliseconds. */
  readonly stoodMs: () => number;
}

/** Knows what each page shows. */
export class ShownWatch {
  readonly #options: ShownWatchOptions;
  readonly #pages = new Map<string, Map<Process, ShownVersion>>();

  /** Starts with nothing shown. */
  constructor(options: ShownWatchOptions) {
    this.#options = options;
  }

  /** A process shows a cluster, as far as its page is open. */
  shows(process: Process, { id, version }: { id: string; version: PushVersion }) {
    const entry = process.node.disk.entries.get(id);
    if (entry === undefined || compareVersions(entry.version, version) !== 0) {
      throw new Violation("shell", `${process.name} shows ${describe(version)}, which it does not have`, {
        cluster: id,
      });
    }
    let showing = this.#pages.get(id);
    if (showing === undefined) this.#pages.set(id, showing = new Map());
    const { durability } = this.#options;
    const { serial } = durability.pushOf(entry.bytes);
    const shown = { version, serial, storedAt: durability.pushedAt(entry.bytes) };
    showing.set(process, shown);
  }

  /** A process does not show a cluster any more. */
  hides(process: Process, id: string) {
    this.#pages.get(id)?.delete(process);
  }

  /** A process has ended. */
  gone(process: Process) {
    for (const id of this.#pages.keys()) this.hides(process, id);
  }

  /** Whether a process answers, with a page that is not closed. */
  isOpen(process: Process): boolean {
    return process.isRunning && process.closed === undefined;
  }

  /** The processes on whose pages a cluster is. */
  showing(id: string): Process[] {
    const showing = this.#pages.get(id);
    return showing === undefined ? [] : [...showing.keys()].filter((process) => this.isOpen(process));
  }

  /** The version of a cluster that a process shows. */
  shownBy(process: Process, id: string): PushVersion | undefined {
    return this.isOpen(process) ? this.#pages.get(id)?.get(process)?.version : undefined;
  }

  /** Which push of a cluster a process shows. */
  serialShownBy(process: Process, id: string): number | undefined {
    return this.isOpen(process) ? this.#pages.get(id)?.get(process)?.serial : undefined;
  }

  /** The clusters on the page of a process. */
  page(process: Process): string[] {
    if (!this.isOpen(process)) return [];
    return [...this.#pages].filter(([, showing]) => showing.has(process)).map(([id]) => id);
  }

  /** What a process has on its page, whether that is open or not. */
  onPage(process: Process): Map<string, ShownVersion> {
    const shown = new Map<string, ShownVersion>();
    for (const [id, showing] of this.#pages) {
      const version = showing.get(process);
      if (version !== undefined) shown.set(id, version);
    }
    return shown;
  }

  /**
   * Whether two parts of a ring go on by themselves, which only those do that were never more than two, or began apart: neither view
   * has the other's process.
   */
  isForked(processes: readonly Process[]): boolean {
    const loose = processes.filter(({ state, machine: { membership: { agreed } } }) =>
      (state === "running" || state === "stopped") && agreed !== undefined && !agreed.isStrict
    );
    return loose.some((one) =>
      loose.some((other) =>
        one.machine.membership.isServing && other.machine.membership.isServing &&
        one.machine.membership.view.digest !== other.machine.membership.view.digest
      )
    );
  }

  /** Looks for what has become too old. */
  sample() {
    const { now, ttlMs, leewayMs } = this.#options;
    // A clock that stood still does not tell for how long, nor does what its member brings to others.
    const oldest = now() - ttlMs - leewayMs - this.#options.stoodMs();
    for (const [id, showing] of this.#pages) {
      for (const [process, { storedAt, version }] of showing) {
        if (storedAt >= oldest || !this.isOpen(process)) continue;
        const ageMs = now() - storedAt;
        throw new Violation("I4", `${process.name} shows ${describe(version)}, which is ${ageMs} ms old`, {
          cluster: id,
        });
      }
    }
  }
}
