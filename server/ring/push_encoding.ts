/**
 * A push as the ring carries it: bytes that say all that the store keeps, but for what the ring knows itself.
 *
 * ```text
 * u16 header length | JSON { type, encoding, labels } | body as received
 * ```
 *
 * @module
 */

import { PUSH_CONTENT_ENCODINGS, PUSH_CONTENT_TYPES, type PushContent } from "../ingest/push_content.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The most bytes that an encoded push has beside the body: labels of a token take 4 KiB at most. */
export const MAX_HEADER_BYTES = 8_192;

/** Encodes a push. */
export function encodePush({ contentType, contentEncoding, labels, body }: PushContent): Uint8Array {
  const header = encoder.encode(JSON.stringify({ type: contentType, encoding: contentEncoding, labels: [...labels] }));
  const bytes = new Uint8Array(2 + header.length + body.length);
  new DataView(bytes.buffer).setUint16(0, header.length);
  bytes.set(header, 2);
  bytes.set(body, 2 + header.length);
  return bytes;
}

/**
 * Decodes a push. Its body is a part of the bytes.
 *
 * @throws {SyntaxError} if they are malformed, which those of a member never are.
 */
export function decodePush(bytes: Uint8Array): PushContent {
  const bodyAt = bytes.length < 2 ? Infinity : 2 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
  if (bodyAt > bytes.length) throw new SyntaxError("Cannot decode a push of the ring: it is cut short");
  const { type, encoding, labels } = parse(bytes.subarray(2, bodyAt));
  const contentType = PUSH_CONTENT_TYPES.find((known) => known === type);
  const contentEncoding = PUSH_CONTENT_ENCODINGS.find((known) => known === encoding);
  if (contentType === undefined || contentEncoding === undefined || !isPairs(labels)) {
    throw new SyntaxError("Cannot decode a push of the ring: its header lacks a field");
  }
  return {
    contentType,
    contentEncoding,
    labels: new Map(labels),
    body: bytes.subarray(bodyAt),
  };
}

function parse(header: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(decoder.decode(header)) ?? {};
  } catch (cause) {
    throw new SyntaxError("Cannot decode a push of the ring: its header is not JSON", { cause });
  }
}

function isPairs(value: unknown): value is [string, string][] {
  return Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string"));
}
