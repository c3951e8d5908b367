/**
 * Watches on which side of the {@linkcode import("./fence.ts").isFenced fence} a member is, and what comes of crossing it.
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { FailureDetector } from "./failure_detector.ts";
import type { RingContext } from "./ring_context.ts";

/** Tells of it, and accuses nobody for a while of what was our own silence. */
export class FenceWatch {
  readonly #context: RingContext;
  readonly #detector: FailureDetector;
  #isCutOff = false;
  #isBehind = false;

  /** Starts in front of the fence. */
  constructor(
    context: RingContext,
    { detector }: { detector: FailureDetector },
  ) {
    this.#context = context;
    this.#detector = detector;
  }

  /** Whether the member served when it was last found behind the fence. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Time has passed. */
  tick(now: number) {
    const isCutOff = this.#context.isFenced(now);
    // The silence was ours: nobody is to die of it.
    if (this.#isCutOff && !isCutOff) this.#detector.excuse(now);
    this.#isCutOff = isCutOff;
    const isBehind = isCutOff && this.#context.self().phase === "ACTIVE";
    if (isBehind === this.#isBehind) return;
    this.#isBehind = isBehind;
    if (isBehind) this.#context.emit(note("error", "Lost quorum: showing nothing until enough members answer", {}));
    else this.#context.emit(note("info", "Regained quorum", {}));
  }
}
