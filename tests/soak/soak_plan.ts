/**
 * How a soak goes.
 *
 * @module
 */

/** What it tries, and for how long. */
export interface SoakPlan {
  /** What all chance in it follows from. */
  readonly seed: number;
  /** How long it lasts, in milliseconds: the first half with faults. */
  readonly durationMs: number;
  /** Good clusters. */
  readonly clusters: number;
  /** Their pushes a second. */
  readonly pushesPerSecond: number;
  /**
   * How many servers there are: a ring, if several.
   *
   * @default {1}
   */
  readonly servers?: number;
  /**
   * Whether each has a small disk, which is full at times.
   *
   * @default {false}
   */
  readonly fullDisk?: boolean;
}
