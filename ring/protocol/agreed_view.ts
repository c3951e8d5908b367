/**
 * Views as members decide on them, tell each other of them, and keep them.
 *
 * @module
 */

/** A member of a decided view. */
export interface ViewMember {
  /** Its name. */
  readonly name: string;
  /** Where it can be dialled. */
  readonly address: string;
  /** The machine it runs on. */
  readonly host: string;
  /** The stay in the ring by which it is there. */
  readonly since: number;
  /** The disk on which it keeps what it has promised. */
  readonly disk: string;
  /** Whether it only votes: nothing is placed on it. */
  readonly isWitness: boolean;
  /** The latest rule of placement that it knows: the view goes by the lowest of all. */
  readonly rule: number;
}

/** A view that was decided: who owns clusters, or only votes, and who decides on the next one. */
export interface AgreedView {
  /** Counts decisions: each is made by a majority of the view before. */
  readonly epoch: number;
  /** Whether it needs a majority though it has but two members: it follows one that had more, or one of them is a witness. */
  readonly isStrict: boolean;
  /** Its members, by name. */
  readonly members: readonly ViewMember[];
}

/** The rows of members as a view has them: by name, and without what changes while they serve. */
export function viewMembers(rows: Iterable<ViewMember>): ViewMember[] {
  return [...rows].map(({ name, address, host, since, disk, isWitness, rule }) => ({
    name,
    address,
    host,
    since,
    disk,
    isWitness,
    rule,
  }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}
