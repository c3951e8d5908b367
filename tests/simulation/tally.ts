/**
 * Counts what a run was like, beyond that nothing was violated.
 *
 * @module
 */

import type { Outcome } from "../../ring/protocol/effects.ts";
import type { ConvergenceWatch } from "./convergence_watch.ts";
import type { DurabilityWatch } from "./durability_watch.ts";
import type { ShownTally, ShownWatch } from "./shown_watch.ts";

/** What was counted in one run, or in several. */
export interface Tally extends ShownTally {
  runs: number;
  /** Seconds, summed over clusters, in which there was something to be shown. */
  seconds: number;
  /** Of these, in which nobody showed it. */
  missing: number;
  /** Outcomes of pushes. */
  stored: number;
  standby: number;
  rejected: number;
  /** Clusters that in the end show what is older than what was acknowledged, by more than clocks may be apart. */
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
    twice: 0,
    longestMs: 0,
    twicePair: 0,
    longestPairMs: 0,
    twiceOverdue: 0,
    longestOverdueMs: 0,
    twiceSeparate: 0,
    longestSeparateMs: 0,
    regressions: 0,
    stored: 0,
    standby: 0,
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
  readonly #tally = { ...emptyTally(), runs: 1 };

  /** Starts with nothing counted. */
  constructor({ ids, shown, durability, sampleMs }: {
    ids: readonly string[];
    shown: ShownWatch;
    durability: DurabilityWatch;
    sampleMs: number;
  }) {
    this.#ids = ids;
    this.#shown = shown;
    this.#durability = durability;
    this.#sampleMs = sampleMs;
  }

  /** A push has ended. */
  settled({ result }: Outcome) {
    this.#tally[result === "rejected" || result === "standby" ? result : "stored"]++;
  }

  /** Some time has passed. */
  sample() {
    const seconds = this.#sampleMs / 1_000;
    for (const id of this.#ids) {
      if (this.#durability.floor(id) === undefined) continue;
      this.#tally.seconds += seconds;
      if (this.#shown.showing(id).length === 0) this.#tally.missing += seconds;
    }
  }

  /** What was counted. */
  result({ convergedMs, servingMs, heirMs }: ConvergenceWatch): Tally {
    let behind = 0;
    for (const id of this.#ids) {
      for (const { node } of this.#shown.showing(id)) {
        const entry = node.disk.entries.get(id);
        if (entry !== undefined && this.#durability.isBehind(id, entry.bytes)) behind++;
      }
    }
    return { ...this.#tally, ...this.#shown.tally, behind, convergedMs, servingMs, heirMs };
  }
}
