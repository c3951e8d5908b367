/**
 * Gzip (RFC 1952) and zstd (RFC 8878), uncompressed up to a bound.
 *
 * @module
 */

import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { UncompressedLimitError } from "./metric_family.ts";

/** By the names that `Content-Encoding` has for them. */
const INFLATE = { gzip: gunzipSync, zstd: zstdDecompressSync } as const;

/**
 * Uncompresses a body.
 *
 * @throws {SyntaxError} if it is malformed.
 * @throws {UncompressedLimitError} if it holds more than `limitBytes`.
 */
export function inflate(
  body: Uint8Array,
  { encoding, limitBytes }: { encoding: "gzip" | "zstd"; limitBytes: number },
): Uint8Array {
  try {
    return INFLATE[encoding](body, { maxOutputLength: limitBytes });
  } catch (cause) {
    if (cause instanceof RangeError) throw new UncompressedLimitError(limitBytes);
    throw new SyntaxError(`Cannot read the ${encoding}: the body is malformed or cut short`, { cause });
  }
}
