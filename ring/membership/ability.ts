/**
 * Whether a member is fit to own clusters: one whose store fails, or that reaches too few of the others, gives way to them until it has
 * been well for a while.
 *
 * ```text
 *            it fails for 5 s, or 10 s                     it succeeds
 *   WELL ───────────────────────────▶ UNWELL: owns nothing ─────────────▶ RECOVERING ── 60 s ──▶ WELL
 *    ▲                                   ▲                                    │
 *    └── it succeeds                     └──────────── it fails ──────────────┘
 * ```
 *
 * @module
 */

/** A store that fails for so long is not to be relied on, in milliseconds. */
export const UNWELL_AFTER_MS = 5_000;

/** A member that reaches so few of the others for so long gives way to them, in milliseconds. */
export const OUT_OF_REACH_AFTER_MS = 10_000;

/** For how long a member must have been well before it owns clusters again, in milliseconds. */
export const WELL_AGAIN_MS = 60_000;

/** How often a store that has failed is tried by saving the member's state, in milliseconds. */
export const PROBE_EVERY_MS = 1_000;

/** Follows one thing that a member must be able to do. */
export class Ability {
  readonly #unwellAfterMs: number;
  #failingSince: number | undefined;
  #failedAt = -Infinity;
  #wellSince = -Infinity;
  #nextProbeAt = -Infinity;

  /** Starts well. */
  constructor({ unwellAfterMs }: { unwellAfterMs: number }) {
    this.#unwellAfterMs = unwellAfterMs;
  }

  /** It has failed: of a store, that something could not be made durable, through no fault of its own. */
  failed(now: number) {
    this.#failingSince ??= now;
    this.#failedAt = now;
  }

  /** It has succeeded: of a store, that a push or a copy has become durable. */
  succeeded(now: number) {
    if (this.#failingSince === undefined) return;
    if (this.isUnwell(now)) this.#wellSince = now;
    this.#failingSince = undefined;
  }

  /** The member's state has become durable. That is little: a store may take it that has no room for a push. */
  saved(now: number) {
    if (now - this.#failedAt >= this.#unwellAfterMs) this.succeeded(now);
  }

  /** Whether it has failed for too long. */
  isUnwell(now: number): boolean {
    return this.#failingSince !== undefined && now - this.#failingSince >= this.#unwellAfterMs;
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
