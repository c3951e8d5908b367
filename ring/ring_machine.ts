/**
 * A member of the ring as one pure state machine: membership, forwarding, copies, handoff. It is told what happens and when, and
 * answers with what is to be done; a thin shell ({@linkcode import("./ring.ts").Ring}) gives it timers, links and a store, and the
 * simulator gives it simulated ones.
 *
 * @module
 */

import { CopyReceiver } from "./transfer/copy_receiver.ts";
import { Transfers } from "./transfer/transfers.ts";
import { Visibility } from "./replication/visibility.ts";
import type { Clock, Effect, RingEvent, SavedState, StoredEntry } from "./protocol/effects.ts";
import { Forwarding, type ForwardLimits } from "./replication/forwarding.ts";
import { EntryTable } from "./replication/entry_table.ts";
import { type CommitLimits, CommitSerializer } from "./replication/commit_serializer.ts";
import { Join } from "./membership/join.ts";
import { Leaving } from "./transfer/leaving.ts";
import { type Closed, Membership } from "./membership/membership.ts";
import type { Hello, MeshLink, MeshMessage, Refusal } from "./protocol/mesh.ts";
import { type Message, readMessage, writeMessage } from "./protocol/messages.ts";
import { TransferPlan } from "./transfer/transfer_plan.ts";
import { PutHandler } from "./replication/put_handler.ts";
import { AntiEntropy } from "./transfer/anti_entropy.ts";
import type { PushBytes } from "./protocol/push_bytes.ts";
import type { Placement } from "./placement/rendezvous.ts";
import { keyHash } from "./placement/rendezvous.ts";

/** Bounds, all with defaults. */
export interface RingLimits extends ForwardLimits, CommitLimits {
  /** The most bytes that a push may have. */
  readonly pushBytes: number;
  /** The most bytes a second for copies that nobody waits for. */
  readonly transferBytesPerSecond: number;
}

/** The bounds of ring.md; transfers get a third of what one core moves over a link. */
export const DEFAULT_RING_LIMITS: RingLimits = {
  peerRequests: 64,
  peerBytes: 8 * 1_024 * 1_024,
  totalBytes: 64 * 1_024 * 1_024,
  pendingBytes: 64 * 1_024 * 1_024,
  pushBytes: 1_000_000,
  transferBytesPerSecond: 32 * 1_024 * 1_024,
};

/** How many messages that cannot be read a link survives. */
export const MAX_MALFORMED = 3;

/** What a machine starts with. */
export interface RingMachineOptions {
  /** Who we are. */
  readonly self: Omit<Hello, "incarnation">;
  /** Addresses of members to begin with. */
  readonly seeds: readonly string[];
  /** What the last process of this name kept. */
  readonly saved?: SavedState;
  /** What the store holds. */
  readonly entries?: Iterable<StoredEntry>;
  /** How long an entry holds, in milliseconds. */
  readonly ttlMs: number;
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
  readonly #putHandler: PutHandler;
  readonly #forwarding: Forwarding;
  readonly #transfers: Transfers;
  readonly #plan: TransferPlan;
  readonly #copyReceiver: CopyReceiver;
  readonly #antiEntropy: AntiEntropy;
  readonly #visibility: Visibility;
  readonly #join: Join;
  readonly #leaving: Leaving;
  readonly #malformed = new WeakMap<MeshLink, number>();
  readonly #effects: Effect[] = [];
  #clock: Clock;
  #request: number;
  #wasSettled = false;
  #hasLeft = false;

  /** Starts a member that joins. */
  constructor(options: RingMachineOptions) {
    const { self, seeds, saved, entries = [], ttlMs, clock, random } = options;
    const limits = { ...DEFAULT_RING_LIMITS, ...options.limits };
    const { name } = self;
    this.#clock = clock;
    this.#request = Math.floor(random() * 2 ** 31);
    const emit = (effect: Effect) => void this.#effects.push(effect);
    const nextRequest = () => this.#request = this.#request % 0xffff_ffff + 1;
    const view = () => this.membership.view;
    const isLinked = (peer: string) => this.membership.isLinked(peer);
    const isFenced = (now: number) => this.membership.isFenced(now);
    this.membership = new Membership({
      self,
      seeds,
      saved,
      now: clock.now,
      random,
      emit,
      isClearFor: (peer) => this.#transfers.isClearFor(peer),
      onView: () => this.#viewChanged(),
    });
    this.#table = new EntryTable({ ttlMs, view: view() });
    for (const entry of entries) this.#table.set(entry, clock);
    const table = this.#table;
    this.#serializer = new CommitSerializer({ table, limits, emit });
    this.#visibility = new Visibility({ name, table, emit, isSettled: () => this.membership.isSettled });
    this.#putHandler = new PutHandler({
      name,
      serializer: this.#serializer,
      limitBytes: limits.pushBytes,
      view,
      isFenced,
      onStored: (held, { bytes, clock }) => this.#pushStored(held.id, { bytes, clock }),
    });
    this.#forwarding = new Forwarding({
      name,
      putHandler: this.#putHandler,
      limits,
      limitBytes: limits.pushBytes,
      view,
      isFenced,
      isLinked,
      nextRequest,
      random,
      emit,
    });
    this.#transfers = new Transfers({
      table,
      bytesPerSecond: limits.transferBytesPerSecond,
      view,
      isLinked,
      nextRequest,
      emit,
      onClear: (peer, clock) => this.membership.ping(peer, clock),
      onDirty: (peer) => this.#antiEntropy.dirty(peer, this.#clock),
    });
    this.#plan = new TransferPlan({
      name,
      table,
      transfers: this.#transfers,
      view,
      memberOf: (peer) => this.membership.rows.find((row) => row.name === peer),
    });
    this.#copyReceiver = new CopyReceiver({
      table,
      serializer: this.#serializer,
      limitBytes: limits.pushBytes,
      ttlMs,
      view,
      self: () => this.membership.self,
      emit,
      onStored: (held, { from, clock }) => this.#copyStored(held.id, { from, clock }),
    });
    this.#antiEntropy = new AntiEntropy({
      name,
      table,
      view,
      isLinked,
      nextRequest,
      random,
      emit,
      onMissing: (standby, id) => this.#transfers.want(standby, id),
    });
    this.#join = new Join({ membership: this.membership, nextRequest, emit });
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
    return this.membership.view.place(keyHash(id));
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
      if (isSettled && !this.#wasSettled) this.#visibility.settled(clock.now);
      this.#wasSettled = isSettled;
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
        this.membership.linkDown(event.link);
        if (!this.membership.isLinked(event.link.peer.name)) {
          this.#forwarding.linkDown(event.link.peer.name, clock);
        }
        return;
      case "dialFailed":
        return this.membership.dialFailed(event.address, event.refusal, clock);
      case "message":
        return this.#message(event.link, { message: event.message, clock });
      case "push":
        return this.#forwarding.push(event, clock);
      case "committed":
        return this.#serializer.committed(event.token, { result: event.result, clock });
      case "loaded":
        return this.#transfers.loaded(event.token, { entry: event.entry, clock });
      case "leave":
        return this.#leaving.start(clock);
    }
  }

  #tick(clock: Clock) {
    const expired = this.#table.expire(clock.now);
    for (const held of expired) this.#visibility.hide(held);
    if (expired.length > 0) this.#transfers.dropped(expired.map(({ id }) => id), clock);
    this.membership.tick(clock);
    if (this.#leaving.isStaying) this.#join.tick(clock);
    this.#forwarding.tick(clock);
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
      return this.#malformedFrom(link, error as SyntaxError);
    }
    const from = link.peer.name;
    if (this.membership.message(link.peer, message, clock)) return;
    switch (message.type) {
      case "PUT":
        return this.#putHandler.take(message, {
          clock,
          done: (answer) => this.#send(from, { request: message.request, ...answer }),
        });
      case "PUT_OK":
        return this.#forwarding.answered(from, message, clock);
      case "NACK":
        this.#forwarding.answered(from, message, clock);
        this.#join.answered(from, message.request);
        return this.#transfers.answered(from, message, clock);
      case "COPY":
        return this.#copyReceiver.copied(from, message, clock);
      case "OFFER":
        return this.#copyReceiver.offered(from, message, clock);
      case "WANT":
        if (message.request === 0) return this.#transfers.asked(from, message.ids, clock);
        return this.#transfers.answered(from, message, clock);
      case "COPY_OK":
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

  /** Everything is placed and hidden by the new view before anybody can learn that we have it. */
  #viewChanged() {
    this.#wasSettled = false;
    this.#table.place(this.membership.view);
    this.#visibility.viewChanged();
    this.#copyReceiver.viewChanged();
    this.#plan.viewChanged();
    this.#antiEntropy.viewChanged(this.#clock);
  }

  #pushStored(id: string, { bytes, clock }: { bytes: PushBytes; clock: Clock }) {
    const held = this.#table.get(id, clock.now);
    if (held === undefined) return;
    this.#visibility.stored(held);
    const isOwed = this.#plan.stored(held, { ownerKnows: false });
    const to = isOwed ? held.owner : held.standby;
    if (to !== undefined) this.#transfers.copy(to, { held, bytes, clock });
  }

  #copyStored(id: string, { from, clock }: { from: string; clock: Clock }) {
    const held = this.#table.get(id, clock.now);
    if (held === undefined) return;
    this.#visibility.stored(held);
    this.#plan.stored(held, { ownerKnows: held.owner === from });
    if (held.owner === this.membership.self.name && held.standby !== undefined && held.standby !== from) {
      this.#antiEntropy.dirty(held.standby, clock);
    }
  }

  #malformedFrom(link: MeshLink, error: SyntaxError) {
    const times = (this.#malformed.get(link) ?? 0) + 1;
    this.#malformed.set(link, times);
    const { name } = link.peer;
    const sentence = "Got a message that cannot be read";
    this.#effects.push({ do: "note", level: "warn", sentence, fields: { member: name, why: error.message } });
    if (times < MAX_MALFORMED) return;
    const refusal = { code: "unreachable", message: `Sent ${times} messages that cannot be read` } as const;
    this.#effects.push({ do: "cut", name, refusal });
  }

  #left() {
    this.#forwarding.abandon();
    this.#effects.push({ do: "left" });
    this.#hasLeft = true;
  }

  #send(to: string, message: Message) {
    this.#effects.push({ do: "send", to, message: writeMessage(message) });
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
  /** Copies that wait or are under way. */
  readonly copies: number;
  /** Bytes that wait for the store. */
  readonly pendingBytes: number;
  /** Bytes of our clients' pushes that are under way. */
  readonly inFlightBytes: number;
  /** The same, and the number of requests, to each peer. */
  readonly inFlight: ReadonlyMap<string, { readonly requests: number; readonly bytes: number }>;
}
