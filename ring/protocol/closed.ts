/**
 * Why a member shows nothing at the moment.
 *
 * @module
 */

/** A reason, and what to say of it. */
export interface Closed {
  /** A stable word. */
  readonly reason: "joining" | "leaving" | "name-taken" | "fenced" | "unsettled" | "unconfirmed";
  /** For a person. */
  readonly message: string;
}
