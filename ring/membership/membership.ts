/**
 * Membership: who is in the ring, by pings between all of them. A pure state machine: it is told what happens and when, and emits
 * what is to be done.
 *
 * Every member pings every other each second. Changes go to all at once; whatever gets lost shows as a difference of the digests
 * on the next ping, and then whole tables are exchanged. {@linkcode import("../protocol/member.ts")} draws the states of a member,
 * {@linkcode import("./view_agreement.ts")} those of a view.
 *
 * @module
 */

import { type Clock, type Emit, type SavedState, TICK_MS } from "../protocol/effects.ts";
import { Dialler, type Target } from "./dialler.ts";
import { isFenced } from "./fence.ts";
import { FORGIVE_AFTER_MS, type JoinStep, JoinTurn } from "./join_policy.ts";
import { isPresent, type Member, type Phase } from "../protocol/member.ts";
import { MemberTable } from "./member_table.ts";
import type { Hello, MeshLink, Refusal } from "../protocol/mesh.ts";
import { type AgreedView, type Beliefs, type Message, type MessageOf, writeMessage } from "../protocol/messages.ts";
import { CLOCK_LEEWAY_MS } from "../protocol/push_version.ts";
import { Peers } from "./peers.ts";
import { ViewAgreement } from "./view_agreement.ts";
import { ACCUSE_AFTER_MS, judgeSilence } from "./silence.ts";
import { RingView } from "../placement/view.ts";

/** How often every peer is pinged, in milliseconds. */
export const PING_EVERY_MS = 1_000;

/** How often our table goes to some peer whatever the digests say, in milliseconds. */
export const SYNC_EVERY_MS = 30_000;

/** A tick that is so much late means that we were not running, and that the silence was ours, in milliseconds. */
export const STALL_MS = 2_000;

/** For how long nobody is accused after a stall, in milliseconds: two rounds of pings. */
export const QUIET_AFTER_STALL_MS: number = 2 * PING_EVERY_MS;

/** How many others are asked to ping a silent member at a time. */
export const HELPERS = 3;

/** How far the incarnation that is kept on disk runs ahead of the one in use: refutations need not wait for a disk. */
export const INCARNATION_RESERVE = 1_000;

/** How long a refusal counts as recent, in milliseconds. */
export const REFUSAL_MS = 30_000;

/** Why a member shows nothing. */
export interface Closed {
  /** A stable word. */
  readonly reason: "joining" | "leaving" | "name-taken" | "stalled" | "fenced" | "unsettled";
  /** For a person. */
  readonly message: string;
}

/** What membership works with. */
export interface MembershipOptions {
  /** Who we are; the incarnation of the last start is in `saved`. */
  readonly self: Omit<Hello, "incarnation">;
  /** Addresses of members to begin with. */
  readonly seeds: readonly string[];
  /** What the last process of this name kept. */
  readonly saved?: SavedState;
  /** The present time, by the clock of the events. */
  readonly now: number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
  /** Takes the effects. */
  readonly emit: Emit;
  /** Whether we hold nothing that the member should own by the present view and may lack. */
  readonly isClearFor: (name: string) => boolean;
  /** Called as soon as the view has changed, before anybody is told: what is lost must no longer be shown when this returns. */
  readonly onView: (view: RingView) => void;
}

/** The machine. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #table: MemberTable;
  readonly #peers = new Peers();
  readonly #dialler: Dialler;
  readonly #agreement: ViewAgreement;
  readonly #ownAddresses = new Set<string>();
  // Members whose wall clock is far from ours.
  readonly #apart = new Set<string>();
  #view: RingView;
  #turn: JoinTurn;
  #saved: SavedState;
  #refusal: (Refusal & { at: number }) | undefined;
  #lastTickAt: number;
  #nextRoundAt: number;
  #nextSyncAt: number;
  #quietUntil = 0;
  #servesSince: number | undefined;
  #wasFenced = false;
  #wasCutOff = false;

  /** Starts as JOINING, and emits what must be kept before anybody is told. */
  constructor(options: MembershipOptions) {
    const { self, saved, now, random, emit } = options;
    this.#options = options;
    const incarnation = (saved?.incarnation ?? 0) + 1;
    this.#table = new MemberTable({ ...self, incarnation, since: incarnation, status: "ALIVE", phase: "JOINING" });
    this.#view = RingView.of(this.#table.rows());
    this.#dialler = new Dialler(random);
    this.#agreement = new ViewAgreement(now);
    this.#lastTickAt = this.#nextRoundAt = now;
    this.#nextSyncAt = now + SYNC_EVERY_MS;
    this.#saved = {
      ...saved,
      incarnation: incarnation + INCARNATION_RESERVE,
      flaps: saved === undefined ? 0 : saved.flaps + 1,
    };
    this.#turn = new JoinTurn({ now, flaps: this.#saved.flaps });
    emit({ do: "save", state: this.#saved });
  }

  /** Our own row. */
  get self(): Member {
    return this.#table.self;
  }

  /** Every row. */
  get rows(): readonly Member[] {
    return [...this.#table.rows()];
  }

  /** Who owns what. */
  get view(): RingView {
    return this.#view;
  }

  /** The last view that all of its members agreed on. */
  get agreed(): AgreedView | undefined {
    return this.#saved.agreed;
  }

  /** Whether all others that are there have the view, or have been waited for long enough. */
  get isSettled(): boolean {
    return this.#agreement.state !== "unsettled";
  }

  /** What a member last said of the ring. */
  beliefsOf(name: string): Beliefs | undefined {
    return this.#peers.beliefs(name);
  }

  /** For how long nothing was heard of a member, in milliseconds. */
  silentMs(name: string, now: number): number {
    return this.#peers.silentMs(name, now);
  }

  /** Whether a message to the member has a way. */
  isLinked(name: string): boolean {
    return this.#peers.linkOf(name) !== undefined;
  }

  /** Whether we hear too few of the last agreed view to go on. */
  isFenced(now: number): boolean {
    return isFenced(this.agreed, (name) => name === this.self.name || this.#peers.hears(name, now));
  }

  /** Why nothing may be shown now; undefined if what we own may be. */
  closed(now: number): Closed | undefined {
    const { contested, self } = this.#table;
    const because = (reason: Closed["reason"], message: string): Closed => ({ reason, message });
    if (contested !== undefined) {
      return because("name-taken", `Another process at ${contested.address} is alive as '${self.name}'`);
    }
    if (this.#isRefused("name-taken", now)) return because("name-taken", this.#refusal!.message);
    if (self.phase === "LEAVING" || self.status === "LEFT") return because("leaving", "This member leaves the ring");
    if (self.phase === "JOINING") return because("joining", "This member has not joined the ring yet");
    if (now - this.#lastTickAt > TICK_MS + STALL_MS) return because("stalled", "This process has not been running");
    if (this.isFenced(now)) return because("fenced", "This member hears too few of the ring");
    if (!this.#agreement.shows) return because("unsettled", "The others have not confirmed the ring yet");
    return undefined;
  }

  /** Whether a peer may link with us. */
  admit(hello: Hello, now: number): Refusal | undefined {
    const { name, boot } = this.self;
    if (hello.name === name) {
      if (hello.boot === boot) return { code: "self", message: "Dialled itself" };
      return { code: "name-taken", message: `The name '${name}' is that of the member which was dialled` };
    }
    const linked = this.#peers.linkOf(hello.name);
    if (linked !== undefined && linked.boot !== hello.boot && this.#peers.isReachable(hello.name, now)) {
      return {
        code: "name-taken",
        message: `The name '${hello.name}' is in use by a process at ${linked.address} that is alive`,
      };
    }
    return undefined;
  }

  /** A link is up. */
  linkUp(link: MeshLink, { now }: Clock) {
    const { name } = link.peer;
    if (!this.#peers.linkUp(link)) return;
    this.#peers.heard(name, now);
    this.#sendTable(name, { reply: false });
    this.#ping(name, now);
  }

  /** A link has ended. */
  linkDown(link: MeshLink) {
    if (this.#peers.linkDown(link)) this.#apart.delete(link.peer.name);
  }

  /** A dial came to nothing. */
  dialFailed(address: string, refusal: Refusal, { now }: Clock) {
    if (refusal.code === "self") {
      this.#ownAddresses.add(address);
      this.#dialler.isSelf(address, now);
      return;
    }
    const isNews = this.#refusal?.message !== refusal.message || !this.#isRefused(refusal.code, now);
    if (refusal.code !== "unreachable") this.#refusal = { ...refusal, at: now };
    if (isNews && refusal.code !== "unreachable") {
      const { code, message } = refusal;
      this.#note("error", "Was refused by a peer", { address, code, why: message });
    }
  }

  /** Takes a message of membership's; false for any other. */
  message(from: Hello, message: Message, clock: Clock): boolean {
    const { now } = clock;
    this.#peers.heard(from.name, now);
    switch (message.type) {
      case "PING":
        this.#pinged(from, message, clock);
        return true;
      case "ACK":
        this.#acknowledged(from, message, clock);
        return true;
      case "PING_REQ":
        // Another process of that name would answer as well, and keep the silent one alive.
        if (this.#peers.linkOf(message.target)?.boot === message.boot) {
          this.#ping(message.target, now, { asker: from.name, askerBoot: from.boot, askerAt: message.at });
        }
        return true;
      case "PING_REQ_ACK":
        this.#peers.vouched(message.target, { boot: message.boot, now });
        this.#peers.believes(message.target, {
          boot: message.boot,
          beliefs: message,
          askedAt: Math.min(message.at, now),
        });
        this.#settle(now);
        return true;
      case "TABLE":
        this.#merge(from.name, message, now);
        return true;
      default:
        return false;
    }
  }

  /** Time has passed. */
  tick({ now }: Clock) {
    const lateMs = now - this.#lastTickAt - TICK_MS;
    this.#lastTickAt = now;
    if (lateMs > STALL_MS) this.#wakeUp(now, lateMs);
    this.#watchFence(now);
    for (const address of this.#dialler.due(this.#targets(now), now)) this.#options.emit({ do: "dial", address });
    if (now >= this.#nextRoundAt) {
      this.#nextRoundAt = now + PING_EVERY_MS;
      this.#round(now);
    }
    if (now >= this.#nextSyncAt) this.#syncSomebody(now);
    if (this.#servesSince !== undefined && now - this.#servesSince >= FORGIVE_AFTER_MS && this.#saved.flaps > 0) {
      this.#save({ flaps: 0 });
    }
    this.#settle(now);
  }

  /** What we may do next to join. */
  joinStep(now: number): JoinStep {
    const { self } = this;
    if (self.phase !== "JOINING") return "wait";
    const others = this.agreed?.members.filter(({ name }) => name !== self.name) ?? [];
    const seeds = this.#options.seeds.filter((address) => !this.#ownAddresses.has(address));
    return this.#turn.next({
      now,
      name: self.name,
      rows: this.#table.rows(),
      isLinked: (name) => this.isLinked(name),
      agrees: (name) => this.#peers.beliefs(name)?.view === this.#view.digest,
      knowsAll: others.every(({ name }) => this.isLinked(name)) &&
        seeds.every((address) => this.#peers.isAddressLinked(address)),
      knowsNobody: others.length === 0 && seeds.length === 0,
      fenced: this.isFenced(now),
      nameTaken: this.#table.contested !== undefined || this.#isRefused("name-taken", now),
      refused: this.#refusal !== undefined && this.#isRefused(this.#refusal.code, now),
    });
  }

  /** Goes on to the next phase, and tells everybody. */
  advance(phase: Phase, { now }: Clock) {
    this.#servesSince = phase === "ACTIVE" ? now : undefined;
    this.#spread([this.#table.advance(phase)], now);
    this.#note("info", "Entered a phase", { phase });
  }

  /** Ends our stay, and tells everybody. */
  leave({ now }: Clock) {
    this.#save({ flaps: Math.max(0, this.#saved.flaps - 1) });
    this.#spread([this.#table.leave()], now);
  }

  /** Tells a member at once that we are clear for it, or whatever else has changed of our beliefs. */
  ping(name: string, { now }: Clock) {
    this.#ping(name, now);
  }

  // --- what we hear ---

  #pinged({ name: from, boot }: Hello, ping: MessageOf<"PING">, { now, wall }: Clock) {
    const { asker, askerBoot, askerAt, at } = ping;
    const about = asker ?? from;
    if (asker === undefined) this.#peers.believes(from, { boot, beliefs: ping });
    // Whoever has us pinged was alive just now.
    else this.#peers.vouched(asker, { boot: askerBoot, now });
    this.#send(from, { type: "ACK", request: 0, at, wall, asker, askerAt, ...this.#beliefs(about, now) });
    if (ping.table !== this.#table.digest || ping.epoch > (this.agreed?.epoch ?? 0)) {
      if (this.#peers.maySync(from, { now, everyMs: PING_EVERY_MS })) this.#sendTable(from, { reply: true });
    }
    // What it says now may have been said long ago: only an answer to a ping of ours counts.
    const confirms = asker === undefined && ping.clear && ping.view === this.#view.digest;
    if (confirms && !this.isSettled && !this.#agreement.confirms(this.#peers.confirmation(from), ping.view)) {
      this.#ping(from, now);
    }
  }

  #acknowledged({ name: from, boot }: Hello, ack: MessageOf<"ACK">, { now, wall }: Clock) {
    const { asker, askerAt, at, view, table, epoch, clear, accuses } = ack;
    if (asker !== undefined) {
      const beliefs = { view, table, epoch, clear, accuses };
      this.#send(asker, { type: "PING_REQ_ACK", request: 0, target: from, boot, at: askerAt ?? 0, ...beliefs });
      return;
    }
    this.#peers.believes(from, { boot, beliefs: ack, askedAt: Math.min(at, now) });
    if (ack.wall !== undefined) this.#compareClocks(from, ack.wall - wall);
    this.#settle(now);
  }

  /**
   * Tells when wall clocks are so far apart that versions do not follow them: of two owners in turn that have no copy in common,
   * the push of the one whose clock is ahead then wins, though it may be the older one.
   */
  #compareClocks(member: string, aheadMs: number) {
    const wasApart = this.#apart.has(member);
    // Not again and again for a clock at the very edge.
    const isApart = Math.abs(aheadMs) > (wasApart ? CLOCK_LEEWAY_MS / 2 : CLOCK_LEEWAY_MS);
    if (isApart === wasApart) return;
    const fields = { member, aheadMs: Math.round(aheadMs) };
    if (isApart) {
      this.#apart.add(member);
      this.#note("warn", "Has a wall clock far from that of a member: keep both right", fields);
    } else {
      this.#apart.delete(member);
      this.#note("info", "Has a wall clock like that of a member again", fields);
    }
  }

  #merge(from: string, { rows, agreed, full, reply }: MessageOf<"TABLE">, now: number) {
    if (agreed !== undefined && agreed.epoch > (this.agreed?.epoch ?? 0)) this.#save({ agreed });
    const wasContested = this.#table.contested !== undefined;
    const { changed, refuted } = this.#table.merge(rows, now);
    if (this.#table.contested !== undefined && !wasContested) {
      const { address } = this.#table.contested;
      this.#note("error", "Another process is alive under this name: give one of them another", { address });
    }
    if (refuted !== undefined) this.#refuted(refuted, now);
    this.#changed(now);
    if (refuted !== undefined) this.#spread([this.self], now);
    for (const { name, status, phase, incarnation } of changed) {
      this.#note("info", "Learned of a member", { member: name, status, phase, incarnation, from });
    }
    if (full && reply) this.#sendTable(from, { reply: false });
  }

  #refuted(status: Member["status"], now: number) {
    const { phase, incarnation } = this.self;
    this.#note("warn", "Refutes what is said of it", { said: status, phase, incarnation });
    if (phase === "JOINING") {
      this.#save({ flaps: this.#saved.flaps + 1 });
      this.#turn = new JoinTurn({ now, flaps: this.#saved.flaps });
      this.#agreement.lost(now);
    }
    // While half of the reserve is left, so that what is in use has long been kept.
    if (incarnation > this.#saved.incarnation - INCARNATION_RESERVE / 2) {
      this.#save({ incarnation: incarnation + INCARNATION_RESERVE });
    }
  }

  // --- what time brings ---

  #wakeUp(now: number, lateMs: number) {
    this.#note("warn", "Was not running for a while", { lateMs });
    this.#peers.resetSilence(now);
    this.#dialler.restart();
    this.#quietUntil = now + QUIET_AFTER_STALL_MS;
    this.#agreement.lost(now);
  }

  #watchFence(now: number) {
    const cutOff = this.isFenced(now);
    if (this.#wasCutOff && !cutOff) {
      // The silence was ours: nobody is to die of it.
      this.#peers.resetSilence(now);
      this.#quietUntil = now + QUIET_AFTER_STALL_MS;
    }
    this.#wasCutOff = cutOff;
    const fenced = this.self.phase === "ACTIVE" && cutOff;
    if (fenced) this.#agreement.lost(now);
    if (fenced !== this.#wasFenced) {
      if (fenced) this.#note("error", "Hears too few of the ring, and stops to show anything", {});
      else this.#note("info", "Hears enough of the ring again", {});
    }
    this.#wasFenced = fenced;
  }

  #round(now: number) {
    this.#table.forgetGone(now);
    const others = this.#others().filter(isPresent);
    const reachable = others.filter(({ name }) => this.#peers.isReachable(name, now)).map(({ name }) => name);
    const mayBury = !this.isFenced(now);
    for (const { name, boot, status } of now < this.#quietUntil ? [] : others) {
      const silentMs = this.#peers.silentMs(name, now);
      const helpers = reachable.filter((helper) => helper !== name);
      const verdict = judgeSilence({
        silentMs,
        askedMs: this.#peers.askedMs(name, now),
        accusers: helpers.filter((helper) => this.#peers.beliefs(helper)?.accuses.includes(name)).length,
        reachable: helpers.length,
      });
      if (verdict === "none") continue;
      this.#peers.asked(name, now);
      for (const helper of this.#some(helpers, HELPERS)) {
        this.#send(helper, { type: "PING_REQ", request: 0, target: name, boot, at: now });
      }
      if (verdict === "suspect" && status === "ALIVE") this.#accuse(name, { status: "SUSPECT", silentMs, now });
      if (verdict === "dead" && mayBury) this.#accuse(name, { status: "DEAD", silentMs, now });
    }
    for (const name of [...this.#peers.linked()]) this.#ping(name, now);
  }

  #accuse(name: string, { status, silentMs, now }: { status: "SUSPECT" | "DEAD"; silentMs: number; now: number }) {
    const row = this.#table.accuse(name, { status, now });
    if (row === undefined) return;
    this.#note(status === "DEAD" ? "warn" : "info", "Found a member silent", { member: name, status, silentMs });
    this.#spread([row], now);
  }

  #settle(now: number) {
    const others = this.#others().filter(isPresent);
    if (!this.#view.has(this.self.name) || this.#wasFenced) return;
    // After a stall, alone means that there is nobody to ask: others may have taken over, and tell us if we give them time to.
    if (others.length === 0 && now < this.#quietUntil && this.#knowsOthers) return;
    const confirmations = others.map(({ name }) => this.#peers.confirmation(name));
    const { digest } = this.#view;
    if (!this.#agreement.check(confirmations, { view: digest, now })) return;
    const { state, since } = this.#agreement;
    const waitedMs = now - since;
    if (state === "overdue") {
      const missing = others.map(({ name }) => name)
        .filter((name) => !this.#agreement.confirms(this.#peers.confirmation(name), digest));
      this.#note("warn", "Goes on with a view that not all have confirmed", { view: digest, waitedMs, missing });
      return;
    }
    this.#note("debug", "All have confirmed the view", { view: digest, waitedMs });
    const agreedNames = this.agreed?.members.map(({ name }) => name) ?? [];
    if (agreedNames.join("\n") !== this.#view.names.join("\n")) {
      const members = this.#view.names.map((name) => ({ name, address: this.#table.get(name)!.address }));
      this.#save({ agreed: { epoch: (this.agreed?.epoch ?? 0) + 1, members } });
    }
  }

  #syncSomebody(now: number) {
    this.#nextSyncAt = now + SYNC_EVERY_MS;
    for (const name of this.#some([...this.#peers.linked()], 1)) this.#sendTable(name, { reply: true });
  }

  // --- what we tell ---

  /** Tells everybody of rows that we have changed, after taking in what that means for ourselves. */
  #spread(rows: readonly Member[], now: number) {
    this.#changed(now, () => {
      for (const name of this.#peers.linked()) this.#send(name, tableMessage({ rows, full: false, reply: false }));
    });
  }

  /** Takes in a change of the table: the view first, then who is followed; then tells everybody if the view is another. */
  #changed(now: number, tell: () => void = () => {}) {
    for (const row of this.#others()) {
      if (isPresent(row)) this.#peers.follow(row, now);
      else this.#peers.forget(row.name);
    }
    const view = RingView.of(this.#table.rows());
    const isNew = view.digest !== this.#view.digest;
    if (isNew) {
      this.#view = view;
      this.#agreement.viewChanged(now);
      this.#options.onView(view);
      this.#note("info", "Has another view of the ring", { view: view.digest, members: view.names });
    }
    tell();
    if (isNew) { for (const name of [...this.#peers.linked()]) this.#ping(name, now); }
    this.#settle(now);
  }

  #ping(name: string, now: number, asker: { asker?: string; askerBoot?: string; askerAt?: number } = {}) {
    this.#send(name, { type: "PING", request: 0, at: now, ...asker, ...this.#beliefs(asker.asker ?? name, now) });
  }

  #sendTable(name: string, { reply }: { reply: boolean }) {
    this.#send(name, tableMessage({ rows: this.rows, agreed: this.agreed, full: true, reply }));
  }

  #send(to: string, message: Message) {
    if (this.isLinked(to)) this.#options.emit({ do: "send", to, message: writeMessage(message) });
  }

  #beliefs(receiver: string, now: number): Beliefs {
    const quiet = now < this.#quietUntil;
    return {
      view: this.#view.digest,
      table: this.#table.digest,
      epoch: this.agreed?.epoch ?? 0,
      clear: this.#options.isClearFor(receiver),
      accuses: quiet
        ? []
        : this.#others().filter((row) => isPresent(row) && this.#peers.silentMs(row.name, now) >= ACCUSE_AFTER_MS).map((
          { name },
        ) => name),
    };
  }

  // --- what we know ---

  #others(): Member[] {
    return [...this.#table.rows()].filter((row) => row !== this.self);
  }

  /** Whether there is anybody that we were told of, or have heard of, and that has not left for good. */
  get #knowsOthers(): boolean {
    return this.#options.seeds.some((address) => !this.#ownAddresses.has(address)) ||
      this.#others().some(({ status }) => status !== "LEFT");
  }

  #targets(now: number): Target[] {
    const { name, status } = this.self;
    if (status === "LEFT") return [];
    const members = this.#others()
      .filter((row) => row.status !== "LEFT" && !this.isLinked(row.name))
      .map((row) => ({ address: row.address, courtesy: name > row.name && this.#table.goneFor(row.name, now) === 0 }));
    const known = this.agreed?.members.filter((member) => member.name !== name).map(({ address }) => address) ?? [];
    const others = [...this.#options.seeds, ...known]
      .filter((address) => !this.#peers.isAddressLinked(address))
      .map((address) => ({ address, courtesy: false }));
    const shared = this.#options.seeds
      .filter((address) => this.#peers.isAddressLinked(address) && !this.#peers.isAddressOwn(address))
      .map((address) => ({ address, courtesy: false, shared: true }));
    return [...members, ...others, ...shared];
  }

  #isRefused(code: Refusal["code"], now: number): boolean {
    return this.#refusal?.code === code && now - this.#refusal.at < REFUSAL_MS;
  }

  #some(names: readonly string[], count: number): string[] {
    const pool = [...names];
    while (pool.length > count) pool.splice(Math.floor(this.#options.random() * pool.length), 1);
    return pool;
  }

  #save(state: Partial<SavedState>) {
    this.#saved = { ...this.#saved, ...state };
    this.#options.emit({ do: "save", state: this.#saved });
  }

  #note(level: "debug" | "info" | "warn" | "error", sentence: string, fields: Record<string, unknown>) {
    this.#options.emit({ do: "note", level, sentence, fields });
  }
}

function tableMessage(content: Omit<MessageOf<"TABLE">, "type" | "request">): Message {
  return { type: "TABLE", request: 0, ...content };
}
