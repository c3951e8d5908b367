/**
 * What members say to each other: the content of each type of message, and its way to and from a frame's header.
 *
 * @module
 */

import type { Member } from "./member.ts";
import type { MeshMessage, MessageType } from "./mesh.ts";
import {
  amount,
  bucket,
  count,
  type Field,
  flag,
  type HeldVersion,
  heldVersion,
  listOf,
  member,
  oneOf,
  optional,
  pattern,
  pause,
  text,
  version,
  words,
  writeHeldVersion,
  writeVersion,
} from "./message_fields.ts";
import type { PushVersion } from "./push_version.ts";

/** What rides on every ping and its answer. */
export interface Beliefs {
  /** The digest of the sender's view. */
  readonly view: string;
  /** The digest of the sender's member table. */
  readonly table: string;
  /** The epoch of the sender's last agreed view. */
  readonly epoch: number;
  /** Whether the sender holds nothing that the receiver should own by this view and may lack. */
  readonly clear: boolean;
  /** Members that the sender has not heard of for long enough to agree to their death. */
  readonly accuses: readonly string[];
}

/** A view that all of its members agreed on. */
export interface AgreedView {
  /** Counts agreements: a later one has more members of the earlier behind it than any other could have. */
  readonly epoch: number;
  /** Its members. */
  readonly members: readonly { readonly name: string; readonly address: string }[];
}

/** Why a request is refused. */
export const NACK_CODES = [
  /** By the receiver's view the id belongs elsewhere, perhaps to `owner`. */
  "NOT_OWNER",
  /** The receiver's bounds are reached: again after `retryMs`. */
  "BUSY",
  "TOO_BIG",
  /** The receiver could not make it durable. */
  "STORE_FAILED",
  /** The receiver has lost its ring, or does not belong to it yet. */
  "FENCED",
  /** The push itself is at fault, as `reason` and `detail` say: nobody would take it. */
  "REFUSED",
] as const;

/** One of {@linkcode NACK_CODES}. */
export type NackCode = typeof NACK_CODES[number];

/** What a member is for the push that it is sent. */
export type Role = "owner" | "standby";

/** The content of each type of message. Where `bytes` is named, it travels as the frame's body. */
export interface Messages {
  /** "I am here", and the answer is wanted; `asker` wants it passed on. */
  PING: Beliefs & { at: number; asker?: string; askerBoot?: string; askerAt?: number };
  /** Answers PING with what it brought, and with what the sender's wall clock says. */
  ACK: Beliefs & { at: number; wall?: number; asker?: string; askerAt?: number };
  /** "Ping that process for me." */
  PING_REQ: { target: string; boot: string; at: number };
  /** That process has answered. */
  PING_REQ_ACK: Beliefs & { target: string; boot: string; at: number };
  /** Rows that changed, or all. */
  TABLE: { rows: readonly Member[]; agreed?: AgreedView; full: boolean; reply: boolean };
  /** A push, for the owner or the standby. */
  PUT: { id: string; version: PushVersion; view: string; hops: number; role: Role; bytes: Uint8Array };
  /** It is durable, or something newer is. */
  PUT_OK: { result: "stored" | "dup" | "stale"; role: Role; remark?: string };
  /** A request is refused. */
  NACK: { code: NackCode; owner?: string; retryMs?: number; reason?: string; detail?: string };
  /** A copy of what the sender holds. */
  COPY: { id: string; version: PushVersion; view: string; ageMs: number; bytes: Uint8Array };
  /** It is durable, or needless. */
  COPY_OK: Record<never, never>;
  /** What the sender holds for the receiver. */
  OFFER: { view: string; holdings: readonly HeldVersion[] };
  /** Which of that the receiver lacks. */
  WANT: { ids: readonly string[] };
  /** Hashes by a key of what the pair should both hold, or of the part of it that a prefix stands for. */
  BUCKETS: { view: string; key: string; prefix: string; hashes: string };
  /** What is in the buckets that differ, or which of them is too large to be listed and must be divided. */
  LIST: { view: string; buckets: readonly number[]; holdings: readonly HeldVersion[]; divide?: number };
  /** "Offer me what will be mine." */
  PULL: { view: string };
  /** All of that was brought. */
  PULLED: Record<never, never>;
  /** A question of the server's, not of the ring's. */
  ASK: { topic: string; bytes: Uint8Array };
  /** The answer, or why there is none. */
  ANSWER: { why?: string; bytes: Uint8Array };
}

/** A message of any type: its content with the type and the request number. */
export type Message = { [T in MessageType]: { type: T; request: number } & Messages[T] }[MessageType];

/** A message of one type. */
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

const EMPTY = new Uint8Array();

const BELIEFS = {
  view: text,
  table: text,
  epoch: count,
  clear: flag,
  accuses: listOf(text),
};

/** A view that was agreed on, from a peer or from the disk. */
export const agreedView: Field<AgreedView> = (value, label): AgreedView => {
  const { epoch, members } = (value ?? {}) as Record<string, unknown>;
  const pair: Field<{ name: string; address: string }> = (element, of) => {
    const { name, address } = (element ?? {}) as Record<string, unknown>;
    return { name: text(name, of), address: text(address, of) };
  };
  return { epoch: count(epoch, label), members: listOf(pair)(members, label) };
};

/** The fields of each type of message, each with what reads it. */
export const MESSAGE_FIELDS: { [T in MessageType]: { [F in keyof Messages[T]]-?: Field<Messages[T][F]> } } = {
  PING: { ...BELIEFS, at: amount, asker: optional(text), askerBoot: optional(text), askerAt: optional(amount) },
  ACK: { ...BELIEFS, at: amount, wall: optional(amount), asker: optional(text), askerAt: optional(amount) },
  PING_REQ: { target: text, boot: text, at: amount },
  PING_REQ_ACK: { ...BELIEFS, target: text, boot: text, at: amount },
  TABLE: { rows: listOf(member), agreed: optional(agreedView), full: flag, reply: flag },
  PUT: { id: text, version, view: text, hops: count, role: oneOf(["owner", "standby"]), bytes: bodyField },
  PUT_OK: {
    result: oneOf(["stored", "dup", "stale"]),
    role: oneOf(["owner", "standby"]),
    remark: optional(words),
  },
  NACK: {
    code: oneOf(NACK_CODES),
    owner: optional(text),
    retryMs: optional(pause),
    reason: optional(words),
    detail: optional(words),
  },
  COPY: { id: text, version, view: text, ageMs: amount, bytes: bodyField },
  COPY_OK: {},
  OFFER: { view: text, holdings: listOf(heldVersion) },
  WANT: { ids: listOf(text) },
  BUCKETS: {
    view: text,
    key: pattern(/^[0-9a-f]{32}$/, "a key of 32 digits"),
    prefix: pattern(/^(?:[0-9a-f]{2}){0,7}$/, "a prefix of at most 14 digits"),
    hashes: pattern(/^(?:[0-9a-f]{16}){256}$/, "256 hashes"),
  },
  LIST: { view: text, buckets: listOf(bucket), holdings: listOf(heldVersion), divide: optional(bucket) },
  PULL: { view: text },
  PULLED: {},
  ASK: { topic: text, bytes: bodyField },
  ANSWER: { why: optional(words), bytes: bodyField },
};

/**
 * Reads a message.
 *
 * @throws {SyntaxError} if a field is missing or not what it should be.
 */
export function readMessage({ type, request, header, body }: MeshMessage): Message {
  const message: Record<string, unknown> = { type, request };
  for (const [name, field] of Object.entries(MESSAGE_FIELDS[type] as Record<string, Field<unknown>>)) {
    const value = field(name === "bytes" ? body : header[name], name);
    if (value !== undefined) message[name] = value;
  }
  return message as Message;
}

/** Writes a message. */
export function writeMessage({ type, request, ...content }: Message): MeshMessage {
  const { bytes, ...header } = content as Record<string, unknown>;
  if ("version" in header) header.version = writeVersion(header.version as PushVersion);
  if ("holdings" in header) header.holdings = (header.holdings as HeldVersion[]).map(writeHeldVersion);
  return { type, request, header, body: (bytes as Uint8Array | undefined) ?? EMPTY };
}

function bodyField(value: unknown): Uint8Array {
  return value as Uint8Array;
}
