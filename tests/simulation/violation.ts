/**
 * What a simulated world must never be found in.
 *
 * @module
 */

/** The invariants by their numbers in docs/ring.md, and those that have none. */
export const INVARIANTS = {
  I1: "at most one member shows a cluster",
  I2: "what was acknowledged survives",
  I3: "what is shown of a cluster never goes back",
  I4: "nothing older than the TTL is shown",
  I5: "a push is sent at most twice",
  I6: "bounds hold",
  I7: "a push has exactly one outcome",
  I8: "incarnations never decrease",
  I9: "refutation wins in the end",
  view: "each epoch has one view",
  converged: "views are equal soon after all is well",
  twin: "a second process of a name closes no page",
  heir: "what a crashed member showed is shown within 5 s",
  lag: "what was acknowledged is shown soon, where the scenario says how soon",
  dark: "what should be shown is shown soon, where the scenario says how soon",
  detour: "a push finds its way past one link that is cut",
  copies: "owner and standby have what was acknowledged in the end",
  shell: "the machine asks only for what a member can do",
} as const;

/** The name of an invariant. */
export type Invariant = keyof typeof INVARIANTS;

/** An invariant does not hold. */
export class Violation extends Error {
  /** Stable, for callers that tell it from other errors. */
  readonly code = "violation";
  /** The name that stack traces show. */
  override readonly name = "Violation";
  /** Which one. */
  readonly invariant: Invariant;
  /** The cluster that it is about. */
  readonly cluster?: string;

  /** Says what was found instead. */
  constructor(invariant: Invariant, found: string, { cluster }: { cluster?: string } = {}) {
    super(`${invariant}, ${INVARIANTS[invariant]}: ${found}`);
    this.invariant = invariant;
    this.cluster = cluster;
  }
}
