/**
 * Framed snappy uncompressed once, in one call.
 *
 * @module
 */

import { SnappyUnframer } from "../../common/exposition/snappy.ts";

/** Uncompresses it into bytes of the caller's own, as {@linkcode SnappyUnframer.unframe} does into its memory. */
export function unframed(framed: Uint8Array, options: { limitBytes: number }): Uint8Array {
  return new SnappyUnframer().unframe(framed, options).slice();
}
