/**
 * The bounds of what a member keeps in flight, waiting and under way.
 *
 * @module
 */

/** Bounds, all with defaults. One push may always go, however large it is. */
export interface RingLimits {
  /**
   * Pushes in flight to one peer.
   *
   * @default {64}
   */
  readonly peerRequests: number;
  /**
   * Bytes of pushes in flight to one peer.
   *
   * @default {8_388_608}
   */
  readonly peerBytes: number;
  /**
   * Bytes of pushes in flight to all peers.
   *
   * @default {67_108_864}
   */
  readonly totalBytes: number;
  /**
   * Bytes of pushes and copies that wait for the store.
   *
   * @default {67_108_864}
   */
  readonly pendingBytes: number;
  /**
   * The most bytes that a push may have: what is larger has no frame.
   *
   * @default {1_000_000}
   */
  readonly pushBytes: number;
  /**
   * The most bytes a second for copies that no push waits for: a third of what one core moves over a link, so that pushes always
   * have the better part of links and disks.
   *
   * @default {33_554_432}
   */
  readonly transferBytesPerSecond: number;
}

/** The defaults of {@linkcode RingLimits}. */
export const DEFAULT_RING_LIMITS: RingLimits = {
  peerRequests: 64,
  peerBytes: 8 * 1_024 * 1_024,
  totalBytes: 64 * 1_024 * 1_024,
  pendingBytes: 64 * 1_024 * 1_024,
  pushBytes: 1_000_000,
  transferBytesPerSecond: 32 * 1_024 * 1_024,
};
