/**
 * What the checks of an input come to.
 *
 * @module
 */

import type { Outcome } from "./target.ts";

/** Something that must not be. */
export interface Finding {
  /** What, in a few words that are the same for the same fault. */
  readonly what: string;
  /** All there is to say. */
  readonly detail: string;
}

/** What came of an input. */
export interface Verdict {
  /** How the target answered. */
  readonly outcome: Outcome;
  /** Stands for the way that the input took through the code. */
  readonly feature: string;
  /** What must not be, if anything. */
  readonly finding?: Finding;
  /** What an independent reader made of an accepted input, if it was asked. */
  readonly oracle?: "agrees" | "refuses";
}
