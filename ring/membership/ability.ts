/**
 * Whether a member is fit to own clusters: one whose store fails gives way to the others until it has been well for a while.
 *
 * ```text
 *            commits fail for 5 s                          commits, or the probe, succeed
 *   WELL ───────────────────────────▶ UNWELL: owns nothing ─────────────────────────────▶ RECOVERING ── 60 s ──▶ WELL
 *    ▲                                   ▲                                                    │
 *    └── a commit succeeds               └───────────────────── a commit fails ───────────────┘
 * ```
 *
 * @module
 */

/** A store that fails for so long is not to be relied on, in milliseconds. */
export const UNWELL_AFTER_MS = 5_000;

/** For how long a store must have been well before its member owns clusters again, in milliseconds. */
export const WELL_AGAIN_MS = 60_000;

/** How often a store that has failed is tried by saving the member's state, in milliseconds. */
export const PROBE_EVERY_MS = 1_000;

/** Follows a member's store. */
export class Ability {
  #failingSince: number | undefined;
  #failedAt = -Infinity;
  #wellSince = -Infinity;
  #nextProbeAt = -Infinity;

  /** Something could not be made durable, through no fault of its own. */
  failed(now: number) {
    this.#failingSince ??= now;
    this.#failedAt = now;
  }

  /** A push or a copy has become durable. */
  stored(now: number) {
    if (this.#failingSince === undefined) return;
    if (this.isUnwell(now)) this.#wellSince = now;
    this.#failingSince = undefined;
  }

  /** The member's state has become durable. That is little: a store may take it that has no room for a push. */
  saved(now: number) {
    if (now - this.#failedAt >= UNWELL_AFTER_MS) this.stored(now);
  }

  /** Whether the store has failed for too long. */
  isUnwell(now: number): boolean {
    return this.#failingSince !== undefined && now - this.#failingSince >= UNWELL_AFTER_MS;
  }

  /** Whether the member may own clusters that it does not own yet. */
  isWell(now: number): boolean {
    return this.#failingSince === undefined && now - this.#wellSince >= WELL_AGAIN_MS;
  }

  /** Whether the store is to be tried now. */
  mustProbe(now: number): boolean {
    if (this.#failingSince === undefined || now < this.#nextProbeAt) return false;
    this.#nextProbeAt = now + PROBE_EVERY_MS;
    return true;
  }
}
