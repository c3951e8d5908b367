/**
 * A member of the ring as one pure state machine: membership, forwarding, copies, hand-over. It is told what happens and when, and
 * answers with what is to be done; a thin shell ({@linkcode import("./ring.ts").Ring}) gives it timers, links and a store, and the
 * simulator gives it simulated ones. docs/ring.md draws its states, and says what it asks of its shell.
 *
 * @module
 */

import { explain } from "../common/explain.ts";
import type { Closed } from "./protocol/closed.ts";
import { Join } from "./membership/join.ts";
import { Membership } from "./membership/membership.ts";
import type { RingContext } from "./membership/ring_context.ts";
import type { Placement } from "./placement/rendezvous.ts";
import {
  type Clock,
  type Effect,
  note,
  type RingEvent,
  type SavedState,
  send,
  type StoredEntry,
} from "./protocol/effects.ts";
import type { Hello, MeshLink, MeshMessage, MessageType, Refusal } from "./protocol/mesh.ts";
import { type Message, type MessageOf, readMessage } from "./protocol/messages.ts";
import { DEFAULT_RING_LIMITS, type RingLimits } from "./protocol/ring_limits.ts";
import { CommitSerializer } from "./replication/commit_serializer.ts";
import { EntryTable, type HeldEntry } from "./replication/entry_table.ts";
import { Foresight } from "./replication/foresight.ts";
import { Forwarding } from "./replication/forwarding.ts";
import { type Kept, PushCopies } from "./replication/push_copies.ts";
import { type Answer, PutHandler } from "./replication/put_handler.ts";
import { PutLegs } from "./replication/put_legs.ts";
import { Relay } from "./replication/relay.ts";
import { Visibility } from "./replication/visibility.ts";
import { AntiEntropy } from "./transfer/anti_entropy.ts";
import type { PushBytes } from "./protocol/push_bytes.ts";
import { CopyReceiver } from "./transfer/copy_receiver.ts";
import { Leaving } from "./transfer/leaving.ts";
import { TransferPlan } from "./transfer/transfer_plan.ts";
import { Transfers } from "./transfer/transfers.ts";

/** How often the log has a line of a peer whose messages cannot be read, in milliseconds. */
export const UNREAD_TOLD_MS = 60_000;

/** Why a page is not shown that too few others have confirmed. */
const UNCONFIRMED: Closed = {
  reason: "unconfirmed",
  message: "Too few of the ring have confirmed that this member has its last view",
};

/** What a machine starts with. */
export interface RingMachineOptions {
  /** Who we are. */
  readonly self: Omit<Hello, "incarnation">;
  /** Whether we only vote and forward, and own nothing. @default {false} */
  readonly isWitness?: boolean;
  /** Addresses of members to begin with. */
  readonly seeds: readonly string[];
  /** Whether to start a ring of one, if need be, though we were told of others and were never in a ring. */
  readonly bootstraps?: boolean;
  /** What the last process of this name kept. */
  readonly saved?: SavedState;
  /** What the store holds. */
  readonly entries?: Iterable<StoredEntry>;
  /** How long an entry holds, in milliseconds. */
  readonly ttlMs: number;
  /** On how many members a push must be durable before its client is answered. @default {2} */
  readonly copies?: number;
  /** Bounds that differ from {@linkcode DEFAULT_RING_LIMITS}. */
  readonly limits?: Partial<RingLimits>;
  /** The present time. */
  readonly clock: Clock;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** The machine. The effects of its start come with those of the first event. */
export class RingMachine {
  /** Who is in the ring. */
  readonly membership: Membership;
  readonly #table: EntryTable;
  readonly #serializer: CommitSerializer;
  readonly #copies: PushCopies;
  readonly #putHandler: PutHandler;
  readonly #legs: PutLegs;
  readonly #forwarding: Forwarding;
  readonly #relay: Relay;
  readonly #transfers: Transfers;
  readonly #plan: TransferPlan;
  readonly #copyReceiver: CopyReceiver;
  readonly #antiEntropy: AntiEntropy;
  readonly #visibility: Visibility;
  readonly #foresight: Foresight;
  readonly #join: Join;
  readonly #leaving: Leaving;
  // Of each link: when unread messages of it were told last, and how many have come since.
  readonly #unread = new WeakMap<MeshLink, { toldAt: number; count: number }>();
  readonly #effects: Effect[] = [];
  #clock: Clock;
  #request: number;
  #wasSettled = false;
  #hasLeft = false;

  /** Starts a member that joins. */
  constructor(options: RingMachineOptions) {
    const { self, isWitness, seeds, bootstraps, saved, entries = [], ttlMs, copies = 2, clock, random } = options;
    this.#clock = clock;
    this.#request = Math.floor(random() * 2 ** 31);
    const context: RingContext = {
      name: self.name,
      ttlMs,
      copies,
      limits: { ...DEFAULT_RING_LIMITS, ...options.limits },
      self: () => this.membership.self,
      memberOf: (name) => this.membership.row(name),
      view: () => this.membership.view,
      epoch: () => this.membership.epoch,
      clockOf: (name, now) => this.membership.clockOf(name, now),
      isSettled: () => this.membership.isSettled,
      isServing: () => this.membership.isServing,
      isCurrent: () => this.membership.isCurrent,
      confirm: (onConfirmed, clock) => this.membership.confirm(onConfirmed, clock),
      isFenced: (now) => this.membership.isFenced(now),
      isLinked: (name) => this.membership.isLinked(name),
      isFailing: (name, now) => this.membership.isFailing(name, now),
      wayTo: (name, now) => this.membership.wayTo(name, now),
      nextRequest: () => this.#request = this.#request % 0xffff_ffff + 1,
      random,
      emit: (effect) => void this.#effects.push(effect),
    };
    this.membership = new Membership(context, {
      self,
      isWitness,
      seeds,
      bootstraps,
      saved,
      now: clock.now,
      isClearFor: (peer) => this.#transfers.isClearFor(peer),
      onView: (_, how) => this.#viewChanged(how),
    });
    this.#table = new EntryTable({ ttlMs, view: this.membership.view });
    const table = this.#table;
    for (const entry of entries) table.set(entry, clock);
    this.#serializer = new CommitSerializer(context, { table });
    this.#visibility = new Visibility(context, { table });
    this.#foresight = new Foresight(context, { table });
    this.#copies = new PushCopies(context);
    this.#putHandler = new PutHandler(context, {
      table,
      serializer: this.#serializer,
      copies: this.#copies,
      onStored: (held, { bytes, clock }) => this.#pushStored(held, { bytes, clock }),
      onSought: (held, sought) => this.#pushSought(held, sought),
    });
    this.#legs = new PutLegs(context);
    const legs = this.#legs;
    this.#forwarding = new Forwarding(context, { putHandler: this.#putHandler, legs });
    this.#relay = new Relay(context, { legs });
    this.#transfers = new Transfers(context, {
      table,
      onClear: (peer, clock) => this.membership.ping(peer, clock),
      onCopied: (held) => this.#visibility.stored(held),
      onDirty: (peer) => this.#antiEntropy.dirty(peer, this.#clock),
    });
    this.#plan = new TransferPlan(context, { table, transfers: this.#transfers });
    this.#copyReceiver = new CopyReceiver(context, {
      table,
      serializer: this.#serializer,
      onStored: (held, { from, clock }) => this.#copyStored(held.id, { from, clock }),
    });
    this.#antiEntropy = new AntiEntropy(context, {
      table,
      onMissing: (standby, id) => this.#transfers.want(standby, id),
    });
    this.#join = new Join(context, { membership: this.membership });
    this.#leaving = new Leaving({
      membership: this.membership,
      plan: this.#plan,
      transfers: this.#transfers,
      onLeft: () => this.#left(),
    });
  }

  /** Whether a peer may link with us. */
  admit(hello: Hello, now: number): Refusal | undefined {
    return this.membership.admit(hello, now);
  }

  /** Why the page must not be shown now; undefined if what was shown by effects may be. Ask at each request. */
  closed(now: number): Closed | undefined {
    return this.membership.closed(now);
  }

  /** Where a cluster belongs by the present view. */
  place(id: string): Placement | undefined {
    return this.membership.view.place(this.#table.keyOf(id));
  }

  /** Has the ring go on with some of its members alone; see {@linkcode Membership.forceView}. Hand a `tick` event over after it. */
  forceView(names: readonly string[], clock: Clock): string | undefined {
    this.#clock = clock;
    return this.membership.forceView(names, clock);
  }

  /** What is held, in flight and owed now. */
  get load(): RingLoad {
    const counts = { owned: 0, standby: 0, foreign: 0 };
    const { name } = this.membership.self;
    for (const { owner, standby } of this.#table) {
      counts[owner === name ? "owned" : standby === name ? "standby" : "foreign"]++;
    }
    return {
      ...counts,
      ...this.#transfers.backlog,
      owedTo: this.#transfers.owedTo,
      pendingBytes: this.#serializer.pendingBytes,
      inFlightBytes: this.#forwarding.inFlight.bytes,
      inFlight: this.#forwarding.inFlight.peers,
    };
  }

  /** Takes an event, and tells what is to be done, in order. */
  handle(event: RingEvent, clock: Clock): Effect[] {
    if (!this.#hasLeft) {
      this.#clock = clock;
      this.#take(event, clock);
      const { isSettled } = this.membership;
      if (isSettled && !this.#wasSettled) {
        this.#visibility.settled(clock.now);
        this.#foresight.settled();
      }
      this.#wasSettled = isSettled;
      // After what a view has brought is shown: what was made ready for that must not be given up before.
      if (event.type === "tick" || event.type === "linkDown") this.#foresight.look(clock);
    } else if (event.type === "page") {
      this.#effects.push({ do: "page", token: event.token, closed: this.closed(clock.now) });
    } else if (event.type === "push") {
      this.#effects.push({
        do: "settle",
        token: event.token,
        outcome: { result: "rejected", reason: "unreachable" },
      });
    }
    return this.#effects.splice(0);
  }

  #take(event: RingEvent, clock: Clock) {
    switch (event.type) {
      case "tick":
        return this.#tick(clock);
      case "linkUp":
        return this.membership.linkUp(event.link, clock);
      case "linkDown":
        this.membership.linkDown(event.link, clock);
        if (!this.membership.isLinked(event.link.peer.name)) {
          this.#legs.linkDown(event.link.peer.name, clock);
          this.#copies.linkDown(event.link.peer.name, clock);
        }
        return;
      case "dialFailed":
        return this.membership.dialFailed(event.address, event.refusal, clock);
      case "message":
        return this.#message(event.link, { message: event.message, clock });
      case "push":
        return this.#forwarding.push(event, clock);
      case "checked":
        return this.#serializer.checked(event.token, clock, event);
      case "saved":
        return this.membership.saved(event.number, clock);
      case "committed":
        if (event.result.ok || event.result.refused === undefined) {
          this.membership.stored({ ok: event.result.ok, now: clock.now });
        }
        return this.#serializer.committed(event.token, { result: event.result, clock });
      case "loaded":
        return this.#transfers.loaded(event.token, { entry: event.entry, clock });
      case "page":
        return this.#page(event.token, clock);
      case "leave":
        return this.#leaving.start(clock);
    }
  }

  #tick(clock: Clock) {
    const expired = this.#table.expire(clock.now);
    for (const held of expired) this.#visibility.hide(held);
    this.#visibility.tick(clock.now);
    if (expired.length > 0) this.#transfers.dropped(expired.map(({ id }) => id), clock);
    this.membership.tick(clock);
    if (this.#leaving.isStaying) this.#join.tick(clock);
    this.#legs.tick(clock);
    this.#copies.tick(clock);
    this.#plan.tick();
    this.#transfers.tick(clock);
    this.#antiEntropy.tick(clock);
    this.#leaving.tick(clock);
  }

  #message(link: MeshLink, { message: frame, clock }: { message: MeshMessage; clock: Clock }) {
    let message: Message;
    try {
      message = readMessage(frame);
    } catch (error) {
      return this.#cannotRead(link, { type: frame.type, why: explain(error), now: clock.now });
    }
    const from = link.peer.name;
    if (this.membership.message(link.peer, message, clock)) return;
    switch (message.type) {
      case "PUT":
        return this.#put(from, message, clock);
      case "PUT_OK":
        return this.#legs.answered(from, message, clock);
      case "NACK":
        this.#legs.answered(from, message, clock);
        this.#join.answered(from, message.request);
        if (this.#copies.answered(from, message, clock)) return;
        return this.#transfers.answered(from, message, clock);
      case "COPY":
        return this.#copyReceiver.copied(from, message, clock);
      case "OFFER":
        this.#foresight.offered(from, message.holdings, clock);
        return this.#copyReceiver.offered(from, message, clock);
      case "WANT":
        if (message.request === 0) return this.#transfers.asked(from, message.ids, clock);
        return this.#transfers.answered(from, message, clock);
      case "COPY_OK":
        if (this.#copies.answered(from, message, clock)) return;
        return this.#transfers.answered(from, message, clock);
      case "BUCKETS":
        return this.#antiEntropy.compared(from, message, clock);
      case "LIST":
        return this.#antiEntropy.listed(from, message, clock);
      case "PULL":
        if (this.#plan.toJoining(from)) this.#transfers.pulled(from, message.request);
        else this.#send(from, { type: "NACK", request: message.request, code: "NOT_OWNER" });
        return;
      case "PULLED":
        return this.#join.answered(from, message.request);
    }
  }

  #put(from: string, message: MessageOf<"PUT">, clock: Clock) {
    const done = (answer: Answer) => this.#send(from, { ...answer, request: message.request });
    const { to } = message;
    if (to === undefined || to === this.membership.self.name) return this.#putHandler.take(message, { clock, done });
    this.#relay.take({ ...message, to }, { clock, done });
  }

  /** Everything is placed and hidden by the new view before anybody can learn that we have it. */
  #viewChanged({ isNext, clock }: { isNext: boolean; clock: Clock }) {
    this.#wasSettled = false;
    this.#table.place(this.membership.view);
    if (isNext) this.#visibility.viewChanged();
    else this.#visibility.lost();
    this.#copyReceiver.viewChanged();
    this.#plan.viewChanged();
    this.#antiEntropy.viewChanged(clock);
    this.#copies.viewChanged(clock);
  }

  /** A push is durable here. Nobody waits for more where one copy is enough: then the standby gets its own all the same. */
  #pushStored(held: HeldEntry, { bytes, clock }: { bytes: PushBytes; clock: Clock }) {
    if (this.#copies.needed <= 0) held.isCopied = true;
    const isOwed = this.#plan.stored(held, { ownerKnows: false });
    if (isOwed) this.#transfers.copy(held.owner!, { held, bytes, clock });
    else if (held.isCopied && held.standby !== undefined) {
      this.#transfers.copy(held.standby, { held, bytes, clock });
    }
  }

  /** Others keep a push as well, or do not in time. The standby must have it, whoever has. */
  #pushSought(held: HeldEntry, { kept, clock }: { kept: Kept; clock: Clock }) {
    held.isCopied ||= kept.isEnough;
    this.#visibility.stored(held);
    const { owner, standby } = held;
    if (owner !== this.membership.self.name || standby === undefined) return;
    if (this.#copies.needed > 0 && !kept.by.has(standby)) this.#antiEntropy.dirty(standby, clock);
  }

  #copyStored(id: string, { from, clock }: { from: string; clock: Clock }) {
    const held = this.#table.get(id, clock.now);
    if (held === undefined) return;
    held.isCopied = true;
    this.#visibility.stored(held);
    this.#plan.stored(held, { ownerKnows: held.owner === from });
    if (held.owner === this.membership.self.name && held.standby !== undefined && held.standby !== from) {
      this.#antiEntropy.dirty(held.standby, clock);
    }
  }

  /** The page may be shown if enough of the view say, from now on, that there is no later one. */
  #page(token: number, clock: Clock) {
    const closed = this.closed(clock.now);
    if (closed !== undefined) return void this.#effects.push({ do: "page", token, closed });
    this.membership.confirm((isCurrent, { now }) => {
      const closed = isCurrent ? this.closed(now) : UNCONFIRMED;
      this.#effects.push({ do: "page", token, ...(closed === undefined ? {} : { closed }) });
    }, clock);
  }

  /** Drops a message. The link stays: a peer that says nothing else is as good as silent, and what clients send costs no link. */
  #cannotRead(link: MeshLink, { type, why, now }: { type: MessageType; why: string; now: number }) {
    this.#effects.push({ do: "unread", type });
    const told = this.#unread.get(link) ?? { toldAt: -Infinity, count: 0 };
    this.#unread.set(link, told);
    told.count++;
    if (now - told.toldAt < UNREAD_TOLD_MS) return;
    const fields = { member: link.peer.name, type, why, count: told.count };
    this.#effects.push(note("warn", "Dropped messages of a peer that cannot be read", fields));
    told.toldAt = now;
    told.count = 0;
  }

  #left() {
    this.#legs.abandon(this.#clock);
    this.#effects.push({ do: "left" });
    this.#hasLeft = true;
  }

  #send(to: string, message: Message) {
    this.#effects.push(send(to, message));
  }
}

/** What a member holds, in flight and owed. */
export interface RingLoad {
  /** Clusters held as owner. */
  readonly owned: number;
  /** Clusters held as standby. */
  readonly standby: number;
  /** Clusters held though they belong to others, until they expire. */
  readonly foreign: number;
  /** Entries that others may lack and must have. */
  readonly owed: number;
  /** How many of them each must have, by name; those that have everything are not there. */
  readonly owedTo: ReadonlyMap<string, number>;
  /** Copies that wait or are under way. */
  readonly copies: number;
  /** Bytes that wait for the store. */
  readonly pendingBytes: number;
  /** Bytes of our clients' pushes that are under way. */
  readonly inFlightBytes: number;
  /** The same, and the number of requests, to each peer. */
  readonly inFlight: ReadonlyMap<string, { readonly requests: number; readonly bytes: number }>;
}
