/**
 * What goes into the ring's state machines and what comes out: they touch no timer, no network and no store, but are told what
 * happened and answer with what is to be done.
 *
 * @module
 */

import type { AgreedView } from "./agreed_view.ts";
import type { AcceptorState } from "./ballot.ts";
import type { Closed } from "./closed.ts";
import type { MeshLink, MeshMessage, MessageType, Refusal } from "./mesh.ts";
import { type Message, type Role, writeMessage } from "./messages.ts";
import type { PushBytes } from "./push_bytes.ts";
import type { PushVersion } from "./push_version.ts";

/** The time of an event. */
export interface Clock {
  /** Milliseconds of a clock that only goes forward, at one pace. Silence and deadlines are measured by it. */
  readonly now: number;
  /** Milliseconds since the epoch, by a clock that may be wrong and may jump. Only versions and ages are measured by it. */
  readonly wall: number;
}

/** What a member keeps over a restart. */
export interface SavedState {
  /** The highest incarnation that it may have used. */
  readonly incarnation: number;
  /** How often it has come and gone lately. */
  readonly flaps: number;
  /** Which disk this is: a random text, drawn when the store is new. */
  readonly disk?: string;
  /** The last view that it knows to be decided. */
  readonly agreed?: AgreedView;
  /** What it has promised and accepted for the next one. */
  readonly acceptor?: AcceptorState;
}

/** What the ring keeps of a cluster: opaque bytes under a version. */
export interface Entry {
  /** The cluster id. */
  readonly id: string;
  /** Orders it among the pushes of its cluster. */
  readonly version: PushVersion;
  /** When it was received, by the wall clock of the member that holds it. */
  readonly receivedAtMs: number;
  /** The push, whose content the ring does not know. */
  readonly bytes: PushBytes;
}

/** What the ring remembers of an {@linkcode Entry} that the store holds. */
export type StoredEntry = Omit<Entry, "bytes"> & {
  /** How many bytes it has. */
  readonly size: number;
};

/** How a commit ended. */
export type CommitResult =
  /** `remark` is for the client: what of the push was left out. */
  | { readonly ok: true; readonly remark?: string }
  /** The store cannot take it now. */
  | { readonly ok: false; readonly refused?: undefined }
  /** The push itself is at fault: its ingress is told why. */
  | { readonly ok: false; readonly refused: { readonly reason: string; readonly detail: string } };

/** Why a push was not taken. */
export type RejectReason =
  /** The member has lost its ring, or has none yet. */
  | "fenced"
  /** Too much is in flight here. */
  | "busy"
  /** The owner has no room. */
  | "owner-busy"
  /** The owner could not be reached. */
  | "unreachable"
  /** Members do not agree on the owner yet. */
  | "views-differ"
  /** It is larger than what a member takes. */
  | "too-big"
  /** It could not be made durable. */
  | "store"
  /** Nobody has kept a copy in time. */
  | "no-copy"
  /** The push itself is at fault. */
  | "refused";

/** How a push ended. */
export type Outcome =
  | {
    readonly result: "stored" | "dup" | "stale";
    /** What the owner left out of the push, for the client. */
    readonly remark?: string;
  }
  | {
    readonly result: "rejected";
    readonly reason: RejectReason;
    /** When it is worth to try again, in milliseconds. */
    readonly retryMs?: number;
    /** What the owner found wrong with a refused push. */
    readonly refused?: { readonly reason: string; readonly detail: string };
  };

/** What happened. */
export type RingEvent =
  /** Comes every {@linkcode TICK_MS}. */
  | { readonly type: "tick" }
  | { readonly type: "linkUp"; readonly link: MeshLink }
  | { readonly type: "linkDown"; readonly link: MeshLink; readonly reason: string }
  | { readonly type: "dialFailed"; readonly address: string; readonly refusal: Refusal }
  | { readonly type: "message"; readonly link: MeshLink; readonly message: MeshMessage }
  /** A client pushed to this member. Ends in one `settle` effect with the token. */
  | { readonly type: "push"; readonly token: number; readonly id: string; readonly bytes: PushBytes }
  /** What a `commit` effect is about has been found good, and is being made durable. Comes before `committed`, or not at all. */
  | { readonly type: "checked"; readonly token: number; readonly kept?: PushBytes }
  /** Answers a `commit` effect. */
  | { readonly type: "committed"; readonly token: number; readonly result: CommitResult }
  /** What was to be saved under this number, or a higher one, is durable. */
  | { readonly type: "saved"; readonly number: number }
  /** Answers a `load` effect; no entry if the store has none, or could not read it. */
  | { readonly type: "loaded"; readonly token: number; readonly entry?: Entry }
  /** Somebody wants to see the page. Ends in one `page` effect with the token. */
  | { readonly type: "page"; readonly token: number }
  /** The process is asked to stop. Ends in one `left` effect. */
  | { readonly type: "leave" };

/** What is to be done, in order. */
export type Effect =
  | { readonly do: "send"; readonly to: string; readonly message: MeshMessage }
  | { readonly do: "dial"; readonly address: string }
  /**
   * Keep this over a restart, then send the `saved` event: of several that wait only the one with the highest number need be kept.
   * What is saved at the start must be durable before a link is up.
   */
  | { readonly do: "save"; readonly number: number; readonly state: SavedState }
  /**
   * Make the entry durable in place of what its cluster has, then send the `committed` event. At most one a cluster at a time.
   * `fresh` if it has only just entered the ring, so that nobody has checked it yet: once that is done, there is a `checked` event.
   */
  | {
    readonly do: "commit";
    readonly token: number;
    readonly entry: Entry;
    readonly role: Role;
    readonly fresh: boolean;
  }
  /** Read what is held of a cluster, then send the `loaded` event. */
  | { readonly do: "load"; readonly token: number; readonly id: string }
  /** The page will most likely show this version of the cluster soon: what takes time for that may be done now. */
  | { readonly do: "prepare"; readonly id: string; readonly version: PushVersion }
  /** What was prepared and is not shown is not needed any more. */
  | { readonly do: "release" }
  /** From now on the page shows what the store has of the cluster, which is this version. */
  | { readonly do: "show"; readonly id: string; readonly version: PushVersion }
  /** From now on the page does not show the cluster. */
  | { readonly do: "hide"; readonly id: string }
  | { readonly do: "settle"; readonly token: number; readonly outcome: Outcome }
  /** The page may be shown as it is at this moment, or why not. */
  | { readonly do: "page"; readonly token: number; readonly closed?: Closed }
  /** A push is passed on for a member whose own link with the owner is cut. */
  | { readonly do: "relayed" }
  /** A message came whose frame was whole and whose fields were not what they should be. It is dropped. */
  | { readonly do: "unread"; readonly type: MessageType }
  /**
   * The member has left in good order: nothing is owed to anybody. Pushes that are not settled by now have no outcome: what of them
   * is being committed may come through or not, so their clients are told to try again.
   */
  | { readonly do: "left" }
  /** Worth a line in the log. */
  | {
    readonly do: "note";
    readonly level: "debug" | "info" | "warn" | "error";
    readonly sentence: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };

/** Takes the effects that a machine has. */
export type Emit = (effect: Effect) => void;

/** How much a note matters: to those who debug, to those who look back, to those who should act soon, or now. */
export type NoteLevel = Extract<Effect, { do: "note" }>["level"];

/** The effect that sends a message to a peer. */
export function send(to: string, message: Message): Effect {
  return { do: "send", to, message: writeMessage(message) };
}

/** The effect that writes a line into the log: a constant sentence, and what is particular in fields. */
export function note(level: NoteLevel, sentence: string, fields: Readonly<Record<string, unknown>>): Effect {
  return { do: "note", level, sentence, fields };
}

/** How often a `tick` is due, in milliseconds. */
export const TICK_MS = 250;
