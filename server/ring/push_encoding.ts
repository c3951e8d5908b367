/**
 * A push as the ring carries it: bytes that say all that the store keeps, but for what the ring knows itself.
 *
 * ```text
 * u16 header length | JSON { type, encoding, labels } | body as received
 * ```
 *
 * @module
 */

import type { RawPush } from "../ingest/renderer.ts";

/** What is in an envelope. */
export type PushContent = Pick<RawPush, "contentType" | "contentEncoding" | "labels" | "body">;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const TYPES: readonly string[] = ["protobuf", "text"] satisfies RawPush["contentType"][];
const ENCODINGS: readonly string[] = ["snappy", "gzip", "identity"] satisfies RawPush["contentEncoding"][];

/** The most bytes that an envelope has beside the body: labels of a token take 4 KiB at most. */
export const MAX_HEADER_BYTES = 8_192;

/** Puts a push into an envelope. */
export function encodePush({ contentType, contentEncoding, labels, body }: PushContent): Uint8Array {
  const header = encoder.encode(JSON.stringify({ type: contentType, encoding: contentEncoding, labels: [...labels] }));
  const bytes = new Uint8Array(2 + header.length + body.length);
  new DataView(bytes.buffer).setUint16(0, header.length);
  bytes.set(header, 2);
  bytes.set(body, 2 + header.length);
  return bytes;
}

/**
 * Opens an envelope. The body is a part of its bytes.
 *
 * @throws {SyntaxError} if it is malformed, which that of a member never is.
 */
export function decodePush(bytes: Uint8Array): PushContent {
  const bodyAt = bytes.length < 2 ? Infinity : 2 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
  if (bodyAt > bytes.length) throw new SyntaxError("Cannot open a push of the ring: it is cut short");
  const { type, encoding, labels } = parse(bytes.subarray(2, bodyAt));
  if (!TYPES.includes(type as string) || !ENCODINGS.includes(encoding as string) || !isPairs(labels)) {
    throw new SyntaxError("Cannot open a push of the ring: its header lacks a field");
  }
  return {
    contentType: type as PushContent["contentType"],
    contentEncoding: encoding as PushContent["contentEncoding"],
    labels: new Map(labels),
    body: bytes.subarray(bodyAt),
  };
}

function parse(header: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(decoder.decode(header)) ?? {};
  } catch (cause) {
    throw new SyntaxError("Cannot open a push of the ring: its header is not JSON", { cause });
  }
}

function isPairs(value: unknown): value is [string, string][] {
  return Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string"));
}
