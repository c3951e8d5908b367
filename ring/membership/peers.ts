/**
 * What a member knows of each of the others beyond its row: the link, when it was last heard, what it last said.
 *
 * @module
 */

import { BoundedMap } from "../../common/bounded_map.ts";
import { HEARING_MS } from "./fence.ts";
import { MAX_ROWS } from "./member_table.ts";
import type { Hello, MeshLink } from "../protocol/mesh.ts";
import type { Beliefs } from "../protocol/messages.ts";
import type { Confirmation } from "./view_agreement.ts";
import { ASK_AFTER_MS, SUSPECT_AFTER_MS } from "./silence.ts";

interface Peer {
  /** The process that all of this is about. */
  readonly boot: string;
  /** When something came from it over its own link. */
  heardAt: number;
  /** When another member found it alive. */
  vouchedAt: number;
  /** Which one. */
  vouchedBy?: string;
  /** When others were first asked to ping it, since it was last heard. */
  askedAt?: number;
  /** When it last answered a ping of ours over its own link. */
  answeredAt: number;
  /** What it said in answer to our latest answered ping. */
  confirmation?: Confirmation;
  beliefs?: Beliefs;
  /** What its clock said in its latest ping, and when that came. */
  clock?: { readonly at: number; readonly heardAt: number };
  /** When they were asked last. */
  askedLastAt?: number;
  /** When its link ended, if it has none. */
  lostAt?: number;
  /** When our table last went to it. */
  syncedAt?: number;
}

/** Keeps the links, and the clocks of those who are there. */
export class Peers {
  readonly #links = new Map<string, MeshLink>();
  readonly #peers = new Map<string, Peer>();
  // When members were last heard, by us or by others who told us, whether they are there or not.
  readonly #lastHeard = new BoundedMap<string, number>(MAX_ROWS);
  readonly #everLinked = new BoundedMap<string, true>(MAX_ROWS);
  // Names by the addresses under which we dialled them.
  readonly #names = new BoundedMap<string, string>(MAX_ROWS);

  /** The names with a link. */
  linked(): IterableIterator<string> {
    return this.#links.keys();
  }

  /** Whether there is a link with that name. */
  isLinked(name: string): boolean {
    return this.#links.has(name);
  }

  /** The process at the other end of the link with that name. */
  linkOf(name: string): Hello | undefined {
    return this.#links.get(name)?.peer;
  }

  /** Whether the member behind an address is linked, as far as we know who that is. */
  isAddressLinked(address: string): boolean {
    const name = this.#names.get(address);
    if (name !== undefined && this.#links.has(name)) return true;
    return this.isAddressOwn(address);
  }

  /** Who answered at an address when it was dialled last, or calls it its own. */
  nameAt(address: string): string | undefined {
    const own = [...this.#links.values()].find(({ peer }) => peer.address === address);
    return own?.peer.name ?? this.#names.get(address);
  }

  /** Whether the address is what a linked member calls its own, and not one that stands for several. */
  isAddressOwn(address: string): boolean {
    return [...this.#links.values()].some(({ peer }) => peer.address === address);
  }

  /** The link to a member that is there has ended. */
  lost(name: string, now: number) {
    const peer = this.#peers.get(name);
    if (peer !== undefined) peer.lostAt = now;
  }

  /** How long ago the link to a member ended, in milliseconds, if nothing was heard of it since. */
  lostMs(name: string, now: number): number | undefined {
    const peer = this.#peers.get(name);
    if (peer?.lostAt === undefined || Math.max(peer.heardAt, peer.vouchedAt) > peer.lostAt) return undefined;
    return now - peer.lostAt;
  }

  /** Takes a link; false if there was one to the same process. */
  linkUp(link: MeshLink): boolean {
    const { peer: { name, boot }, dialled } = link;
    if (dialled !== undefined) this.#names.set(dialled, name);
    this.#everLinked.set(name, true);
    const isNew = this.#links.get(name)?.peer.boot !== boot;
    this.#links.set(name, link);
    return isNew;
  }

  /** Gives up a link; false if another has taken its place. */
  linkDown({ peer: { name, boot } }: MeshLink): boolean {
    if (this.#links.get(name)?.peer.boot !== boot) return false;
    return this.#links.delete(name);
  }

  /** Begins to follow a member that is there, counting it as just heard, unless it is followed already. */
  follow({ name, boot }: { name: string; boot: string }, now: number) {
    if (this.#peers.get(name)?.boot === boot) return;
    this.#peers.set(name, { boot, heardAt: now, vouchedAt: now, answeredAt: now });
  }

  /** Ceases to follow a member. */
  forget(name: string) {
    this.#peers.delete(name);
  }

  /** Something came over the link with that name. */
  heard(name: string, now: number) {
    const peer = this.#followed(name);
    if (peer === undefined) return;
    peer.heardAt = now;
    peer.askedAt = undefined;
    this.#lastHeard.set(name, now);
  }

  /** Another member found this process alive. Of another one of that name it would tell nothing. */
  vouched(name: string, { boot, by, now }: { boot: string | undefined; by: string; now: number }) {
    const peer = this.#peers.get(name);
    if (peer === undefined || peer.boot !== boot) return;
    peer.vouchedAt = now;
    peer.vouchedBy = by;
    peer.askedAt = undefined;
    this.#lastHeard.set(name, now);
  }

  /** What this process believes, and if it says so in answer to a ping of ours, when that was sent. */
  believes(name: string, { boot, beliefs, askedAt }: { boot: string; beliefs: Beliefs; askedAt?: number }) {
    const peer = this.#peers.get(name);
    if (peer === undefined || peer.boot !== boot) return;
    peer.beliefs = beliefs;
    if (askedAt === undefined || askedAt < (peer.confirmation?.askedAt ?? 0)) return;
    peer.confirmation = { askedAt, view: beliefs.view, clear: beliefs.clear };
  }

  /** A member has answered a ping of ours. */
  answered(name: string, now: number) {
    const peer = this.#followed(name);
    if (peer !== undefined) peer.answeredAt = now;
  }

  /** Whether our pings get there and its answers here, without the help of others. */
  isInReach(name: string, now: number): boolean {
    const peer = this.#followed(name);
    return peer !== undefined && now - peer.answeredAt < SUSPECT_AFTER_MS;
  }

  /** By whom a message reaches a member: by its own link if that works both ways, else by a member that has found it alive lately. */
  wayTo(name: string, now: number): string | undefined {
    if (this.isInReach(name, now)) return name;
    const peer = this.#peers.get(name);
    const isVouched = peer?.vouchedBy !== undefined && now - peer.vouchedAt < SUSPECT_AFTER_MS &&
      this.isInReach(peer.vouchedBy, now);
    if (isVouched) return peer.vouchedBy;
    return this.#links.has(name) ? name : undefined;
  }

  /** A member's ping says what its clock said when it was sent. */
  tellsTime(name: string, { at, now }: { at: number; now: number }) {
    const peer = this.#followed(name);
    if (peer !== undefined) peer.clock = { at, heardAt: now };
  }

  /** What a member's clock has passed for certain. */
  clockOf(name: string, now: number): number | undefined {
    const clock = this.#followed(name)?.clock;
    return clock === undefined ? undefined : clock.at + now - clock.heardAt;
  }

  /** What a member has confirmed. */
  confirmation(name: string): Confirmation | undefined {
    return this.#peers.get(name)?.confirmation;
  }

  /** What a member last said. */
  beliefs(name: string): Beliefs | undefined {
    return this.#peers.get(name)?.beliefs;
  }

  /** Whether a ping of ours was answered that was sent lately. */
  hears(name: string, now: number): boolean {
    const askedAt = this.#peers.get(name)?.confirmation?.askedAt;
    return askedAt !== undefined && now - askedAt < HEARING_MS;
  }

  /** Whether something came lately over the member's own link. */
  isReachable(name: string, now: number): boolean {
    const peer = this.#followed(name);
    return peer !== undefined && now - peer.heardAt < SUSPECT_AFTER_MS;
  }

  /** For how long nothing was heard of a member, in milliseconds. */
  silentMs(name: string, now: number): number {
    const peer = this.#peers.get(name);
    return peer === undefined ? 0 : now - Math.max(peer.heardAt, peer.vouchedAt);
  }

  /** Whether a member has lost its link, or is silent, and nobody has found it alive since. */
  isFailing(name: string, now: number): boolean {
    return this.silentMs(name, now) >= ASK_AFTER_MS || (this.lostMs(name, now) !== undefined && !this.isLinked(name));
  }

  /** How long ago a member was last heard, in milliseconds, be it dead by now; undefined if it never was. */
  heardMsAgo(name: string, now: number): number | undefined {
    const heardAt = this.#lastHeard.get(name);
    return heardAt === undefined ? undefined : Math.max(0, now - heardAt);
  }

  /** Whether there ever was a link with that name, which its certificate vouched for. */
  wasLinked(name: string): boolean {
    return this.#everLinked.get(name) === true;
  }

  /** Notes that others are asked to ping a member; tells for how long they have been. */
  asked(name: string, now: number): number {
    const peer = this.#peers.get(name);
    if (peer === undefined) return 0;
    return now - (peer.askedAt ??= now);
  }

  /** Whether others may be asked again to ping a member, which then counts as done. */
  mayAsk(name: string, { now, everyMs }: { now: number; everyMs: number }): boolean {
    const peer = this.#peers.get(name);
    if (peer === undefined || now - (peer.askedLastAt ?? -Infinity) < everyMs) return false;
    peer.askedLastAt = now;
    return true;
  }

  /** For how long others have been asked to ping a member. */
  askedMs(name: string, now: number): number | undefined {
    const askedAt = this.#peers.get(name)?.askedAt;
    return askedAt === undefined ? undefined : now - askedAt;
  }

  /** Whether our table may go to a member again, which then counts as sent. */
  maySync(name: string, { now, everyMs }: { now: number; everyMs: number }): boolean {
    const peer = this.#followed(name);
    if (peer === undefined) return true;
    if (peer.syncedAt !== undefined && now - peer.syncedAt < everyMs) return false;
    peer.syncedAt = now;
    return true;
  }

  /** Starts every silence afresh: it was we who did not listen. */
  resetSilence(now: number) {
    for (const peer of this.#peers.values()) {
      peer.heardAt = peer.vouchedAt = peer.answeredAt = now;
      peer.askedAt = undefined;
    }
  }

  /** The member, if its link is to the process that its row is about. */
  #followed(name: string): Peer | undefined {
    const peer = this.#peers.get(name);
    return peer !== undefined && peer.boot === this.#links.get(name)?.peer.boot ? peer : undefined;
  }
}
