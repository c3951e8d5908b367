/**
 * How bodies of remote write are compressed, and what their headers say that they are.
 *
 * @module
 */

import { snappyUncompressor } from "hysnappy";
import { inflate } from "../exposition/inflate.ts";
import { UncompressedLimitError } from "../exposition/metric_family.ts";
import { claimedBlockBytes } from "../exposition/snappy.ts";
import { Kernel, SPARE_BYTES } from "../kernel/kernel.ts";
import { WRITE_CONTENT_TYPE, WRITE_MESSAGES, WRITE_VERSIONS, type WriteVersion } from "./write_fields.ts";

/** How a body may be compressed; `snappy` is the block format, as the protocol says. */
export const WRITE_ENCODINGS = ["snappy", "zstd", "gzip"] as const;

/** One of {@linkcode WRITE_ENCODINGS}. */
export type WriteEncoding = typeof WRITE_ENCODINGS[number];

/** The message that a `Content-Type` promises; undefined if it is another one. */
export function writeVersionOf(contentType: string | null): WriteVersion | undefined {
  const [type, ...rest] = (contentType ?? WRITE_CONTENT_TYPE).toLowerCase().split(";").map((part) => part.trim());
  if (type !== WRITE_CONTENT_TYPE) return undefined;
  const proto = rest.find((part) => part.startsWith("proto="))?.slice("proto=".length).replaceAll('"', "");
  if (proto === undefined) return "1.0";
  return WRITE_VERSIONS.find((version) => WRITE_MESSAGES[version].toLowerCase() === proto);
}

/** The compression that a `Content-Encoding` names, which is snappy without one; undefined if it is another one. */
export function writeEncodingOf(contentEncoding: string | null): WriteEncoding | undefined {
  const wanted = (contentEncoding ?? "").trim().toLowerCase() || "snappy";
  return WRITE_ENCODINGS.find((known) => known === wanted);
}

/** Uncompresses bodies, one at a time. */
export class WriteUncompressor {
  readonly #kernel = new Kernel();

  /**
   * Uncompresses a body. What it claims to hold is checked before any memory is spent on it. The result holds until the next one
   * is uncompressed.
   *
   * @throws {SyntaxError} if it is malformed.
   * @throws {UncompressedLimitError} if it holds more than `limitBytes`.
   */
  uncompress(body: Uint8Array, { encoding, limitBytes }: { encoding: WriteEncoding; limitBytes: number }): Uint8Array {
    return encoding === "snappy" ? this.#snappy(body, limitBytes) : inflate(body, { encoding, limitBytes });
  }

  #snappy(block: Uint8Array, limitBytes: number): Uint8Array {
    const length = claimedBlockBytes(block);
    if (length === undefined) throw new SyntaxError("Cannot read the snappy block: it does not say how long it is");
    if (length > limitBytes) throw new UncompressedLimitError(limitBytes);
    const kernel = this.#kernel;
    const blockAt = kernel.freeFrom, rawAt = blockAt + block.length + SPARE_BYTES, end = rawAt + length;
    kernel.reserve(end);
    kernel.bytes.set(block, blockAt);
    if (kernel.exports.uncompress(blockAt, blockAt + block.length, rawAt, end)) {
      return kernel.bytes.subarray(rawAt, end);
    }
    // The kernel takes no literal of more than 64 KiB, which the reference never writes, but others may.
    try {
      return snappyUncompressor()(block, length);
    } catch (cause) {
      throw new SyntaxError("Cannot read the snappy block: the body is malformed or cut short", { cause });
    }
  }
}
