/**
 * Watches what the pages show: (I1), (I3) and (I4) of docs/ring.md.
 *
 * @module
 */

import { compareVersions, type PushVersion } from "../../ring/protocol/push_version.ts";
import { describe, type DurabilityWatch } from "./durability_watch.ts";
import type { Process } from "./process.ts";
import { Violation } from "./violation.ts";

/** How long two that were cut off from each other may take to become a ring again, in milliseconds: redials and a round of pings. */
export const REUNION_MS = 20_000;
/** How much older than the TTL something may be shown, in milliseconds: the time that copies travel is not counted. */
export const AGE_LEEWAY_MS = 45_000;

interface ShownVersion {
  readonly version: PushVersion;
  /** Which push of its client it is. */
  readonly serial: number;
  readonly storedAt: number;
}

/** Why two members may show a cluster; "none" if they must not, but for a short while. */
type Excuse =
  /** They have never heard of each other. */
  | "separate"
  /** Of two members that cannot hear each other, each goes on alone. */
  | "pair"
  /** One has waited for the others long enough, and goes on without them. */
  | "overdue"
  | "none";

/** A cluster that two members show, since when, and why that is. */
interface Double {
  since: number;
  excuse: Excuse;
}

/** What is counted. */
export interface ShownTally {
  /** Seconds, summed over clusters, in which two showed it, by what excuses them, and the longest time without a break. */
  twice: number;
  longestMs: number;
  twicePair: number;
  longestPairMs: number;
  twiceOverdue: number;
  longestOverdueMs: number;
  twiceSeparate: number;
  longestSeparateMs: number;
  /** How often a cluster went back, as the holder of the newer version could not be heard. */
  regressions: number;
}

/** What the watch works with. */
export interface ShownWatchOptions {
  readonly durability: DurabilityWatch;
  readonly ttlMs: number;
  readonly now: () => number;
  /** How long two may show a cluster, in milliseconds. */
  readonly windowMs: number;
  /** Whether rings may meet that were none of each other's: what one has shown of a cluster is not what the other has. */
  readonly mergesRings: boolean;
  /** Whether something gets from one process to another. */
  readonly canHear: (process: Process, from: Process) => boolean;
  /** For how long nothing has been wrong between two processes, in milliseconds. */
  readonly undisturbedMs: (a: Process, b: Process) => number;
}

/** Knows what each page shows. */
export class ShownWatch {
  /** What was counted. */
  readonly tally: ShownTally = {
    twice: 0,
    longestMs: 0,
    twicePair: 0,
    longestPairMs: 0,
    twiceOverdue: 0,
    longestOverdueMs: 0,
    twiceSeparate: 0,
    longestSeparateMs: 0,
    regressions: 0,
  };
  readonly #options: ShownWatchOptions;
  readonly #pages = new Map<string, Map<Process, ShownVersion>>();
  readonly #contested = new Set<string>();
  readonly #doubles = new Map<string, Double>();
  readonly #best = new Map<string, ShownVersion>();
  readonly #open = new Set<Process>();

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
    if (showing.size > 1) this.#contested.add(id);
    if (this.isOpen(process)) this.#seen(process, id, shown);
  }

  /** A process does not show a cluster any more. */
  hides(process: Process, id: string) {
    const showing = this.#pages.get(id);
    if (showing === undefined) return;
    showing.delete(process);
    if (showing.size < 2) this.#contested.delete(id);
  }

  /** A process has ended. */
  gone(process: Process) {
    this.#open.delete(process);
    for (const id of this.#pages.keys()) this.hides(process, id);
  }

  /** Whether a process answers, with a page that is not closed. */
  isOpen(process: Process): boolean {
    return process.isRunning && process.closed === undefined;
  }

  /** Something has happened to a process. */
  stepped(process: Process) {
    const isOpen = this.isOpen(process);
    if (!isOpen) return void this.#open.delete(process);
    if (this.#open.has(process)) return;
    this.#open.add(process);
    for (const [id, showing] of this.#pages) {
      const shown = showing.get(process);
      if (shown !== undefined) this.#seen(process, id, shown);
    }
  }

  /** Something has happened anywhere: who shows what together? */
  check() {
    if (this.#contested.size === 0 && this.#doubles.size === 0) return;
    const now = this.#options.now();
    for (const [id, double] of this.#doubles) {
      if (this.showing(id).length < 2) this.#end(id, { double, now });
    }
    for (const id of this.#contested) {
      const showing = this.showing(id);
      if (showing.length >= 2) this.#together(id, { showing, now });
    }
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

  /** Whether a process goes on without another that lives, and that takes itself for a member that serves. */
  isForked(processes: readonly Process[]): boolean {
    const serving = processes.filter(({ state, machine: { membership } }) =>
      (state === "running" || state === "stopped") && membership.self.phase === "ACTIVE"
    );
    return serving.some((one) =>
      this.isOpen(one) && serving.some((other) => !one.machine.membership.view.has(other.name))
    );
  }

  /** Looks for what has become too old. */
  sample() {
    const { now, ttlMs } = this.#options;
    const oldest = now() - ttlMs - AGE_LEEWAY_MS;
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

  /** Ends what is being counted. */
  finish() {
    for (const [id, double] of this.#doubles) this.#end(id, { double, now: this.#options.now() });
  }

  #together(id: string, { showing, now }: { showing: readonly Process[]; now: number }) {
    const excuse = this.#excuse(showing);
    const double = this.#doubles.get(id);
    if (double?.excuse !== excuse) {
      if (double !== undefined) this.#end(id, { double, now });
      this.#doubles.set(id, { since: now, excuse });
    } else if (excuse === "none" && now - double.since > this.#options.windowMs) {
      const names = showing.map(({ name }) => name).join(" and ");
      throw new Violation("I1", `${names} have shown it together for ${Math.round(now - double.since)} ms`, {
        cluster: id,
      });
    }
  }

  #end(id: string, { double: { since, excuse }, now }: { double: Double; now: number }) {
    this.#doubles.delete(id);
    const { tally } = this;
    const ms = now - since;
    switch (excuse) {
      case "none":
        tally.twice += ms / 1_000;
        tally.longestMs = Math.max(tally.longestMs, ms);
        return;
      case "pair":
        tally.twicePair += ms / 1_000;
        tally.longestPairMs = Math.max(tally.longestPairMs, ms);
        return;
      case "overdue":
        tally.twiceOverdue += ms / 1_000;
        tally.longestOverdueMs = Math.max(tally.longestOverdueMs, ms);
        return;
      case "separate":
        tally.twiceSeparate += ms / 1_000;
        tally.longestSeparateMs = Math.max(tally.longestSeparateMs, ms);
    }
  }

  /** A version is on an open page. */
  #seen(process: Process, id: string, shown: ShownVersion) {
    const { durability, ttlMs, now, canHear, mergesRings } = this.#options;
    const best = this.#best.get(id);
    // Where a ring has forked, its members do not have the order of its clients.
    const isOlder = best !== undefined && (compareVersions(shown.version, best.version) < 0 ||
      (shown.serial < best.serial && !durability.isForked));
    const isBack = isOlder && now() - best.storedAt < ttlMs;
    if (isBack && !mergesRings) {
      const { view, rows } = process.machine.membership;
      const boots = new Set(rows.map(({ boot }) => boot));
      const holder = durability.holders(id, best.version).find(({ name, process: other }) =>
        other === process || (
          other?.isRunning && canHear(process, other) && view.has(name) && boots.has(other.boot) &&
          this.#excuse([process], [other]) === "none"
        )
      );
      if (holder !== undefined) {
        const from = `from push ${best.serial}, which ${holder.name} has, to ${shown.serial}`;
        throw new Violation("I3", `${process.name} shows it going back ${from}`, { cluster: id });
      }
    }
    if (isBack) this.tally.regressions++;
    this.#best.set(id, shown);
  }

  /** What lets these processes show what others show, or have shown, too. */
  #excuse(processes: readonly Process[], others: readonly Process[] = processes): Excuse {
    if (processes.some(({ overdue }) => overdue)) return "overdue";
    // Where all list each other, no two rings begin.
    const mayBeSeparate = this.#options.mergesRings;
    if (mayBeSeparate && processes.some((one) => others.some((other) => areSeparate(one, other)))) return "separate";
    const isPair = processes.some(({ machine }) => (machine.membership.agreed?.members.length ?? 0) <= 2);
    const wereApart = processes.some((one) =>
      others.some((other) => other !== one && this.#options.undisturbedMs(one, other) < REUNION_MS)
    );
    return isPair && wereApart ? "pair" : "none";
  }
}

function areSeparate(one: Process, other: Process): boolean {
  return one !== other && one.machine.membership.rows.every(({ name }) => name !== other.name);
}
