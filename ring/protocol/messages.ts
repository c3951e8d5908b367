/**
 * What members say to each other: the content of each type of message, and its way to and from a frame's header.
 *
 * @module
 */

import type { AgreedView, ViewMember } from "./agreed_view.ts";
import type { Accepted, AcceptorState, Ballot } from "./ballot.ts";
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
  origin,
  pattern,
  pause,
  text,
  version,
  words,
  writeHeldVersion,
  writeOrigin,
  writeVersion,
} from "./message_fields.ts";
import type { PushOrigin, PushVersion } from "./push_version.ts";

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

/** Why a request is refused. */
export const NACK_CODES = [
  /** By the receiver's view the id belongs elsewhere, perhaps to `owner`. */
  "NOT_OWNER",
  /** The receiver's bounds are reached: again after `retryMs`. */
  "BUSY",
  "TOO_BIG",
  /** The receiver could not make it durable. */
  "STORE_FAILED",
  /** The receiver, being the owner, has found nobody in time to keep a copy. */
  "NO_COPY",
  /** It has been on its way for longer than its ingress waits. */
  "LATE",
  /** The receiver was to pass it on, and has no link with its owner either, or no answer from it. */
  "NO_WAY",
  /** The receiver has lost its ring, or does not belong to it yet. */
  "FENCED",
  /** The push itself is at fault, as `reason` and `detail` say: nobody would take it. */
  "REFUSED",
] as const;

/** One of {@linkcode NACK_CODES}. */
export type NackCode = typeof NACK_CODES[number];

/** What a member is for an entry that it holds. */
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
  /** The sender wants to decide the view of an epoch. */
  PREPARE: { epoch: number; ballot: Ballot };
  /** It may, as far as the sender goes; who accepted another view before says which. */
  PROMISE: { epoch: number; ballot: Ballot; disk: string; accepted?: Accepted };
  /** The view of the next epoch shall be this one. */
  ACCEPT: { ballot: Ballot; agreed: AgreedView };
  /** The sender has accepted that. */
  ACCEPTED: { epoch: number; ballot: Ballot; disk: string };
  /** The sender has promised a later ballot. */
  OUTVOTED: { epoch: number; ballot: Ballot };
  /** Whether the receiver has accepted no view after this one. */
  CONFIRM: { epoch: number; view: string };
  /** It has not. */
  CONFIRMED: { disk: string };
  /** Rows that changed, or all. */
  TABLE: { rows: readonly Member[]; agreed?: AgreedView; full: boolean; reply: boolean };
  /**
   * A push, for the owner; `heardAt` is what the receiver's clock must have passed when it was sent. With `to` it is for that member, whom
   * the sender cannot reach: the receiver passes it on, without it.
   */
  PUT: { id: string; origin: PushOrigin; view: string; hops: number; heardAt?: number; to?: string; bytes: Uint8Array };
  /** It is durable on as many members as is asked for, or something newer is. */
  PUT_OK: { result: "stored" | "dup" | "stale"; remark?: string };
  /** A request is refused. */
  NACK: { code: NackCode; owner?: string; retryMs?: number; reason?: string; detail?: string };
  /** A copy of what the sender holds; `pushed` if a client is answered for it, so that only who has the same view may take it. */
  COPY: { id: string; version: PushVersion; view: string; ageMs: number; pushed: boolean; bytes: Uint8Array };
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

const viewMember: Field<ViewMember> = (value, label): ViewMember => {
  const { name, address, host, since, disk, isWitness, rule } = (value ?? {}) as Record<string, unknown>;
  return {
    name: text(name, label),
    address: text(address, label),
    host: text(host, label),
    since: count(since, label),
    disk: text(disk, label),
    isWitness: flag(isWitness ?? false, label),
    rule: count(rule ?? 1, label),
  };
};

/** A view that was decided, from a peer or from the disk. */
export const agreedView: Field<AgreedView> = (value, label): AgreedView => {
  const { epoch, isStrict, members } = (value ?? {}) as Record<string, unknown>;
  return { epoch: count(epoch, label), isStrict: flag(isStrict, label), members: listOf(viewMember)(members, label) };
};

const ballot: Field<Ballot> = (value, label): Ballot => {
  const { round, proposer } = (value ?? {}) as Record<string, unknown>;
  return { round: count(round, label), proposer: text(proposer, label) };
};

const accepted: Field<Accepted> = (value, label): Accepted => {
  const { ballot: of, view } = (value ?? {}) as Record<string, unknown>;
  return { ballot: ballot(of, label), view: agreedView(view, label) };
};

/** What a vote has promised and accepted, from the disk. */
export const acceptorState: Field<AcceptorState> = (value, label): AcceptorState => {
  const { epoch, promised, accepted: before } = (value ?? {}) as Record<string, unknown>;
  return {
    epoch: count(epoch, label),
    promised: optional(ballot)(promised, label),
    accepted: optional(accepted)(before, label),
  };
};

/** The fields of each type of message, each with what reads it. */
export const MESSAGE_FIELDS: { [T in MessageType]: { [F in keyof Messages[T]]-?: Field<Messages[T][F]> } } = {
  PING: { ...BELIEFS, at: amount, asker: optional(text), askerBoot: optional(text), askerAt: optional(amount) },
  ACK: { ...BELIEFS, at: amount, wall: optional(amount), asker: optional(text), askerAt: optional(amount) },
  PING_REQ: { target: text, boot: text, at: amount },
  PING_REQ_ACK: { ...BELIEFS, target: text, boot: text, at: amount },
  PREPARE: { epoch: count, ballot },
  PROMISE: { epoch: count, ballot, disk: text, accepted: optional(accepted) },
  ACCEPT: { ballot, agreed: agreedView },
  ACCEPTED: { epoch: count, ballot, disk: text },
  OUTVOTED: { epoch: count, ballot },
  CONFIRM: { epoch: count, view: text },
  CONFIRMED: { disk: text },
  TABLE: { rows: listOf(member), agreed: optional(agreedView), full: flag, reply: flag },
  PUT: { id: text, origin, view: text, hops: count, heardAt: optional(amount), to: optional(text), bytes: bodyField },
  PUT_OK: {
    result: oneOf(["stored", "dup", "stale"]),
    remark: optional(words),
  },
  NACK: {
    code: oneOf(NACK_CODES),
    owner: optional(text),
    retryMs: optional(pause),
    reason: optional(words),
    detail: optional(words),
  },
  COPY: { id: text, version, view: text, ageMs: amount, pushed: flag, bytes: bodyField },
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
  if ("origin" in header) header.origin = writeOrigin(header.origin as PushOrigin);
  if ("version" in header) header.version = writeVersion(header.version as PushVersion);
  if ("holdings" in header) header.holdings = (header.holdings as HeldVersion[]).map(writeHeldVersion);
  return { type, request, header, body: (bytes as Uint8Array | undefined) ?? EMPTY };
}

function bodyField(value: unknown): Uint8Array {
  return value as Uint8Array;
}
