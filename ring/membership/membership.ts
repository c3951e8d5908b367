/**
 * Membership: who is in the ring, by pings between all of them. A pure state machine: it is told what happens and when, and emits
 * what is to be done.
 *
 * Every member pings every other each second. Changes go to all at once; whatever gets lost shows as a difference of the digests
 * on the next ping, and then whole tables are exchanged. {@linkcode import("../protocol/member.ts")} draws the states of a member,
 * {@linkcode import("./view_agreement.ts")} those of a view. Here the parts come together: what is heard changes the
 * {@linkcode MemberTable}, that makes another view due, {@linkcode ViewConsensus} decides it, and its members confirm that they have it.
 *
 * @module
 */

import { PLACEMENT_RULE } from "../placement/rendezvous.ts";
import { RingView } from "../placement/view.ts";
import { type Clock, note, type SavedState, TICK_MS } from "../protocol/effects.ts";
import { isFit, isPlaced, isPresent, type Member, type Phase } from "../protocol/member.ts";
import type { Hello, MeshLink, Refusal } from "../protocol/mesh.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";
import type { Beliefs, Message, MessageOf } from "../protocol/messages.ts";
import { AgreementWatch } from "./agreement_watch.ts";
import { ClockWatch } from "./clock_watch.ts";
import type { Closed } from "../protocol/closed.ts";
import { Contacts } from "./contacts.ts";
import { type Accusation, FailureDetector } from "./failure_detector.ts";
import { hasVote } from "../consensus/quorum.ts";
import { hasFence, isFenced } from "./fence.ts";
import { FenceWatch } from "./fence_watch.ts";
import { Gossip } from "./gossip.ts";
import { forcedView } from "./forced_view.ts";
import type { JoinStep } from "./join_policy.ts";
import { KeptState } from "./kept_state.ts";
import { Links } from "./links.ts";
import { MemberTable } from "./member_table.ts";
import { Peers } from "./peers.ts";
import { PairWatch } from "./pair_watch.ts";
import { Pings } from "./pings.ts";
import { Plausibility } from "./plausibility.ts";
import type { RingContext } from "./ring_context.ts";
import type { SeedStatus } from "./seeds.ts";
import { PING_EVERY_MS } from "./silence.ts";
import { Stay } from "./stay.ts";
import { ViewAgreement } from "./view_agreement.ts";
import { type OnConfirmed, ViewConfirmation } from "./view_confirmation.ts";
import { ViewConsensus } from "./view_consensus.ts";
import { whyClosed } from "./why_closed.ts";

/** A tick that is so much late means that we were not running, and that the silence was ours, in milliseconds. */
export const STALL_MS = 2_000;

/** What membership works with, besides the ring's context. */
export interface MembershipOptions {
  /** Who we are; the incarnation of the last start is in `saved`. */
  readonly self: Omit<Hello, "incarnation">;
  /** Whether we only vote and forward, and own nothing. */
  readonly isWitness?: boolean;
  /** Addresses of members to begin with. */
  readonly seeds: readonly string[];
  /** Whether to start a ring of one, if need be, though we were told of others and were never in a ring. */
  readonly bootstraps?: boolean;
  /** What the last process of this name kept. */
  readonly saved?: SavedState;
  /** The present time, by the clock of the events. */
  readonly now: number;
  /** Whether we hold nothing that the member should own by the present view and may lack. */
  readonly isClearFor: (name: string) => boolean;
  /**
   * Called as soon as the view has changed, before anybody is told: what is lost must no longer be shown when this returns, and
   * nothing at all where views may have been missed.
   */
  readonly onView: (view: RingView, how: { readonly isNext: boolean; readonly clock: Clock }) => void;
}

/** The machine. */
export class Membership {
  readonly #context: RingContext;
  readonly #onView: MembershipOptions["onView"];
  readonly #bootstraps: boolean;
  readonly #kept: KeptState;
  readonly #table: MemberTable;
  readonly #peers = new Peers();
  readonly #agreement: ViewAgreement;
  readonly #agreementWatch: AgreementWatch;
  readonly #fence: FenceWatch;
  readonly #pair: PairWatch;
  readonly #contacts: Contacts;
  readonly #detector: FailureDetector;
  readonly #gossip: Gossip;
  readonly #pings: Pings;
  readonly #links: Links;
  readonly #clocks: ClockWatch;
  readonly #consensus: ViewConsensus;
  readonly #confirmation: ViewConfirmation;
  readonly #stay: Stay;
  readonly #plausibility: Plausibility;
  #view: RingView;
  #lastTickAt: number;
  #nextRoundAt: number;

  /** Starts as JOINING, and emits what must be kept before anybody is told. */
  constructor(
    context: RingContext,
    { self, isWitness = false, seeds, bootstraps = false, saved, now, isClearFor, onView }: MembershipOptions,
  ) {
    this.#context = context;
    this.#onView = onView;
    this.#bootstraps = bootstraps;
    this.#kept = new KeptState(context, saved);
    const kept = this.#kept, peers = this.#peers, incarnation = kept.firstIncarnation;
    this.#table = new MemberTable({
      ...self,
      incarnation,
      since: incarnation,
      status: "ALIVE",
      phase: "JOINING",
      disk: kept.disk,
      isWitness,
      rule: PLACEMENT_RULE,
    });
    const table = this.#table;
    this.#view = viewOf(kept.agreed);
    this.#agreement = new ViewAgreement(now);
    this.#stay = new Stay(context, { table, kept, agreement: this.#agreement, isWitness, now });
    this.#plausibility = new Plausibility(context, { wasLinked: (name) => peers.wasLinked(name) });
    this.#contacts = new Contacts(context, { seeds, table, peers, kept });
    this.#gossip = new Gossip(context, { table, peers, kept, now });
    this.#detector = new FailureDetector(context, {
      table,
      peers,
      onSilent: (name, accusation) => this.#accuse(name, accusation),
    });
    const agreement = this.#agreement, contacts = this.#contacts, gossip = this.#gossip, detector = this.#detector;
    this.#pings = new Pings(context, { table, peers, kept, detector, gossip, agreement, isClearFor });
    this.#links = new Links({
      table,
      peers,
      contacts,
      gossip,
      pings: this.#pings,
      onGone: (name, accusation) => this.#accuse(name, accusation),
    });
    this.#fence = new FenceWatch(context, { detector });
    this.#pair = new PairWatch(context, { agreed: () => kept.agreed, table });
    this.#agreementWatch = new AgreementWatch(context, { agreement, table, peers });
    this.#consensus = new ViewConsensus(context, {
      kept,
      table,
      gossip,
      hears: (name, now) => peers.isReachable(name, now),
      mayBegin: (has) => has(self.name) && (bootstraps || contacts.hasMajority(has)),
      onDecided: (agreed, clock) => this.#adopt(agreed, clock),
    });
    this.#confirmation = new ViewConfirmation(context, {
      agreed: () => kept.agreed,
      isCurrent: () => this.#consensus.isCurrent,
      disk: kept.disk,
    });
    this.#clocks = new ClockWatch(context);
    this.#lastTickAt = this.#nextRoundAt = now;
  }

  /** Our own row. */
  get self(): Member {
    return this.#table.self;
  }

  /** Every row. */
  get rows(): readonly Member[] {
    return [...this.#table.rows()];
  }

  /** The row of one member. */
  row(name: string): Member | undefined {
    return this.#table.get(name);
  }

  /** Who owns what. */
  get view(): RingView {
    return this.#view;
  }

  /** The last view that we know to be decided. */
  get agreed(): AgreedView | undefined {
    return this.#kept.agreed;
  }

  /** The epoch of that view, under which we order the pushes of what we own; 0 if there is none. */
  get epoch(): number {
    return this.#kept.epoch;
  }

  /** What a peer's clock has passed for certain, by what it said last; undefined if it has said nothing yet. */
  clockOf(name: string, now: number): number | undefined {
    return this.#peers.clockOf(name, now);
  }

  /** Whether we are the member that the view has under our name, and not another stay or process of it. */
  get isServing(): boolean {
    const { name, since, disk, phase, status } = this.self;
    return phase !== "JOINING" && status !== "LEFT" && this.#view.sinceOf(name) === since &&
      hasVote(this.agreed!, { name, disk });
  }

  /** Whether we have accepted no view after ours, as far as we have a vote. */
  get isCurrent(): boolean {
    return this.#consensus.isCurrent;
  }

  /** Whether we carry on without the other one of two, which may do the same. */
  get isAlone(): boolean {
    return this.#pair.isAlone;
  }

  /** Who has confirmed the last page. */
  get lastVotes(): readonly string[] {
    return this.#confirmation.lastVotes;
  }

  /** Whether all others of the view have it, and hold nothing back that is ours. */
  get isSettled(): boolean {
    return this.#agreement.state !== "unsettled";
  }

  /** What a member last said of the ring. */
  beliefsOf(name: string): Beliefs | undefined {
    return this.#peers.beliefs(name);
  }

  /** How it stands with the addresses that we were given to begin with. */
  get seeds(): readonly SeedStatus[] {
    return this.#contacts.seeds.status;
  }

  /** How long ago a member was last heard, in milliseconds, be it dead by now; undefined if it never was. */
  heardMsAgo(name: string, now: number): number | undefined {
    return this.#peers.heardMsAgo(name, now);
  }

  /** Whether a message to the member has a way. */
  isLinked(name: string): boolean {
    return this.#peers.isLinked(name);
  }

  /** Whether a member may be about to be suspected. */
  isFailing(name: string, now: number): boolean {
    const row = this.#table.get(name);
    return row !== undefined && (!isFit(row) || this.#peers.isFailing(name, now)) && !this.#detector.isQuiet(now);
  }

  /** By whom a message reaches a member. */
  wayTo(name: string, now: number): string | undefined {
    return this.#peers.wayTo(name, now);
  }

  /** Whether we hear too few of the last agreed view to go on. */
  isFenced(now: number): boolean {
    const { name: ours, disk: ourDisk } = this.self;
    return isFenced(
      this.agreed,
      ({ name, disk }) => name === ours ? disk === ourDisk : this.#peers.hears(name, now),
    );
  }

  /** Why nothing may be shown now; undefined if what we own may be. */
  closed(now: number): Closed | undefined {
    return whyClosed({
      self: this.self,
      contested: this.#table.contested,
      refusal: this.#contacts.refusal(now),
      isServing: this.isServing,
      isAlone: this.agreed === undefined && !this.#contacts.seeds.hasMajority,
      isFenced: this.isFenced(now),
      isConfirmed: this.#agreement.shows,
    });
  }

  /** Whether a peer may link with us. */
  admit(hello: Hello, now: number): Refusal | undefined {
    return this.#links.refusal(hello, now);
  }

  /** A link is up. */
  linkUp(link: MeshLink, { now }: Clock) {
    this.#links.up(link, now);
  }

  /** A link has ended. */
  linkDown(link: MeshLink, { now }: Clock) {
    if (this.#links.down(link, now)) this.#clocks.forget(link.peer.name);
  }

  /** A dial came to nothing. */
  dialFailed(address: string, refusal: Refusal, { now }: Clock) {
    this.#links.dialFailed(address, refusal, now);
  }

  /** Takes a message of membership's; false for any other. */
  message(from: Hello, message: Message, clock: Clock): boolean {
    const { now, wall } = clock;
    this.#peers.heard(from.name, now);
    switch (message.type) {
      case "PING":
        this.#pings.pinged(from, message, clock);
        return true;
      case "ACK":
        if (!this.#pings.acknowledged(from, message, now)) return true;
        if (message.wall !== undefined) this.#clocks.compare(from.name, message.wall - wall);
        this.#settle(now);
        return true;
      case "PING_REQ":
        this.#pings.requested(from, message, now);
        return true;
      case "PING_REQ_ACK":
        this.#pings.requestAcknowledged(from.name, message, now);
        this.#settle(now);
        return true;
      case "TABLE":
        this.#merge(from.name, this.#plausibility.table(from.name, message, clock), clock);
        return true;
      case "CONFIRM":
        this.#confirmation.asked(from.name, message);
        return true;
      case "CONFIRMED":
        this.#confirmation.answered(from.name, message, clock);
        return true;
      case "PREPARE":
      case "PROMISE":
      case "ACCEPT":
      case "ACCEPTED":
      case "OUTVOTED":
        return this.#consensus.message(from.name, this.#plausibility.ballot(message, clock), clock);
      default:
        return false;
    }
  }

  /** Time has passed. */
  tick(clock: Clock) {
    const { now } = clock;
    const lateMs = now - this.#lastTickAt - TICK_MS;
    this.#lastTickAt = now;
    if (lateMs > STALL_MS) this.#wakeUp(now, lateMs);
    this.#fence.tick(now);
    this.#pair.tick();
    this.#contacts.dial(now);
    if (now >= this.#nextRoundAt) {
      this.#nextRoundAt = now + PING_EVERY_MS;
      this.#table.forgetGone(now);
      this.#pings.pingAll(now);
    }
    this.#detector.judge(now);
    this.#consensus.consider(clock);
    this.#confirmation.tick(clock);
    this.#gossip.tick(now);
    const surroundings = {
      hasHeirs: () => this.#hasHeirs(now),
      isNeeded: () => !this.isFenced(now) && !this.#table.others().some(isPlaced),
      reachesTooFew: this.#reachesTooFew(now),
    };
    if (this.#stay.tick(now, surroundings)) this.#spread([this.self], clock);
    this.#settle(now);
  }

  /** What we may do next to join. */
  joinStep(now: number): JoinStep {
    const { self } = this;
    const others = this.agreed?.members.filter(({ name }) => name !== self.name) ?? [];
    const { seeds } = this.#contacts;
    const isNew = this.agreed === undefined;
    return this.#stay.joinStep({
      now,
      name: self.name,
      rows: this.#table.rows(),
      isLinked: (name) => this.isLinked(name),
      agrees: (name) => this.#peers.beliefs(name)?.view === this.#view.digest,
      knowsAll: others.every(({ name }) => this.isLinked(name)) &&
        seeds.others.every((address) => this.#peers.isAddressLinked(address)),
      knowsNobody: others.length === 0 && seeds.others.length === 0,
      fenced: this.isFenced(now),
      nameTaken: this.#table.contested !== undefined || this.#contacts.refusal(now)?.code === "name-taken",
      // In front of the fence there is one, where there can be one.
      hasMajority: isNew ? seeds.hasMajority : hasFence(this.agreed),
      mayBeAlone: !isNew || this.#bootstraps,
      meetsStrangers: this.#contacts.meetsStrangers(now),
    });
  }

  /** What was to become durable has, or could not be made so. */
  stored(result: { ok: boolean; now: number }) {
    this.#stay.stored(result);
  }

  /** Our state is durable, up to this number. */
  saved(number: number, clock: Clock) {
    this.#stay.saved(clock.now);
    this.#consensus.saved(number, clock);
  }

  /** Asks the others whether the view is still the last one. */
  confirm(onConfirmed: OnConfirmed, clock: Clock) {
    this.#confirmation.ask(onConfirmed, clock);
  }

  /**
   * An operator says which members are left of a ring whose majority is lost: they go on without the votes of the others. Whoever else
   * is alive of it must not be, or must be cut off for good. Returns why that is not done.
   */
  forceView(names: readonly string[], clock: Clock): string | undefined {
    const view = forcedView(names, { table: this.#table, agreed: this.agreed });
    if (typeof view === "string") return view;
    this.#context.emit(note("warn", "An operator forces a view on the ring", { epoch: view.epoch, members: names }));
    this.#adopt(view, clock);
    return undefined;
  }

  /** Forgets a member that is gone; false if it is there, or nobody knows it. */
  forget(name: string, clock: Clock): boolean {
    if (!this.#table.forget(name)) return false;
    this.#context.emit(note("warn", "An operator has this member forget another one that is gone", { member: name }));
    this.#changed(clock);
    return true;
  }

  /** Goes on to the next phase, and tells everybody. */
  advance(phase: Phase, clock: Clock) {
    this.#spread([this.#stay.advance(phase, clock.now)], clock);
  }

  /** Ends our stay, and tells everybody. */
  leave(clock: Clock) {
    this.#spread([this.#stay.leave()], clock);
  }

  /** Tells a member at once that we are clear for it, or whatever else has changed of our beliefs. */
  ping(name: string, { now }: Clock) {
    this.#pings.ping(name, now);
  }

  #merge(from: string, { rows, agreed, full, reply }: MessageOf<"TABLE">, clock: Clock) {
    const { now } = clock;
    if (agreed !== undefined && this.#isLater(agreed)) this.#adopt(agreed, clock);
    const wasContested = this.#table.contested !== undefined;
    const { changed, refuted } = this.#table.merge(rows, now);
    const { contested } = this.#table;
    if (contested !== undefined && !wasContested) {
      const sentence = "Another process has this member's name: give one of them another --name";
      this.#context.emit(note("error", sentence, { address: contested.address }));
    }
    if (refuted !== undefined) this.#stay.refuted(refuted, now);
    this.#changed(clock);
    if (refuted !== undefined) this.#spread([this.self], clock);
    for (const { name, status, phase, incarnation } of changed) {
      this.#context.emit(note("info", "A member changed", { member: name, status, phase, incarnation, from }));
    }
    if (full && reply) this.#gossip.sendTable(from, { reply: false });
  }

  /** Whether a view was decided after ours; or by another part of a ring that has forked, of which one must give way to the other. */
  #isLater(agreed: AgreedView): boolean {
    const { epoch, agreed: ours } = this.#kept;
    if (agreed.epoch !== epoch || ours === undefined) return agreed.epoch > epoch;
    return viewOf(agreed).digest < this.#view.digest;
  }

  /** Another view is decided. */
  #adopt(agreed: AgreedView, clock: Clock) {
    const { now } = clock, { phase } = this.self;
    if (!this.#isLater(agreed)) return;
    const isNext = agreed.epoch === this.#kept.epoch + 1, wasServing = this.isServing;
    this.#kept.agree(agreed);
    this.#view = viewOf(agreed);
    // Where a view was missed, what is ours before and after may have been another's between.
    if (isNext) this.#agreement.viewChanged(now);
    else this.#agreement.lost(now);
    this.#consensus.viewChanged();
    this.#onView(this.#view, { isNext, clock });
    this.#confirmation.viewChanged(clock);
    this.#context.emit(note("info", "The view changed", {
      epoch: agreed.epoch,
      view: this.#view.digest,
      members: this.#view.names,
    }));
    if (wasServing && phase === "ACTIVE" && !this.isServing) this.#stay.outvoted(now);
    for (const peer of this.#peers.linked()) this.#gossip.sendTable(peer, { reply: false });
    this.#changed(clock);
    this.#pings.pingAll(now);
  }

  /** Whether somebody else serves to whom we could give way. */
  #hasHeirs(now: number): boolean {
    if (this.isFenced(now)) return false;
    const others = this.#table.others().filter((row) => isPlaced(row) && row.status === "ALIVE");
    return others.some(({ name }) => this.#peers.isReachable(name, now));
  }

  /**
   * Whether two thirds of the others of the view do not answer us themselves: what we own would be reached by detours alone. Who hears
   * no quorum, by detours or not, has nobody to give way to.
   */
  #reachesTooFew(now: number): boolean {
    if (this.isFenced(now)) return false;
    const { name: ours } = this.self;
    const others = this.agreed?.members.filter(({ name }) => name !== ours) ?? [];
    const inReach = others.filter(({ name }) => this.#peers.isInReach(name, now));
    return others.length > 1 && inReach.length * 3 <= others.length;
  }

  #wakeUp(now: number, lateMs: number) {
    this.#context.emit(note("warn", "This process was stalled", { lateMs }));
    this.#contacts.restart();
    this.#detector.excuse(now);
  }

  #accuse(name: string, { status, silentMs, now }: Accusation) {
    const row = this.#table.accuse(name, { status, now });
    if (row === undefined) return;
    const fields = { member: name, status, silentMs };
    if (status === "DEAD") this.#context.emit(note("warn", "Declared a silent member dead", fields));
    else this.#context.emit(note("info", "Suspected a silent member", fields));
    this.#spread([row], { now, wall: 0 });
  }

  #settle(now: number) {
    if (this.isServing) this.#agreementWatch.check(now);
  }

  /** Tells everybody of rows that we have changed, after taking in what that means for ourselves. */
  #spread(rows: readonly Member[], clock: Clock) {
    this.#gossip.spread(rows);
    this.#changed(clock);
  }

  /** Takes in a change of the table: who is followed, and what view is due. */
  #changed(clock: Clock) {
    const { now } = clock;
    for (const row of this.#table.others()) {
      if (isPresent(row)) this.#peers.follow(row, now);
      else this.#peers.forget(row.name);
    }
    this.#consensus.consider(clock);
    this.#settle(now);
  }
}

function viewOf(agreed: AgreedView | undefined): RingView {
  return agreed === undefined ? new RingView([]) : new RingView(agreed.members, agreed.epoch);
}
