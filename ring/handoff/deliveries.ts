/**
 * Brings what this member holds to those who should have it: copies to standbys, what an owner may lack, and what a member that
 * joins or heirs of one that leaves will need.
 *
 * @module
 */

import type { Clock, Emit, Entry } from "../effect.ts";
import type { Held, Holdings } from "../pushes/holdings.ts";
import { Lane, OFFER_SIZE, type Shipment } from "./lane.ts";
import { type Message, type MessageOf, writeMessage } from "../message.ts";
import type { Holding } from "../message_fields.ts";
import { compareVersions } from "../pushes/push_version.ts";
import type { RingView } from "../membership/view.ts";

/** How long a member may take to answer an offer or a copy, in milliseconds. Longer than for a push: nobody waits for it. */
export const DELIVERY_MS = 5_000;

/** How long a lane rests after a refusal, in milliseconds: views differ, or the other's store is behind. */
export const PAUSE_MS = 500;

/** How many copies may be under way to one member. */
export const MAX_UNDER_WAY = 16;

/** How many urgent copies may wait for one member; above, the whole pair is compared instead. */
export const MAX_URGENT = 1_000;

/** What deliveries work with. */
export interface DeliveriesOptions {
  /** What is held. */
  readonly holdings: Holdings;
  /** The most bytes a second for copies that are not urgent, so that pushes always have the better part of links and disks. */
  readonly bytesPerSecond: number;
  /** The present view. */
  readonly view: () => RingView;
  /** Whether a message to a member has a way. */
  readonly isLinked: (name: string) => boolean;
  /** The next number of a request. */
  readonly nextRequest: () => number;
  /** Takes the effects. */
  readonly emit: Emit;
  /** Called when a member has all that it must have. */
  readonly onClear: (name: string, clock: Clock) => void;
  /** Called when copies for a member were dropped: what it holds must be compared with what we hold. */
  readonly onDirty: (name: string) => void;
}

/** Keeps a lane to each member. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #lanes = new Map<string, Lane>();
  // Reads of the store under way: for whom, and as which shipment.
  readonly #loads = new Map<number, { to: string; shipment: Shipment }>();
  #budget = 0;
  #budgetAt: number | undefined;

  /** Starts with nothing under way. */
  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Whether a member has all that it must have. */
  isClearFor(name: string): boolean {
    return this.#lanes.get(name)?.isClear ?? true;
  }

  /** Whether every member has all that it must have. */
  get isClear(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.isClear);
  }

  /** How many entries are owed, and how many copies wait or are under way. */
  get backlog(): { owed: number; copies: number } {
    let owed = 0, copies = 0;
    for (const lane of this.#lanes.values()) {
      owed += lane.owed.size;
      copies += lane.urgent.size + lane.wanted.size + lane.underWay.size;
    }
    return { owed, copies };
  }

  /** The view has changed: forgets what was owed. Call {@linkcode Deliveries.owe} again for all that is. */
  viewChanged() {
    for (const lane of this.#lanes.values()) lane.clear();
  }

  /** Nothing is owed to a member any more. */
  forgive(name: string) {
    this.#lanes.get(name)?.clear();
  }

  /** A member must have an entry. */
  owe(name: string, id: string) {
    this.#lane(name).owe(id);
  }

  /** A member wants to know when nothing is owed to it any more. */
  pulled(name: string, request: number) {
    this.#lane(name).pulls.add(request);
  }

  /** A member should have a copy at leisure. */
  want(name: string, id: string) {
    this.#lane(name).wanted.add(id);
  }

  /** A member should have a copy now; the bytes are at hand, and sent at once if there is room on the lane. */
  copy(name: string, { held, bytes, clock }: { held: Held; bytes: Uint8Array; clock: Clock }): void {
    const lane = this.#lane(name);
    lane.wanted.delete(held.id);
    lane.toOffer.delete(held.id);
    const isReady = this.#options.isLinked(name) && clock.now >= lane.pausedUntil;
    if (isReady && lane.underWay.size < MAX_UNDER_WAY) return this.#ship(name, { held, bytes, clock });
    if (lane.urgent.size >= MAX_URGENT) {
      this.#options.onDirty(name);
      if (lane.owed.has(held.id)) lane.toOffer.add(held.id);
    } else lane.urgent.add(held.id);
  }

  /** The store has read an entry. */
  loaded(token: number, { entry, clock }: { entry?: Entry; clock: Clock }) {
    const load = this.#loads.get(token);
    if (load === undefined) return;
    this.#loads.delete(token);
    const { to, shipment: { id } } = load;
    const lane = this.#lane(to);
    lane.underWay.delete(token);
    const held = this.#options.holdings.get(id, clock.now);
    if (held === undefined) this.#settled(to, { id, clock });
    else if (entry !== undefined && compareVersions(entry.version, held.version) === 0) {
      this.#ship(to, { held, bytes: entry.bytes, clock });
    } else this.#again(lane, { id, clock });
    this.#pump(to, clock);
  }

  /** A member has answered an offer or a copy. */
  answered(
    from: string,
    message: MessageOf<"WANT"> | MessageOf<"COPY_OK"> | MessageOf<"NACK">,
    clock: Clock,
  ) {
    const lane = this.#lanes.get(from);
    if (lane === undefined) return;
    const { offer } = lane;
    if (offer !== undefined && offer.request === message.request) {
      lane.offer = undefined;
      if (message.type === "WANT") this.#chosen(from, { offer: offer.versions, ids: new Set(message.ids), clock });
      else this.#refused(lane, { ids: offer.versions.keys(), message, clock });
    }
    const shipment = lane.underWay.get(message.request);
    if (shipment !== undefined && message.type !== "WANT") {
      lane.underWay.delete(message.request);
      if (message.type === "COPY_OK") this.#confirmed(from, { ...shipment, clock });
      else this.#refused(lane, { ids: [shipment.id], message, clock });
    }
    this.#pump(from, clock);
  }

  /** A member asks for what it found that we have newer. */
  asked(from: string, ids: readonly string[], clock: Clock) {
    const lane = this.#lane(from);
    for (const id of ids) if (!lane.urgent.has(id)) lane.wanted.add(id);
    this.#pump(from, clock);
  }

  /** Entries that are not held any more. */
  dropped(ids: readonly string[], clock: Clock) {
    for (const name of this.#lanes.keys()) for (const id of ids) this.#settled(name, { id, clock });
  }

  /** Time has passed. */
  tick(clock: Clock) {
    const { bytesPerSecond } = this.#options;
    const elapsed = clock.now - (this.#budgetAt ?? clock.now);
    this.#budgetAt = clock.now;
    this.#budget = Math.min(this.#budget + elapsed * bytesPerSecond / 1_000, bytesPerSecond / 2);
    for (const [name, lane] of this.#lanes) {
      if (lane.offer !== undefined && clock.now >= lane.offer.deadline) {
        for (const id of lane.offer.versions.keys()) if (lane.owed.has(id)) lane.toOffer.add(id);
        lane.offer = undefined;
      }
      for (const [request, { id, deadline }] of lane.underWay) {
        if (clock.now < deadline) continue;
        lane.underWay.delete(request);
        this.#loads.delete(request);
        this.#again(lane, { id, clock });
      }
      this.#pump(name, clock);
      if (lane.isIdle && (lane.pulls.size === 0 || !this.#options.isLinked(name))) this.#lanes.delete(name);
    }
  }

  #pump(name: string, clock: Clock) {
    const { isLinked, holdings } = this.#options;
    const lane = this.#lanes.get(name);
    if (lane === undefined || !isLinked(name) || clock.now < lane.pausedUntil) return;
    while (lane.underWay.size < MAX_UNDER_WAY) {
      const isUrgent = lane.urgent.size > 0;
      if (!isUrgent && this.#budget <= 0) break;
      const [id] = isUrgent ? lane.urgent : lane.wanted;
      if (id === undefined) break;
      lane.urgent.delete(id);
      lane.wanted.delete(id);
      const held = holdings.get(id, clock.now);
      if (held === undefined) this.#settled(name, { id, clock });
      else this.#load(name, { held, isUrgent, clock });
    }
    if (lane.offer === undefined && lane.wanted.size === 0 && lane.toOffer.size > 0) {
      this.#makeOffer(name, { lane, clock });
    }
    if (lane.isClear && lane.pulls.size > 0) {
      for (const request of lane.pulls) this.#send(name, { type: "PULLED", request });
      lane.pulls.clear();
    }
  }

  #makeOffer(name: string, { lane, clock }: { lane: Lane; clock: Clock }) {
    const versions = new Map<string, Holding["version"]>();
    for (const id of lane.toOffer) {
      if (versions.size === OFFER_SIZE) break;
      lane.toOffer.delete(id);
      const held = this.#options.holdings.get(id, clock.now);
      if (held === undefined) this.#settled(name, { id, clock });
      else versions.set(id, held.version);
    }
    if (versions.size === 0) return;
    const request = this.#options.nextRequest();
    lane.offer = { request, versions, deadline: clock.now + DELIVERY_MS };
    const holdings = Array.from(versions, ([id, version]) => ({ id, version }));
    this.#send(name, { type: "OFFER", request, view: this.#options.view().digest, holdings });
  }

  #chosen(
    name: string,
    { offer, ids, clock }: { offer: ReadonlyMap<string, Holding["version"]>; ids: ReadonlySet<string>; clock: Clock },
  ) {
    const lane = this.#lane(name);
    for (const [id, version] of offer) {
      if (!lane.owed.has(id)) continue;
      if (ids.has(id)) lane.wanted.add(id);
      else this.#confirmed(name, { id, version, clock });
    }
  }

  #load(name: string, { held, isUrgent, clock }: { held: Held; isUrgent: boolean; clock: Clock }) {
    const token = this.#options.nextRequest();
    const shipment = { id: held.id, version: held.version, deadline: clock.now + DELIVERY_MS };
    if (!isUrgent) this.#budget -= held.size;
    this.#lane(name).underWay.set(token, shipment);
    this.#loads.set(token, { to: name, shipment });
    this.#options.emit({ do: "load", token, id: held.id });
  }

  #ship(name: string, { held, bytes, clock }: { held: Held; bytes: Uint8Array; clock: Clock }) {
    const { id, version, receivedAt } = held;
    const request = this.#options.nextRequest();
    this.#lane(name).underWay.set(request, { id, version, deadline: clock.now + DELIVERY_MS });
    const { digest } = this.#options.view();
    this.#send(name, { type: "COPY", request, id, version, view: digest, ageMs: clock.now - receivedAt, bytes });
  }

  /** A member holds this version of an entry, or a newer one. */
  #confirmed(name: string, { id, version, clock }: { id: string; version: Holding["version"]; clock: Clock }) {
    const held = this.#options.holdings.get(id, clock.now);
    if (held !== undefined && compareVersions(held.version, version) > 0) {
      const lane = this.#lane(name);
      if (lane.owed.has(id)) lane.owe(id);
      return;
    }
    if (held?.owner === name) held.unconfirmed = false;
    this.#settled(name, { id, clock });
  }

  #settled(name: string, { id, clock }: { id: string; clock: Clock }) {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    const wasClear = lane.isClear;
    lane.settle(id);
    if (!wasClear && lane.isClear) this.#options.onClear(name, clock);
  }

  /** A copy did not arrive, or could not be read: if it is owed it is offered again, else comparing the pair will find it. */
  #again(lane: Lane, { id, clock }: { id: string; clock: Clock }) {
    lane.pausedUntil = clock.now + PAUSE_MS;
    if (lane.owed.has(id)) lane.owe(id);
    else this.#options.onDirty(lane.name);
  }

  #refused(
    lane: Lane,
    { ids, message, clock }: { ids: Iterable<string>; message: Message; clock: Clock },
  ) {
    for (const id of ids) this.#again(lane, { id, clock });
    if (message.type === "NACK" && message.retryMs !== undefined) lane.pausedUntil = clock.now + message.retryMs;
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, lane = new Lane(name));
    return lane;
  }

  #send(to: string, message: Message) {
    this.#options.emit({ do: "send", to, message: writeMessage(message) });
  }
}
