/**
 * Takes pushes as owner or standby, from peers and from our own clients alike, and answers once they are durable.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import type { Clock } from "../protocol/effects.ts";
import { isBelievedTime } from "../protocol/headroom.ts";
import type { HeldEntry } from "./entry_table.ts";
import type { CommitSerializer, SerializedCommit } from "./commit_serializer.ts";
import { plainWords } from "../protocol/message_fields.ts";
import type { Messages, Role } from "../protocol/messages.ts";
import type { PushBytes } from "../protocol/push_bytes.ts";
import type { PushVersion } from "../protocol/push_version.ts";
import { keyHash } from "../placement/rendezvous.ts";

/** A push that is to be taken. */
export interface PutRequest {
  /** The cluster id. */
  readonly id: string;
  /** Its version. */
  readonly version: PushVersion;
  /** What the sender takes us for. */
  readonly role: Role;
  /** The push. */
  readonly bytes: PushBytes;
}

/** What is answered. */
export type Answer =
  | ({ readonly type: "PUT_OK" } & Messages["PUT_OK"])
  | ({ readonly type: "NACK" } & Messages["NACK"]);

/** When a member without room wants to be asked again, in milliseconds. */
export const BUSY_RETRY_MS = 1_000;

/** What a {@linkcode PutHandler} works with, besides the ring's context. */
export interface PutHandlerOptions {
  /** Makes durable. */
  readonly serializer: CommitSerializer;
  /** Called with what was stored, before it is answered. */
  readonly onStored: (held: HeldEntry, stored: { bytes: PushBytes; clock: Clock }) => void;
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
    const { serializer, onStored } = this.#options;
    const context = this.#context;
    const { name, limits } = context;
    const nack = (content: Messages["NACK"]) => done({ type: "NACK", ...content }, clock);
    if (context.isFenced(clock.now)) return nack({ code: "FENCED" });
    const placement = context.view().place(keyHash(push.id));
    // Taken for the standby while we are the owner, we are none the less the owner.
    const role: Role | undefined = placement?.owner === name
      ? "owner"
      : placement?.standby === name && push.role === "standby"
      ? "standby"
      : undefined;
    if (role === undefined) return nack({ code: "NOT_OWNER", owner: placement?.owner });
    if (push.bytes.length > limits.pushBytes) return nack({ code: "TOO_BIG" });
    // Of our own clients' pushes none is: the time is our clock's.
    if (!isBelievedTime(push.version.ms, clock.wall)) {
      context.emit({ do: "unread", type: "PUT" });
      return nack({ code: "STORE_FAILED" });
    }
    serializer.take({
      ...push,
      role,
      fresh: true,
      ageMs: 0,
      done: (result, clock) => {
        if (result.type === "stored") onStored(result.held, { bytes: push.bytes, clock });
        done(answerOf(result, role), clock);
      },
    }, clock);
  }
}

function answerOf(result: SerializedCommit, role: Role): Answer {
  switch (result.type) {
    case "stored":
      return {
        type: "PUT_OK",
        result: result.type,
        role,
        ...(result.remark ? { remark: plainWords(result.remark) } : {}),
      };
    case "dup":
    case "stale":
      return { type: "PUT_OK", result: result.type, role };
    case "busy":
      return { type: "NACK", code: "BUSY", retryMs: BUSY_RETRY_MS };
    case "failed":
      return { type: "NACK", code: "STORE_FAILED" };
    case "refused":
      return { type: "NACK", code: "REFUSED", reason: plainWords(result.reason), detail: plainWords(result.detail) };
  }
}
