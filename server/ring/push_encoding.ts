/**
 * A push as the ring carries it from member to member: all that the store holds of it, but for what the ring knows itself.
 *
 * ```text
 * u16 header length | JSON { type, encoding, labels, through, parts } | body as received
 * ```
 *
 * @module
 */

import type { UnmadeBytes } from "../../ring/protocol/push_bytes.ts";
import { PUSH_CONTENT_ENCODINGS, PUSH_CONTENT_TYPES, type PushContent } from "../ingest/push_content.ts";

/** The most requests of remote write that go together: what is told of each has to fit into what the ring carries of words. */
export const MAX_PARTS = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The most bytes that an encoded push has beside the body: labels of a token take 4 KiB at most. */
export const MAX_HEADER_BYTES = 8_192;

/** A push of this member's own client. It is encoded only if it goes to another member, and then once. */
export class LocalPush implements UnmadeBytes {
  /** The push. */
  readonly content: PushContent;
  /** How many bytes it has once it is encoded. */
  readonly length: number;
  readonly #header: Uint8Array;
  #bytes: Uint8Array | undefined;

  /** Encodes nothing yet. */
  constructor(content: PushContent) {
    const { contentType: type, contentEncoding: encoding, labels, through, parts, body } = content;
    this.content = content;
    this.#header = encoder.encode(JSON.stringify({ type, encoding, labels: [...labels], through, parts }));
    this.length = 2 + this.#header.length + body.length;
  }

  /** Encodes it, if that was not done before. */
  make(): Uint8Array {
    if (this.#bytes !== undefined) return this.#bytes;
    const bytes = new Uint8Array(this.length);
    new DataView(bytes.buffer).setUint16(0, this.#header.length);
    bytes.set(this.#header, 2);
    bytes.set(this.content.body, 2 + this.#header.length);
    return this.#bytes = bytes;
  }
}

/** Encodes a push. */
export function encodePush(content: PushContent): Uint8Array {
  return new LocalPush(content).make();
}

/**
 * Decodes a push. Its body is a part of the bytes.
 *
 * @throws {SyntaxError} if they are malformed, which those of a member never are.
 */
export function decodePush(bytes: Uint8Array): PushContent {
  const bodyAt = bytes.length < 2 ? Infinity : 2 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
  if (bodyAt > bytes.length) throw new SyntaxError("Cannot decode a push of the ring: it is cut short");
  const { type, encoding, labels, through, parts } = parse(bytes.subarray(2, bodyAt));
  const contentType = PUSH_CONTENT_TYPES.find((known) => known === type);
  const contentEncoding = PUSH_CONTENT_ENCODINGS.find((known) => known === encoding);
  if (contentType === undefined || contentEncoding === undefined || !isPairs(labels)) {
    throw new SyntaxError("Cannot decode a push of the ring: its header lacks a field");
  }
  if (parts !== undefined && !areLengths(parts, bytes.length - bodyAt)) {
    throw new SyntaxError("Cannot decode a push of the ring: its parts are not its body");
  }
  return {
    contentType,
    contentEncoding,
    labels: new Map(labels),
    // A member that shows it has checked it.
    ...Number.isSafeInteger(through) ? { through: Number(through) } : {},
    ...parts === undefined ? {} : { parts },
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

function areLengths(value: unknown, bytes: number): value is number[] {
  return Array.isArray(value) && value.length <= MAX_PARTS &&
    value.every((length) => Number.isSafeInteger(length) && length >= 0) &&
    value.reduce((sum, length) => sum + length, 0) === bytes;
}
