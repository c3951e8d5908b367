/**
 * Takes pushes of what we own, from peers and from our own clients alike, and answers once they are durable here and on as many others
 * as is asked for.
 *
 * ```text
 *               ┌── commit here ────────────┐
 * push ── check ┤                           ├── both ──▶ shown, PUT_OK
 *               └── copies on other members ┘
 * ```
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { Clock } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "./entry_table.ts";
import type { CommitSerializer, SerializedCommit } from "./commit_serializer.ts";
import { plainWords } from "../protocol/message_fields.ts";
import type { Messages } from "../protocol/messages.ts";
import type { PushBytes } from "../protocol/push_bytes.ts";
import { compareVersions, type PushOrigin, type PushVersion } from "../protocol/push_version.ts";
import { keyHash } from "../placement/rendezvous.ts";
import type { Kept, PushCopies } from "./push_copies.ts";

/** A push that is to be taken. */
export interface PutRequest {
  /** The cluster id. */
  readonly id: string;
  /** Which push it is. */
  readonly origin: PushOrigin;
  /** What our clock had passed when it was sent, if another member has sent it. */
  readonly heardAt?: number;
  /** The push. */
  readonly bytes: PushBytes;
}

/** What is answered. */
export type Answer =
  | ({ readonly type: "PUT_OK" } & Messages["PUT_OK"])
  | ({ readonly type: "NACK" } & Messages["NACK"]);

/** When a member without room wants to be asked again, in milliseconds. */
export const BUSY_RETRY_MS = 1_000;

/**
 * How long a push may have been on its way, in milliseconds: as long as its ingress waits for the answer. What comes later its client
 * has pushed again elsewhere, perhaps with newer ones behind it.
 */
export const MAX_WAY_MS = 2_000;

/** What a {@linkcode PutHandler} works with, besides the ring's context. */
export interface PutHandlerOptions {
  /** What is held. */
  readonly table: EntryTable;
  /** Makes durable. */
  readonly serializer: CommitSerializer;
  /** Has others keep it. */
  readonly copies: PushCopies;
  /** Called with what was stored here, before anything is answered. */
  readonly onStored: (held: HeldEntry, stored: { bytes: PushBytes; clock: Clock }) => void;
  /** Called with what is held and enough others keep, before it is answered; or with what they do not, in time. */
  readonly onSought: (held: HeldEntry, sought: { kept: Kept; clock: Clock }) => void;
}

/** Takes pushes. */
export class PutHandler {
  readonly #context: RingContext;
  readonly #options: PutHandlerOptions;

  /** Starts with nothing under way. */
  constructor(context: RingContext, options: PutHandlerOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Takes a push if it belongs here. `done` is called once, perhaps before this returns. */
  take(push: PutRequest, { clock, done }: { clock: Clock; done: (answer: Answer, clock: Clock) => void }): void {
    const { serializer, copies, onStored } = this.#options;
    const context = this.#context;
    const { id, origin, heardAt, bytes } = push;
    const nack = (content: Messages["NACK"]) => done({ type: "NACK", ...content }, clock);
    if (context.isFenced(clock.now)) return nack({ code: "FENCED" });
    const owner = context.view().place(keyHash(id))?.owner;
    if (owner !== context.name) return nack({ code: "NOT_OWNER", owner });
    // The view has another stay of ours.
    if (!context.isServing()) return nack({ code: "FENCED" });
    if (bytes.length > context.limits.pushBytes) return nack({ code: "TOO_BIG" });
    if (heardAt !== undefined && clock.now - heardAt > MAX_WAY_MS) return nack({ code: "LATE" });
    // What has become of it here, and elsewhere; and what it is, as soon as it is worth a copy.
    let result: SerializedCommit | undefined, kept: Kept | undefined, version: PushVersion | undefined;
    let stored = bytes;
    let isAnswered = false;
    // A majority must say that we still own it: those who keep it, where they are one with us, and else all that vote.
    let isCurrent: boolean | undefined = (1 + copies.needed) * 2 > context.view().votes ? true : undefined;
    const conclude = (clock: Clock) => {
      if (isAnswered || result === undefined) return;
      const isStored = result.type === "stored" || result.type === "dup";
      if (isStored && version !== undefined && (kept === undefined || isCurrent === undefined)) return;
      isAnswered = true;
      done(this.#concluded(id, { result, version, kept: isCurrent ? kept : undefined, clock }), clock);
    };
    const seek = (what: PushVersion, clock: Clock) => {
      version = what;
      if (isCurrent === undefined) {
        context.confirm((answer, clock) => {
          isCurrent = answer;
          conclude(clock);
        }, clock);
      }
      copies.seek({
        id,
        version,
        takenAt: clock.now,
        bytes: stored,
        done: (found, clock) => {
          kept = found;
          conclude(clock);
        },
      }, clock);
    };
    serializer.take({
      id,
      origin,
      bytes,
      role: "owner",
      ageMs: 0,
      checked: ({ version, bytes }, clock) => {
        stored = bytes;
        seek(version, clock);
      },
      done: (answer, clock) => {
        result = answer;
        if (answer.type === "stored") onStored(answer.held, { bytes: stored, clock });
        if (answer.type === "stored" && version === undefined) return seek(answer.held.version, clock);
        const held = answer.type === "dup" ? this.#options.table.get(id, clock.now) : undefined;
        // It was stored before, and perhaps nobody else has it.
        if (held !== undefined && !held.isCopied) seek(held.version, clock);
        else conclude(clock);
      },
    }, clock);
  }

  /** What to answer, after those who are to know were told. */
  #concluded(
    id: string,
    { result, version, kept, clock }: {
      result: SerializedCommit;
      version: PushVersion | undefined;
      kept: Kept | undefined;
      clock: Clock;
    },
  ): Answer {
    const { table, onSought } = this.#options;
    const held = table.get(id, clock.now);
    const isStored = result.type === "stored" || result.type === "dup";
    const isSame = version !== undefined && held !== undefined && compareVersions(held.version, version) === 0;
    if (isStored && isSame && kept !== undefined) onSought(held, { kept, clock });
    const isSafe = version === undefined ? held?.isCopied !== false : kept?.isEnough === true;
    if ((isStored || result.type === "stale") && !isSafe) {
      return { type: "NACK", code: "NO_COPY", retryMs: BUSY_RETRY_MS };
    }
    return answerOf(result);
  }
}

function answerOf(result: SerializedCommit): Answer {
  switch (result.type) {
    case "stored":
      return { type: "PUT_OK", result: result.type, ...(result.remark ? { remark: plainWords(result.remark) } : {}) };
    case "dup":
    case "stale":
      return { type: "PUT_OK", result: result.type };
    case "busy":
      return { type: "NACK", code: "BUSY", retryMs: BUSY_RETRY_MS };
    case "failed":
      return { type: "NACK", code: "STORE_FAILED" };
    case "refused":
      return { type: "NACK", code: "REFUSED", reason: plainWords(result.reason), detail: plainWords(result.detail) };
  }
}
