/**
 * Brings what this member holds to those who should have it: copies to standbys, what an owner may lack, and what a member that
 * joins or heirs of one that leaves will need.
 *
 * @module
 */

import type { RingContext } from "../membership/ring_context.ts";
import { type Clock, type Entry, note, send } from "../protocol/effects.ts";
import type { EntryTable, HeldEntry } from "../replication/entry_table.ts";
import { OFFER_SIZE, PeerTransfers, type Transfer } from "./peer_transfers.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import { encodedBytes, MAX_LISTED_BYTES } from "../protocol/encoded_size.ts";
import { type HeldVersion, writeHeldVersion } from "../protocol/message_fields.ts";
import { madeBytes, type PushBytes } from "../protocol/push_bytes.ts";
import { compareVersions } from "../protocol/push_version.ts";

/** How long a member may take to answer an offer or a copy, in milliseconds. Longer than for a push: nobody waits for it. */
export const TRANSFER_MS = 5_000;

/** How long nothing is sent to a member after it refused, in milliseconds: views differ, or its store is behind. */
export const PAUSE_MS = 500;

/** How many copies may be under way to one member. */
export const MAX_UNDER_WAY = 16;

/** How many urgent copies may wait for one member; above, the whole pair is compared instead. */
export const MAX_URGENT = 1_000;

/** What is said of a copy that is tried again and again. */
const STUCK = "Cannot bring a cluster to another member, and tries again";

/** What {@linkcode Transfers} work with, besides the ring's context. */
export interface TransfersOptions {
  /** What is held. */
  readonly table: EntryTable;
  /** Called when a member has all that it must have. */
  readonly onClear: (name: string, clock: Clock) => void;
  /** Called when another member has turned out to hold what we hold. */
  readonly onCopied: (held: HeldEntry) => void;
  /** Called when copies for a member were dropped: what it holds must be compared with what we hold. */
  readonly onDirty: (name: string) => void;
}

/** Keeps what is on its way to each member. */
export class Transfers {
  readonly #context: RingContext;
  readonly #options: TransfersOptions;
  readonly #byPeer = new Map<string, PeerTransfers>();
  // Reads of the store under way: for whom, and as which transfer.
  readonly #loads = new Map<number, { to: string; transfer: Transfer }>();
  #budget = 0;
  #budgetAt: number | undefined;

  /** Starts with nothing under way. */
  constructor(context: RingContext, options: TransfersOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether a member has all that it must have. */
  isClearFor(name: string): boolean {
    return this.#byPeer.get(name)?.isClear ?? true;
  }

  /** Whether every member has all that it must have. */
  get isClear(): boolean {
    return [...this.#byPeer.values()].every((toPeer) => toPeer.isClear);
  }

  /** How many entries are owed, and how many copies wait or are under way. */
  get backlog(): { owed: number; copies: number } {
    let owed = 0, copies = 0;
    for (const toPeer of this.#byPeer.values()) {
      owed += toPeer.owed.size;
      copies += toPeer.urgent.size + toPeer.wanted.size + toPeer.underWay.size;
    }
    return { owed, copies };
  }

  /** How many entries are owed to each member to whom any are. */
  get owedTo(): ReadonlyMap<string, number> {
    const counts = [...this.#byPeer].map(([name, { owed }]) => [name, owed.size] as const);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  /** The view has changed: forgets what was owed. Call {@linkcode Transfers.owe} again for all that is. */
  viewChanged() {
    for (const toPeer of this.#byPeer.values()) toPeer.clear();
  }

  /** Nothing is owed to a member any more. */
  forgive(name: string) {
    this.#byPeer.get(name)?.clear();
  }

  /** A member must have an entry. */
  owe(name: string, id: string) {
    this.#peerTransfers(name).owe(id);
  }

  /** A member wants to know when nothing is owed to it any more. */
  pulled(name: string, request: number) {
    this.#peerTransfers(name).pulls.add(request);
  }

  /** A member should have a copy at leisure. */
  want(name: string, id: string) {
    this.#peerTransfers(name).wanted.add(id);
  }

  /** A member should have a copy now; the bytes are at hand, and sent at once if not too many are under way. */
  copy(name: string, { held, bytes, clock }: { held: HeldEntry; bytes: PushBytes; clock: Clock }): void {
    const toPeer = this.#peerTransfers(name);
    toPeer.wanted.delete(held.id);
    toPeer.toOffer.delete(held.id);
    const isReady = this.#context.isLinked(name) && clock.now >= toPeer.pausedUntil;
    if (isReady && toPeer.underWay.size < MAX_UNDER_WAY) return this.#sendCopy(name, { held, bytes, clock });
    if (toPeer.urgent.size >= MAX_URGENT) {
      this.#options.onDirty(name);
      if (toPeer.owed.has(held.id)) toPeer.toOffer.add(held.id);
    } else toPeer.urgent.add(held.id);
  }

  /** The store has read an entry. */
  loaded(token: number, { entry, clock }: { entry?: Entry; clock: Clock }) {
    const load = this.#loads.get(token);
    if (load === undefined) return;
    this.#loads.delete(token);
    const { to, transfer: { id } } = load;
    const toPeer = this.#peerTransfers(to);
    toPeer.underWay.delete(token);
    const held = this.#options.table.get(id, clock.now);
    if (held === undefined) this.#settled(to, { id, clock });
    else if (entry !== undefined && compareVersions(entry.version, held.version) === 0) {
      this.#sendCopy(to, { held, bytes: entry.bytes, clock });
    } else this.#again(toPeer, { id, why: "the store does not have that version", clock });
    this.#pump(to, clock);
  }

  /** A member has answered an offer or a copy. */
  answered(
    from: string,
    message: MessageOf<"WANT"> | MessageOf<"COPY_OK"> | MessageOf<"NACK">,
    clock: Clock,
  ) {
    const toPeer = this.#byPeer.get(from);
    if (toPeer === undefined) return;
    const { offer } = toPeer;
    if (offer !== undefined && offer.request === message.request) {
      toPeer.offer = undefined;
      if (message.type === "WANT") {
        this.#answeredOffer(from, { offer: offer.versions, ids: new Set(message.ids), clock });
      } else this.#refused(toPeer, { ids: offer.versions.keys(), message, clock });
    }
    const transfer = toPeer.underWay.get(message.request);
    if (transfer !== undefined && message.type !== "WANT") {
      toPeer.underWay.delete(message.request);
      if (message.type === "COPY_OK") this.#confirmed(from, { ...transfer, clock });
      else this.#refused(toPeer, { ids: [transfer.id], message, clock });
    }
    this.#pump(from, clock);
  }

  /** A member asks for what it found that we have newer. */
  asked(from: string, ids: readonly string[], clock: Clock) {
    const toPeer = this.#peerTransfers(from);
    for (const id of ids) if (!toPeer.urgent.has(id)) toPeer.wanted.add(id);
    this.#pump(from, clock);
  }

  /** Entries that are not held any more. */
  dropped(ids: readonly string[], clock: Clock) {
    for (const name of this.#byPeer.keys()) for (const id of ids) this.#settled(name, { id, clock });
  }

  /** Time has passed. */
  tick(clock: Clock) {
    const { transferBytesPerSecond: bytesPerSecond } = this.#context.limits;
    const elapsed = clock.now - (this.#budgetAt ?? clock.now);
    this.#budgetAt = clock.now;
    this.#budget = Math.min(this.#budget + elapsed * bytesPerSecond / 1_000, bytesPerSecond / 2);
    for (const [name, toPeer] of this.#byPeer) {
      if (toPeer.offer !== undefined && clock.now >= toPeer.offer.deadline) {
        for (const id of toPeer.offer.versions.keys()) if (toPeer.owed.has(id)) toPeer.toOffer.add(id);
        toPeer.offer = undefined;
      }
      for (const [request, { id, deadline }] of toPeer.underWay) {
        if (clock.now < deadline) continue;
        toPeer.underWay.delete(request);
        this.#loads.delete(request);
        this.#again(toPeer, { id, why: "no answer in time", clock });
      }
      this.#pump(name, clock);
      if (toPeer.isIdle && (toPeer.pulls.size === 0 || !this.#context.isLinked(name))) this.#byPeer.delete(name);
    }
  }

  #pump(name: string, clock: Clock) {
    const { table } = this.#options;
    const toPeer = this.#byPeer.get(name);
    if (toPeer === undefined || !this.#context.isLinked(name) || clock.now < toPeer.pausedUntil) return;
    while (toPeer.underWay.size < MAX_UNDER_WAY) {
      const isUrgent = toPeer.urgent.size > 0;
      if (!isUrgent && this.#budget <= 0) break;
      const [id] = isUrgent ? toPeer.urgent : toPeer.wanted;
      if (id === undefined) break;
      toPeer.urgent.delete(id);
      toPeer.wanted.delete(id);
      const held = table.get(id, clock.now);
      if (held === undefined) this.#settled(name, { id, clock });
      else this.#load(name, { held, isUrgent, clock });
    }
    if (toPeer.offer === undefined && toPeer.wanted.size === 0 && toPeer.toOffer.size > 0) {
      this.#makeOffer(name, { toPeer, clock });
    }
    if (toPeer.isClear && toPeer.pulls.size > 0) {
      for (const request of toPeer.pulls) this.#send(name, { type: "PULLED", request });
      toPeer.pulls.clear();
    }
  }

  #makeOffer(name: string, { toPeer, clock }: { toPeer: PeerTransfers; clock: Clock }) {
    const versions = new Map<string, HeldVersion["version"]>();
    let bytes = 0;
    for (const id of toPeer.toOffer) {
      const held = this.#options.table.get(id, clock.now);
      if (held !== undefined) {
        bytes += encodedBytes(writeHeldVersion(held));
        if (versions.size === OFFER_SIZE || (versions.size > 0 && bytes > MAX_LISTED_BYTES)) break;
      }
      toPeer.toOffer.delete(id);
      if (held === undefined) this.#settled(name, { id, clock });
      else versions.set(id, held.version);
    }
    if (versions.size === 0) return;
    const request = this.#context.nextRequest();
    toPeer.offer = { request, versions, deadline: clock.now + TRANSFER_MS };
    const holdings = Array.from(versions, ([id, version]) => ({ id, version }));
    this.#send(name, { type: "OFFER", request, view: this.#context.view().digest, holdings });
  }

  #answeredOffer(
    name: string,
    { offer, ids, clock }: {
      offer: ReadonlyMap<string, HeldVersion["version"]>;
      ids: ReadonlySet<string>;
      clock: Clock;
    },
  ) {
    const toPeer = this.#peerTransfers(name);
    for (const [id, version] of offer) {
      if (!toPeer.owed.has(id)) continue;
      if (ids.has(id)) toPeer.wanted.add(id);
      else this.#confirmed(name, { id, version, clock });
    }
  }

  #load(name: string, { held, isUrgent, clock }: { held: HeldEntry; isUrgent: boolean; clock: Clock }) {
    const token = this.#context.nextRequest();
    const transfer = { id: held.id, version: held.version, deadline: clock.now + TRANSFER_MS };
    if (!isUrgent) this.#budget -= held.size;
    this.#peerTransfers(name).underWay.set(token, transfer);
    this.#loads.set(token, { to: name, transfer });
    this.#context.emit({ do: "load", token, id: held.id });
  }

  #sendCopy(name: string, { held, bytes, clock }: { held: HeldEntry; bytes: PushBytes; clock: Clock }) {
    const { id, version, receivedAt } = held;
    const request = this.#context.nextRequest();
    this.#peerTransfers(name).underWay.set(request, { id, version, deadline: clock.now + TRANSFER_MS });
    const { digest } = this.#context.view();
    this.#send(name, {
      type: "COPY",
      request,
      id,
      version,
      view: digest,
      ageMs: clock.now - receivedAt,
      pushed: false,
      bytes: madeBytes(bytes),
    });
  }

  /** A member holds this version of an entry, or a newer one. */
  #confirmed(name: string, { id, version, clock }: { id: string; version: HeldVersion["version"]; clock: Clock }) {
    const held = this.#options.table.get(id, clock.now);
    if (held !== undefined && compareVersions(held.version, version) > 0) {
      const toPeer = this.#peerTransfers(name);
      if (toPeer.owed.has(id)) toPeer.owe(id);
      return;
    }
    if (held?.owner === name) held.unconfirmed = false;
    if (held !== undefined && !held.isCopied) {
      held.isCopied = true;
      this.#options.onCopied(held);
    }
    this.#settled(name, { id, clock });
  }

  #settled(name: string, { id, clock }: { id: string; clock: Clock }) {
    const toPeer = this.#byPeer.get(name);
    if (toPeer === undefined) return;
    const wasClear = toPeer.isClear;
    toPeer.settle(id);
    if (!wasClear && toPeer.isClear) this.#options.onClear(name, clock);
  }

  /** A copy did not arrive, or could not be read: if it is owed it is offered again, else comparing the pair will find it. */
  #again(toPeer: PeerTransfers, { id, why, clock }: { id: string; why: string; clock: Clock }) {
    toPeer.pausedUntil = clock.now + PAUSE_MS;
    const trouble = toPeer.failed(id, { why, now: clock.now });
    if (trouble !== undefined) this.#context.emit(note("warn", STUCK, { member: toPeer.name, ...trouble }));
    if (toPeer.owed.has(id)) toPeer.owe(id);
    else this.#options.onDirty(toPeer.name);
  }

  #refused(
    toPeer: PeerTransfers,
    { ids, message, clock }: { ids: Iterable<string>; message: Message; clock: Clock },
  ) {
    const why = message.type === "NACK" ? `refused: ${message.code}` : "refused";
    for (const id of ids) this.#again(toPeer, { id, why, clock });
    if (message.type === "NACK" && message.retryMs !== undefined) toPeer.pausedUntil = clock.now + message.retryMs;
  }

  #peerTransfers(name: string): PeerTransfers {
    let toPeer = this.#byPeer.get(name);
    if (toPeer === undefined) this.#byPeer.set(name, toPeer = new PeerTransfers(name));
    return toPeer;
  }

  #send(to: string, message: Message) {
    this.#context.emit(send(to, message));
  }
}
