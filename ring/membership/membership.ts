/**
 * Membership: who is in the ring, by pings between all of them. A pure state machine: it is told what happens and when, and emits
 * what is to be done.
 *
 * Every member pings every other each second. Changes go to all at once; whatever gets lost shows as a difference of the digests
 * on the next ping, and then whole tables are exchanged. {@linkcode import("../protocol/member.ts")} draws the states of a member,
 * {@linkcode import("./view_agreement.ts")} those of a view. Here the parts are put together: what the {@linkcode Inbox} takes and the
 * {@linkcode Rounds} find changes the {@linkcode MemberTable}; {@linkcode TableChanges} tells everybody, and has the
 * {@linkcode ViewSuccession} decide the view that is due by it.
 *
 * @module
 */

import { PLACEMENT_RULE } from "../placement/rendezvous.ts";
import type { RingView } from "../placement/view.ts";
import type { AgreedView } from "../protocol/agreed_view.ts";
import type { Awaited } from "../protocol/awaited.ts";
import type { Closed } from "../protocol/closed.ts";
import { type Clock, note, type SavedState } from "../protocol/effects.ts";
import type { Member, Phase } from "../protocol/member.ts";
import type { Hello, MeshLink, Refusal } from "../protocol/mesh.ts";
import type { Beliefs, Message } from "../protocol/messages.ts";
import { ClockWatch } from "./clock_watch.ts";
import { Contacts } from "./contacts.ts";
import { type Accusation, FailureDetector } from "./failure_detector.ts";
import { forcedView } from "./forced_view.ts";
import { Gossip } from "./gossip.ts";
import { Inbox } from "./inbox.ts";
import type { JoinStep } from "./join_policy.ts";
import { KeptState } from "./kept_state.ts";
import { Links } from "./links.ts";
import { MemberTable } from "./member_table.ts";
import { Outlook } from "./outlook.ts";
import { PairWatch } from "./pair_watch.ts";
import { Peers } from "./peers.ts";
import { Pings } from "./pings.ts";
import type { RingContext } from "./ring_context.ts";
import { Rounds } from "./rounds.ts";
import type { SeedStatus } from "./seeds.ts";
import { Stay } from "./stay.ts";
import { TableChanges } from "./table_changes.ts";
import { ViewAgreement } from "./view_agreement.ts";
import type { OnConfirmed } from "./view_confirmation.ts";
import { type OnView, ViewSuccession } from "./view_succession.ts";

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
  /** Has what is shown follow another view. */
  readonly onView: OnView;
}

/** The machine. */
export class Membership {
  readonly #context: RingContext;
  readonly #kept: KeptState;
  readonly #table: MemberTable;
  readonly #peers = new Peers();
  readonly #agreement: ViewAgreement;
  readonly #stay: Stay;
  readonly #contacts: Contacts;
  readonly #pings: Pings;
  readonly #links: Links;
  readonly #clocks: ClockWatch;
  readonly #views: ViewSuccession;
  readonly #changes: TableChanges;
  readonly #outlook: Outlook;
  readonly #pair: PairWatch;
  readonly #inbox: Inbox;
  readonly #rounds: Rounds;

  /** Starts as JOINING, and emits what must be kept before anybody is told. */
  constructor(
    context: RingContext,
    { self, isWitness = false, seeds, bootstraps = false, saved, now, isClearFor, onView }: MembershipOptions,
  ) {
    this.#context = context;
    const kept = this.#kept = new KeptState(context, saved);
    const peers = this.#peers, incarnation = kept.firstIncarnation;
    const table = this.#table = new MemberTable({
      ...self,
      incarnation,
      since: incarnation,
      status: "ALIVE",
      phase: "JOINING",
      disk: kept.disk,
      isWitness,
      rule: PLACEMENT_RULE,
    });
    const accuse = (name: string, accusation: Accusation) => this.#changes.accuse(name, accusation);
    const agreement = this.#agreement = new ViewAgreement(now);
    const stay = this.#stay = new Stay(context, { table, kept, agreement, isWitness, now });
    const contacts = this.#contacts = new Contacts(context, { seeds, table, peers, kept });
    const gossip = new Gossip(context, { table, peers, kept, now });
    const detector = new FailureDetector(context, { table, peers, onSilent: accuse });
    const pings = this.#pings = new Pings(context, { table, peers, kept, detector, gossip, agreement, isClearFor });
    this.#links = new Links({ table, peers, contacts, gossip, pings, onGone: accuse });
    const clocks = this.#clocks = new ClockWatch(context);
    const views = this.#views = new ViewSuccession(context, {
      kept,
      table,
      peers,
      gossip,
      pings,
      agreement,
      stay,
      mayBegin: (has) => has(self.name) && (bootstraps || contacts.hasMajority(has)),
      onView,
      onTold: (now) => this.#changes.follow(now),
    });
    const changes = this.#changes = new TableChanges(context, { table, peers, gossip, stay, views });
    const outlook = this.#outlook = new Outlook(
      { table, peers, contacts, kept, views, agreement, detector, bootstraps },
    );
    const pair = this.#pair = new PairWatch(context, { agreed: () => kept.agreed, table });
    this.#inbox = new Inbox(context, { peers, pings, clocks, changes, views, gossip });
    this.#rounds = new Rounds(
      context,
      { table, contacts, pings, detector, gossip, pair, views, stay, outlook, changes, now },
    );
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
    return this.#views.view;
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
    return this.#views.isServing;
  }

  /** Whether we have accepted no view after ours, as far as we have a vote. */
  get isCurrent(): boolean {
    return this.#views.isCurrent;
  }

  /** Whether we carry on without the other one of two, which may do the same. */
  get isAlone(): boolean {
    return this.#pair.isAlone;
  }

  /** Who has confirmed the last page. */
  get lastVotes(): readonly string[] {
    return this.#views.lastVotes;
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
    return this.#outlook.isFailing(name, now);
  }

  /** By whom a message reaches a member. */
  wayTo(name: string, now: number): string | undefined {
    return this.#peers.wayTo(name, now);
  }

  /** Whether we hear too few of the last agreed view to go on. */
  isFenced(now: number): boolean {
    return this.#outlook.isFenced(now);
  }

  /** Why nothing may be shown now; undefined if what we own may be. */
  closed(now: number): Closed | undefined {
    return this.#outlook.closed(now);
  }

  /** For whom we wait, and for what, as long as nothing may be shown. */
  awaited(now: number): readonly Awaited[] {
    return this.#outlook.awaited(now);
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
    return this.#inbox.message(from, message, clock);
  }

  /** Time has passed. */
  tick(clock: Clock) {
    this.#rounds.tick(clock);
  }

  /** What we may do next to join. */
  joinStep(now: number): JoinStep {
    return this.#stay.joinStep(this.#outlook.toJoin(now));
  }

  /** What was to become durable has, or could not be made so. */
  stored(result: { ok: boolean; now: number }) {
    this.#stay.stored(result);
  }

  /** Our state is durable, up to this number. */
  saved(number: number, clock: Clock) {
    this.#stay.saved(clock.now);
    this.#views.saved(number, clock);
  }

  /** Asks the others whether the view is still the last one. */
  confirm(onConfirmed: OnConfirmed, clock: Clock) {
    this.#views.confirm(onConfirmed, clock);
  }

  /**
   * An operator says which members are left of a ring whose majority is lost: they go on without the votes of the others. Whoever else
   * is alive of it must not be, or must be cut off for good. Returns why that is not done.
   */
  forceView(names: readonly string[], clock: Clock): string | undefined {
    const view = forcedView(names, { table: this.#table, agreed: this.agreed });
    if (typeof view === "string") return view;
    this.#context.emit(note("warn", "An operator forces a view on the ring", { epoch: view.epoch, members: names }));
    this.#views.adopt(view, clock);
    return undefined;
  }

  /** Forgets a member that is gone; false if it is there, or nobody knows it. */
  forget(name: string, { now }: Clock): boolean {
    return this.#changes.forget(name, now);
  }

  /** Goes on to the next phase, and tells everybody. */
  advance(phase: Phase, { now }: Clock) {
    this.#changes.spread([this.#stay.advance(phase, now)], now);
  }

  /** Ends our stay, and tells everybody. */
  leave({ now }: Clock) {
    this.#changes.spread([this.#stay.leave()], now);
  }

  /** Tells a member at once that we are clear for it, or whatever else has changed of our beliefs. */
  ping(name: string, { now }: Clock) {
    this.#pings.ping(name, now);
  }
}
