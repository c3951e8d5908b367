/**
 * The bytes of a push, whose content the ring does not know.
 *
 * @module
 */

/** Bytes that are made only when they are to go to a peer: a push that stays where it came needs none. */
export interface UnmadeBytes {
  /** How many there will be. */
  readonly length: number;
  /** Makes them; the same ones each time. */
  make(): Uint8Array;
}

/** The bytes of a push, made or not. */
export type PushBytes = Uint8Array | UnmadeBytes;

/** The bytes of a push, made now if they were not. */
export function madeBytes(bytes: PushBytes): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : bytes.make();
}
