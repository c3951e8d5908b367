/**
 * Counts what a run was like, beyond that nothing was violated.
 *
 * @module
 */

import type { Outcome } from "../../ring/protocol/effects.ts";
import type { Push } from "./clients.ts";
import type { ConvergenceWatch } from "./convergence_watch.ts";
import type { DurabilityWatch } from "./durability_watch.ts";
import type { ShownWatch } from "./shown_watch.ts";
import { Violation } from "./violation.ts";

/** What was counted in one run, or in several. */
export interface Tally {
  runs: number;
  /** Seconds, summed over clusters, in which there was something to be shown. */
  seconds: number;
  /** Of these, in which nobody showed it. */
  missing: number;
  /** The longest time for which nobody showed a cluster that should be shown, in milliseconds. */
  longestDarkMs: number;
  /** Pages that were read. */
  pages: number;
  /** Seconds in which two parts of a ring went on by themselves. */
  forkedSeconds: number;
  /** Outcomes of pushes. */
  stored: number;
  rejected: number;
  /** Clusters that in the end show what is older than what was acknowledged. */
  behind: number;
  /** The longest times until views were equal, all served, and an heir showed what a crashed member had shown, in milliseconds. */
  convergedMs: number;
  servingMs: number;
  heirMs: number;
}

/** A tally of nothing. */
export function emptyTally(): Tally {
  return {
    runs: 0,
    seconds: 0,
    missing: 0,
    longestDarkMs: 0,
    pages: 0,
    forkedSeconds: 0,
    stored: 0,
    rejected: 0,
    behind: 0,
    convergedMs: 0,
    servingMs: 0,
    heirMs: 0,
  };
}

/** Adds the tally of a run to that of others: longest times are compared, the rest is summed. */
export function addTally(sum: Tally, tally: Tally) {
  for (const key of Object.keys(sum) as (keyof Tally)[]) {
    sum[key] = key.endsWith("Ms") ? Math.max(sum[key], tally[key]) : sum[key] + tally[key];
  }
}

/** Counts while a world runs. */
export class WorldTally {
  readonly #ids: readonly string[];
  readonly #shown: ShownWatch;
  readonly #durability: DurabilityWatch;
  readonly #sampleMs: number;
  readonly #mostDarkMs: number;
  readonly #mostLagMs: number;
  // The latest push of each cluster that was acknowledged, and when.
  readonly #acknowledged = new Map<string, { readonly serial: number; readonly at: number }>();
  // For how long nobody has shown a cluster that should be shown.
  readonly #darkMs = new Map<string, number>();
  readonly #tally = { ...emptyTally(), runs: 1 };

  /** Starts with nothing counted. */
  constructor({ ids, shown, durability, sampleMs, darkMs = Infinity, lagMs = Infinity }: {
    ids: readonly string[];
    shown: ShownWatch;
    durability: DurabilityWatch;
    sampleMs: number;
    darkMs?: number;
    lagMs?: number;
  }) {
    this.#mostDarkMs = darkMs;
    this.#mostLagMs = lagMs;
    this.#ids = ids;
    this.#shown = shown;
    this.#durability = durability;
    this.#sampleMs = sampleMs;
  }

  /** A push has ended. */
  settled({ result }: Outcome) {
    this.#tally[result === "rejected" ? result : "stored"]++;
  }

  /** A client was told that a push is stored. */
  acknowledged({ id, serial }: Push, at: number) {
    this.#acknowledged.set(id, { serial, at });
  }

  /** A page was read. */
  scraped() {
    this.#tally.pages++;
  }

  /** Some time has passed in which a ring was in two parts. */
  forked() {
    this.#tally.forkedSeconds += this.#sampleMs / 1_000;
  }

  /** Some time has passed. */
  sample(now: number) {
    const seconds = this.#sampleMs / 1_000;
    for (const id of this.#ids) {
      if (this.#durability.floor(id) === undefined) continue;
      this.#tally.seconds += seconds;
      this.#checkLag(id, now);
      if (this.#shown.showing(id).length > 0) this.#darkMs.delete(id);
      else {
        this.#tally.missing += seconds;
        const darkMs = (this.#darkMs.get(id) ?? 0) + this.#sampleMs;
        this.#darkMs.set(id, darkMs);
        this.#tally.longestDarkMs = Math.max(this.#tally.longestDarkMs, darkMs);
        if (darkMs > this.#mostDarkMs) {
          throw new Violation("dark", `nobody shows it for ${darkMs} ms`, { cluster: id });
        }
      }
    }
  }

  #checkLag(id: string, now: number) {
    const last = this.#acknowledged.get(id);
    if (last === undefined || now - last.at <= this.#mostLagMs) return;
    if (this.#shown.showing(id).some((process) => this.#shown.serialShownBy(process, id)! >= last.serial)) return;
    throw new Violation("lag", `push ${last.serial} is not shown after ${Math.round(now - last.at)} ms`, {
      cluster: id,
    });
  }

  /** What was counted. */
  result({ convergedMs, servingMs, heirMs }: ConvergenceWatch): Tally {
    let behind = 0;
    for (const id of this.#ids) {
      for (const { node } of this.#shown.showing(id)) {
        const entry = node.disk.entries.get(id);
        const floor = this.#durability.floor(id);
        if (entry === undefined || floor === undefined) continue;
        if (this.#durability.pushOf(entry.bytes).serial < floor.push.serial) behind++;
      }
    }
    return { ...this.#tally, behind, convergedMs, servingMs, heirMs };
  }
}
