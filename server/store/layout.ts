/**
 * How a push lies in Deno KV: one value, or a head and the chunks of one generation, with checksums over all of it.
 *
 * ```text
 * [NAMESPACE, "push", ID]                  head: u8 format | u32 crc | u32 length | JSON header | body, if it fits
 * [NAMESPACE, "chunk", ID, GENERATION, N]  a piece of a body that does not fit, in order from 0
 * [NAMESPACE, "delta", ID, NUMBER]         the same head of a delta: what came after the push, in order of NUMBER
 * [NAMESPACE, "delta", ID, NUMBER, N]      a piece of a delta's body that does not fit, in order from 0
 * [NAMESPACE, "aside", ATMS, ID]           the head of an entry that did not check out
 * [NAMESPACE, "meta", KEY]                 a small text of the server's own, in UTF-8
 * ```
 *
 * Integers are big-endian. The head's CRC-32 (the one of zlib) covers the id, the header and the body inside the head, so
 * a value under the wrong key does not check out either; the header carries the checksum of a body in chunks.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { LimitError } from "../../common/exposition/metric_family.ts";
import type { Role } from "../../ring/protocol/messages.ts";
import type { PushVersion } from "../../ring/protocol/push_version.ts";
import type { PushContent } from "../ingest/push_content.ts";

/** The newest accepted push of one cluster. Whoever puts one leaves its body alone until that has ended. */
export interface StoredPush extends PushContent {
  /** The cluster id: well-formed Unicode of 1 to 255 bytes. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** The ring's version of it, if there is or was a ring: the store does not look inside. */
  readonly version?: PushVersion;
  /** What this server was for the cluster, if there is a ring. */
  readonly role?: Role;
}

/** What came for a cluster after its push. */
export interface StoredDelta extends StoredPush {
  /** Its place among the deltas of the cluster. */
  readonly number: number;
}

/** Under which key of `meta` a ring keeps its state. */
export const RING_STATE = "ring";

/** Where the chunks of a body lie, and what they must add up to. */
export interface Chunked {
  /** A number that no other push of the cluster has in the store. */
  readonly generation: number;
  /** How many chunks there are. */
  readonly count: number;
  /** The length of the body. */
  readonly bytes: number;
  /** Its CRC-32. */
  readonly crc: number;
}

/** A key with the value to set, or without one to delete. */
export interface Mutation {
  /** The key to set or delete. */
  readonly key: Deno.KvKey;
  /** The value to set; none deletes. */
  readonly value?: Uint8Array;
}

/** The largest value that Deno KV takes, and so the size of a chunk. */
export const VALUE_BYTES = 65_536;

/** The largest body that the store takes: 512 chunks, which with their keys stay far from the limits of a reader. */
export const MAX_BODY_BYTES: number = 512 * VALUE_BYTES;

/** The longest cluster id that the store takes, in bytes of UTF-8. */
export const MAX_ID_BYTES = 255;

const FORMAT = 1;
const FIXED_BYTES = 9;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The keys of one namespace. */
export class Keys {
  readonly #namespace: string;

  /** Prepares the keys of the namespace. */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** The prefix of one kind of key. */
  all(kind: "push" | "chunk" | "delta" | "aside" | "meta"): Deno.KvKey {
    return [this.#namespace, kind];
  }

  /** The key of a push's head. */
  head(id: string): Deno.KvKey {
    return [this.#namespace, "push", id];
  }

  /** The prefix of every chunk of a cluster. */
  chunks(id: string): Deno.KvKey {
    return [this.#namespace, "chunk", id];
  }

  /** The prefix of the chunks of one body. */
  generation(id: string, generation: number): Deno.KvKey {
    return [this.#namespace, "chunk", id, generation];
  }

  /** The key of one chunk. */
  chunk(id: string, generation: number, index: number): Deno.KvKey {
    return [this.#namespace, "chunk", id, generation, index];
  }

  /** The prefix of every delta of a cluster. */
  deltas(id: string): Deno.KvKey {
    return [this.#namespace, "delta", id];
  }

  /** The key of a delta's head, and the prefix of its pieces. */
  delta(id: string, number: number): Deno.KvKey {
    return [this.#namespace, "delta", id, number];
  }

  /** The key under which an entry is set aside. */
  aside(atMs: number, id: string): Deno.KvKey {
    return [this.#namespace, "aside", atMs, id];
  }

  /** The key of a value of the server's own. */
  meta(key: string): Deno.KvKey {
    return [this.#namespace, "meta", key];
  }
}

/**
 * Lays a push out as mutations in an order that leaves the old or the new push in place wherever a crash cuts it: chunks
 * first, under a generation that nothing else has, the head last. A body that fits into the head has no chunks.
 *
 * @throws {TypeError} if the id is not well-formed Unicode of 1 to 255 bytes.
 * @throws {LimitError} if the body or the header is larger than the store takes.
 */
export function layPush(push: StoredPush, { keys, generation }: { keys: Keys; generation: number }): Mutation[] {
  const { id } = push;
  return lay(push, { head: keys.head(id), generation, piece: (index) => keys.chunk(id, generation, index) });
}

/**
 * Lays a delta out as mutations, whose head comes last.
 *
 * @throws {TypeError} and {LimitError} as {@linkcode layPush} does.
 */
export function layDelta(delta: StoredDelta, keys: Keys): Mutation[] {
  const head = keys.delta(delta.id, delta.number);
  return lay(delta, { head, generation: delta.number, piece: (index) => [...head, index] });
}

function lay(
  push: StoredPush,
  { head, generation, piece }: { head: Deno.KvKey; generation: number; piece: (index: number) => Deno.KvKey },
): Mutation[] {
  const { id, body } = push;
  const idBytes = encoder.encode(id);
  if (!id.isWellFormed() || idBytes.length === 0 || idBytes.length > MAX_ID_BYTES) {
    throw new TypeError(`Cannot store a push as its id must be Unicode of 1 to ${MAX_ID_BYTES} bytes`);
  }
  if (body.length > MAX_BODY_BYTES) {
    throw new LimitError(`Cannot store a push of ${body.length} bytes: the limit is ${MAX_BODY_BYTES}`, {});
  }
  const inline = headerOf(push);
  if (FIXED_BYTES + inline.length + body.length <= VALUE_BYTES) {
    return [{ key: head, value: headOf(idBytes, inline, body) }];
  }
  const pieces: Mutation[] = [];
  for (let at = 0; at < body.length; at += VALUE_BYTES) {
    pieces.push({ key: piece(pieces.length), value: body.subarray(at, at + VALUE_BYTES) });
  }
  const header = headerOf(push, { generation, count: pieces.length, bytes: body.length, crc: crc32(body) });
  if (FIXED_BYTES + header.length > VALUE_BYTES) {
    throw new LimitError(`Cannot store a push whose labels and version take ${header.length} bytes`, {});
  }
  return [...pieces, { key: head, value: headOf(idBytes, header, new Uint8Array()) }];
}

/** What a head says. */
export interface Head {
  /** The push; its body is empty if it lies in chunks. */
  readonly push: StoredPush;
  /** Where the body lies if not in the head. */
  readonly chunked?: Chunked;
}

/**
 * Reads a head.
 *
 * @throws {SyntaxError} if it does not check out.
 */
export function readHead(id: string, value: unknown): Head {
  if (!(value instanceof Uint8Array) || value.length < FIXED_BYTES) throw new SyntaxError("Head is cut short");
  if (value[0] !== FORMAT) throw new SyntaxError(`Head has the unknown format ${value[0]}`);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (crc32(value.subarray(5), crc32(encoder.encode(id))) !== view.getUint32(1)) {
    throw new SyntaxError("Head does not match its checksum");
  }
  const bodyAt = FIXED_BYTES + view.getUint32(5);
  const header = JSON.parse(decoder.decode(value.subarray(FIXED_BYTES, bodyAt)));
  const { at, type, encoding, labels, version, role, through, chunked } = header;
  const push: StoredPush = {
    id,
    receivedAtMs: at,
    contentType: type,
    contentEncoding: encoding,
    labels: new Map(labels),
    ...(version === undefined ? {} : { version }),
    ...(role === undefined ? {} : { role }),
    ...(through === undefined ? {} : { through }),
    body: value.subarray(bodyAt),
  };
  return chunked === undefined ? { push } : { push, chunked };
}

/**
 * Joins the chunks of a body.
 *
 * @throws {SyntaxError} if they are not what the head promised.
 */
export function joinChunks({ count, bytes, crc }: Chunked, chunks: readonly unknown[]): Uint8Array {
  if (chunks.length !== count) throw new SyntaxError(`Body has ${chunks.length} of ${count} chunks`);
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array) || at + chunk.length > bytes) throw new SyntaxError("Body has a bad chunk");
    body.set(chunk, at);
    at += chunk.length;
  }
  if (at !== bytes || crc32(body) !== crc) throw new SyntaxError("Body does not match its checksum");
  return body;
}

function headerOf(push: StoredPush, chunked?: Chunked): Uint8Array {
  const { receivedAtMs: at, contentType: type, contentEncoding: encoding, labels, version, role, through } = push;
  const header = { at, type, encoding, labels: [...labels], version, role, through, chunked };
  return encoder.encode(JSON.stringify(header));
}

function headOf(idBytes: Uint8Array, header: Uint8Array, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(FIXED_BYTES + header.length + body.length);
  const view = new DataView(head.buffer);
  head[0] = FORMAT;
  view.setUint32(5, header.length);
  head.set(header, FIXED_BYTES);
  head.set(body, FIXED_BYTES + header.length);
  view.setUint32(1, crc32(head.subarray(5), crc32(idBytes)));
  return head;
}
