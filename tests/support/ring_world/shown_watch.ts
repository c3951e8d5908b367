/**
 * Watches what the pages show: (I1), (I3) and (I4) of the ring's design.
 *
 * @module
 */

import { compareVersions, type PushVersion } from "../../../ring/pushes/push_version.ts";
import { describe, type DurabilityWatch } from "./durability_watch.ts";
import type { Process } from "./process.ts";
import { Violation } from "./violation.ts";

/** How much older than the TTL something may be shown, in milliseconds: the time that copies travel is not counted. */
const AGE_LEEWAY_MS = 45_000;

interface Claim {
  readonly version: PushVersion;
  readonly storedAt: number;
}

/** A cluster that two members show. */
interface Double {
  since: number;
  /** Since when nothing excuses it. */
  unexcusedSince?: number;
}

/** What is counted. */
export interface ShownTally {
  /** Seconds, summed over clusters, in which two showed it: where the design lets them, and where not. */
  twiceExcused: number;
  twice: number;
  /** The longest time without a break, in milliseconds. */
  longestExcusedMs: number;
  longestMs: number;
  /** How often a cluster went back, as the holder of the newer version could not be heard. */
  excusedRegressions: number;
}

/** What the watch works with. */
export interface ShownWatchOptions {
  readonly durability: DurabilityWatch;
  readonly ttlMs: number;
  readonly now: () => number;
  /** How long two may show a cluster, in milliseconds. */
  readonly windowMs: number;
  /** Whether something gets from one process to another. */
  readonly canHear: (process: Process, from: Process) => boolean;
}

/** Knows what each page shows. */
export class ShownWatch {
  /** What was counted. */
  readonly tally: ShownTally = {
    twiceExcused: 0,
    twice: 0,
    longestExcusedMs: 0,
    longestMs: 0,
    excusedRegressions: 0,
  };
  readonly #options: ShownWatchOptions;
  readonly #claims = new Map<string, Map<Process, Claim>>();
  readonly #contested = new Set<string>();
  readonly #doubles = new Map<string, Double>();
  readonly #best = new Map<string, Claim>();
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
    let claims = this.#claims.get(id);
    if (claims === undefined) this.#claims.set(id, claims = new Map());
    const claim = { version, storedAt: this.#options.durability.storedAt(entry.bytes) };
    claims.set(process, claim);
    if (claims.size > 1) this.#contested.add(id);
    if (this.isOpen(process)) this.#seen(process, id, claim);
  }

  /** A process does not show a cluster any more. */
  hides(process: Process, id: string) {
    const claims = this.#claims.get(id);
    if (claims === undefined) return;
    claims.delete(process);
    if (claims.size < 2) this.#contested.delete(id);
  }

  /** A process has ended. */
  gone(process: Process) {
    this.#open.delete(process);
    for (const id of this.#claims.keys()) this.hides(process, id);
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
    for (const [id, claims] of this.#claims) {
      const claim = claims.get(process);
      if (claim !== undefined) this.#seen(process, id, claim);
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
    const claims = this.#claims.get(id);
    return claims === undefined ? [] : [...claims.keys()].filter((process) => this.isOpen(process));
  }

  /** The version of a cluster that a process shows. */
  shownBy(process: Process, id: string): PushVersion | undefined {
    return this.isOpen(process) ? this.#claims.get(id)?.get(process)?.version : undefined;
  }

  /** The clusters on the page of a process. */
  page(process: Process): string[] {
    if (!this.isOpen(process)) return [];
    return [...this.#claims].filter(([, claims]) => claims.has(process)).map(([id]) => id);
  }

  /** Looks for what has become too old. */
  sample() {
    const { now, ttlMs } = this.#options;
    const oldest = now() - ttlMs - AGE_LEEWAY_MS;
    for (const [id, claims] of this.#claims) {
      for (const [process, { storedAt, version }] of claims) {
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
    let double = this.#doubles.get(id);
    if (double === undefined) this.#doubles.set(id, double = { since: now });
    if (showing.some(isExcused)) {
      if (double.unexcusedSince !== undefined) this.#count(now - double.unexcusedSince);
      double.unexcusedSince = undefined;
      return;
    }
    double.unexcusedSince ??= now;
    const ms = now - double.unexcusedSince;
    if (ms < this.#options.windowMs) return;
    const names = showing.map(({ name }) => name).join(" and ");
    throw new Violation("I1", `${names} have shown it together for ${Math.round(ms)} ms`, { cluster: id });
  }

  #end(id: string, { double, now }: { double: Double; now: number }) {
    this.#doubles.delete(id);
    const { tally } = this;
    const ms = now - double.since;
    if (double.unexcusedSince !== undefined) this.#count(now - double.unexcusedSince);
    else {
      tally.twiceExcused += ms / 1_000;
      tally.longestExcusedMs = Math.max(tally.longestExcusedMs, ms);
    }
  }

  #count(ms: number) {
    this.tally.twice += ms / 1_000;
    this.tally.longestMs = Math.max(this.tally.longestMs, ms);
  }

  /** A claim is on an open page. */
  #seen(process: Process, id: string, claim: Claim) {
    const { durability, ttlMs, now, canHear } = this.#options;
    const best = this.#best.get(id);
    const isBack = best !== undefined && compareVersions(claim.version, best.version) < 0 &&
      now() - best.storedAt < ttlMs;
    if (isBack && !isExcused(process)) {
      const known = new Set(
        process.machine.membership.rows.filter(({ status }) => status === "ALIVE" || status === "SUSPECT").map((
          { boot },
        ) => boot),
      );
      const holder = durability.holders(id, best.version).find((node) => {
        const other = node.process;
        return other !== undefined &&
          (other === process || (other.isRunning && canHear(process, other) && known.has(other.boot)));
      });
      if (holder !== undefined) {
        const from = `from ${describe(best.version)}, which ${holder.name} has, to ${describe(claim.version)}`;
        throw new Violation("I3", `${process.name} shows it going back ${from}`, { cluster: id });
      }
    }
    if (isBack) this.tally.excusedRegressions++;
    this.#best.set(id, claim);
  }
}

/**
 * Whether the design lets a process show what others show too: of two members that are cut off each goes on alone, and who has
 * waited long enough for the others goes on without them.
 */
function isExcused({ overdue, machine: { membership } }: Process): boolean {
  return overdue || (membership.agreed?.members.length ?? 0) <= 2;
}
