/**
 * Membership: who is in the ring, by pings between all of them. A pure state machine: it is told what happens and when, and emits
 * what is to be done.
 *
 * Every member pings every other each second. Changes go to all at once; whatever gets lost shows as a difference of the digests
 * on the next ping, and then whole tables are exchanged. {@linkcode import("../protocol/member.ts")} draws the states of a member,
 * {@linkcode import("./view_agreement.ts")} those of a view. Here the parts come together: what is heard changes the
 * {@linkcode MemberTable}, that changes the view, and the view is what all have to agree on.
 *
 * @module
 */

import { plainText } from "../../common/plain_text.ts";
import { RingView } from "../placement/view.ts";
import { type Clock, note, type SavedState, TICK_MS } from "../protocol/effects.ts";
import { isBelieved } from "../protocol/headroom.ts";
import { isPresent, type Member, type Phase } from "../protocol/member.ts";
import type { Hello, MeshLink, Refusal } from "../protocol/mesh.ts";
import type { AgreedView, Beliefs, Message, MessageOf } from "../protocol/messages.ts";
import { AgreementWatch } from "./agreement_watch.ts";
import { ClockWatch } from "./clock_watch.ts";
import type { Closed } from "./closed.ts";
import { Contacts } from "./contacts.ts";
import { type Accusation, FailureDetector } from "./failure_detector.ts";
import { hasFence, isFenced } from "./fence.ts";
import { FenceWatch } from "./fence_watch.ts";
import { Gossip } from "./gossip.ts";
import { FORGIVE_AFTER_MS, type JoinStep, JoinTurn } from "./join_policy.ts";
import { KeptState } from "./kept_state.ts";
import { MemberTable } from "./member_table.ts";
import { Peers } from "./peers.ts";
import { Pings } from "./pings.ts";
import type { RingContext } from "./ring_context.ts";
import type { SeedStatus } from "./seeds.ts";
import { PING_EVERY_MS } from "./silence.ts";
import { ViewAgreement } from "./view_agreement.ts";

/** A tick that is so much late means that we were not running, and that the silence was ours, in milliseconds. */
export const STALL_MS = 2_000;

/** How often the log has a line of numbers that are not believed, in milliseconds. */
const UNBELIEVED_TOLD_MS = 60_000;

/** What membership works with, besides the ring's context. */
export interface MembershipOptions {
  /** Who we are; the incarnation of the last start is in `saved`. */
  readonly self: Omit<Hello, "incarnation">;
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
  /** Called as soon as the view has changed, before anybody is told: what is lost must no longer be shown when this returns. */
  readonly onView: (view: RingView) => void;
}

/** The machine. */
export class Membership {
  readonly #context: RingContext;
  readonly #onView: (view: RingView) => void;
  readonly #bootstraps: boolean;
  readonly #kept: KeptState;
  readonly #table: MemberTable;
  readonly #peers = new Peers();
  readonly #agreement: ViewAgreement;
  readonly #agreementWatch: AgreementWatch;
  readonly #fence: FenceWatch;
  readonly #contacts: Contacts;
  readonly #detector: FailureDetector;
  readonly #gossip: Gossip;
  readonly #pings: Pings;
  readonly #clocks: ClockWatch;
  #view: RingView;
  #turn: JoinTurn;
  #lastTickAt: number;
  #toldOfUnbelievedAt = -Infinity;
  #nextRoundAt: number;
  #servesSince: number | undefined;

  /** Starts as JOINING, and emits what must be kept before anybody is told. */
  constructor(
    context: RingContext,
    { self, seeds, bootstraps = false, saved, now, isClearFor, onView }: MembershipOptions,
  ) {
    this.#context = context;
    this.#onView = onView;
    this.#bootstraps = bootstraps;
    this.#kept = new KeptState(context, saved);
    const kept = this.#kept, peers = this.#peers, incarnation = kept.firstIncarnation;
    this.#table = new MemberTable({ ...self, incarnation, since: incarnation, status: "ALIVE", phase: "JOINING" });
    const table = this.#table;
    this.#view = RingView.of(table.rows());
    this.#turn = new JoinTurn({ now, flaps: kept.flaps });
    this.#agreement = new ViewAgreement(now);
    this.#contacts = new Contacts(context, { seeds, table, peers, kept });
    this.#gossip = new Gossip(context, { table, peers, kept, now });
    this.#detector = new FailureDetector(context, {
      table,
      peers,
      onSilent: (name, accusation) => this.#accuse(name, accusation),
    });
    const agreement = this.#agreement, contacts = this.#contacts, gossip = this.#gossip, detector = this.#detector;
    this.#pings = new Pings(context, { table, peers, kept, detector, gossip, agreement, isClearFor });
    this.#fence = new FenceWatch(context, { agreement, detector });
    this.#agreementWatch = new AgreementWatch(context, { agreement, table, peers, kept, detector, contacts });
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

  /** The last view that all of its members agreed on. */
  get agreed(): AgreedView | undefined {
    return this.#kept.agreed;
  }

  /** Whether all others that are there have the view, or have been waited for long enough. */
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

  /** Whether we hear too few of the last agreed view to go on. */
  isFenced(now: number): boolean {
    return isFenced(this.agreed, (name) => name === this.self.name || this.#peers.hears(name, now));
  }

  /** Why nothing may be shown now; undefined if what we own may be. */
  closed(now: number): Closed | undefined {
    const { contested, self } = this.#table;
    const refusal = this.#contacts.refusal(now);
    const because = (reason: Closed["reason"], message: string): Closed => ({ reason, message });
    if (contested !== undefined) {
      return because("name-taken", `Another process at ${plainText(contested.address)} is alive as '${self.name}'`);
    }
    // A member that serves gives way to nobody but one of whom the others say so.
    if (refusal?.code === "name-taken" && self.phase === "JOINING") return because("name-taken", refusal.message);
    if (self.phase === "LEAVING" || self.status === "LEFT") {
      return because("leaving", "This member is leaving the ring");
    }
    if (self.phase === "JOINING") {
      const isAlone = this.agreed === undefined && !this.#contacts.seeds.hasMajority;
      return because(
        "joining",
        isAlone ? "Too few of the servers that --join lists are there yet" : "This member has not joined the ring yet",
      );
    }
    if (now - this.#lastTickAt > TICK_MS + STALL_MS) return because("stalled", "This process has been stalled");
    if (this.isFenced(now)) return because("fenced", "This member has lost quorum: too few of the ring answer it");
    if (!this.#agreement.shows) return because("unsettled", "The other members have not confirmed the view yet");
    return undefined;
  }

  /** Whether a peer may link with us. */
  admit(hello: Hello, now: number): Refusal | undefined {
    const { name, boot } = this.self;
    if (hello.name === name) {
      if (hello.boot === boot) return { code: "self", message: "This process dialled itself" };
      return { code: "name-taken", message: `The member that was dialled has the name '${name}' itself` };
    }
    const linked = this.#peers.linkOf(hello.name);
    if (linked !== undefined && linked.boot !== hello.boot && this.#peers.isReachable(hello.name, now)) {
      return {
        code: "name-taken",
        message: `The name '${plainText(hello.name)}' is in use by a process at ${
          plainText(linked.address)
        } that is alive`,
      };
    }
    return undefined;
  }

  /** A link is up. */
  linkUp(link: MeshLink, { now }: Clock) {
    const { name } = link.peer;
    if (!this.#peers.linkUp(link)) return;
    this.#peers.heard(name, now);
    this.#gossip.sendTable(name, { reply: false });
    this.#pings.ping(name, now);
  }

  /** A link has ended. */
  linkDown(link: MeshLink) {
    if (this.#peers.linkDown(link)) this.#clocks.forget(link.peer.name);
  }

  /** A dial came to nothing. */
  dialFailed(address: string, refusal: Refusal, { now }: Clock) {
    this.#contacts.dialFailed(address, refusal, now);
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
        this.#pings.requestAcknowledged(message, now);
        this.#settle(now);
        return true;
      case "TABLE":
        this.#merge(from.name, this.#believed(from.name, message, clock), now);
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
    this.#fence.tick(now);
    this.#contacts.dial(now);
    if (now >= this.#nextRoundAt) {
      this.#nextRoundAt = now + PING_EVERY_MS;
      this.#table.forgetGone(now);
      this.#detector.judge(now);
      this.#pings.pingAll(now);
    }
    this.#gossip.tick(now);
    const hasServed = this.#servesSince !== undefined && now - this.#servesSince >= FORGIVE_AFTER_MS;
    if (hasServed && this.#kept.flaps > 0) this.#kept.countFlaps(0);
    this.#settle(now);
  }

  /** What we may do next to join. */
  joinStep(now: number): JoinStep {
    const { self } = this;
    if (self.phase !== "JOINING") return "wait";
    const others = this.agreed?.members.filter(({ name }) => name !== self.name) ?? [];
    const { seeds } = this.#contacts;
    const isNew = this.agreed === undefined;
    return this.#turn.next({
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

  /** Goes on to the next phase, and tells everybody. */
  advance(phase: Phase, { now }: Clock) {
    this.#servesSince = phase === "ACTIVE" ? now : undefined;
    this.#spread([this.#table.advance(phase)], now);
    this.#context.emit(note("info", "This member changed its phase", { phase }));
  }

  /** Ends our stay, and tells everybody. */
  leave({ now }: Clock) {
    this.#kept.countFlaps(Math.max(0, this.#kept.flaps - 1));
    this.#spread([this.#table.leave()], now);
  }

  /** Tells a member at once that we are clear for it, or whatever else has changed of our beliefs. */
  ping(name: string, { now }: Clock) {
    this.#pings.ping(name, now);
  }

  /** What of a table is believed: from what is above that nobody could go on. */
  #believed(from: string, table: MessageOf<"TABLE">, { now, wall }: Clock): MessageOf<"TABLE"> {
    const rows = table.rows.filter(({ incarnation }) => isBelieved(incarnation, wall));
    const isCounted = table.agreed === undefined || isBelieved(table.agreed.epoch, wall);
    const agreed = table.agreed !== undefined && isCounted && this.#knowsMost(table.agreed) ? table.agreed : undefined;
    if (rows.length === table.rows.length && isCounted) return { ...table, agreed };
    if (now - this.#toldOfUnbelievedAt >= UNBELIEVED_TOLD_MS) {
      this.#toldOfUnbelievedAt = now;
      const sentence =
        "A peer tells of an incarnation or an epoch that no member can have: restart it, and look at clocks";
      this.#context.emit(note("warn", sentence, { member: from }));
    }
    return { ...table, rows, agreed };
  }

  /**
   * Whether most of a view are members that this process has been linked with. One of members that nobody has ever heard would fence
   * the ring for good; where they are there, the same is told again once they are linked.
   */
  #knowsMost({ members }: AgreedView): boolean {
    const known = members.filter(({ name }) => name === this.self.name || this.#peers.wasLinked(name));
    return known.length * 2 > members.length;
  }

  #merge(from: string, { rows, agreed, full, reply }: MessageOf<"TABLE">, now: number) {
    if (agreed !== undefined && agreed.epoch > this.#kept.epoch) this.#kept.agree(agreed);
    const wasContested = this.#table.contested !== undefined;
    const { changed, refuted } = this.#table.merge(rows, now);
    const { contested } = this.#table;
    if (contested !== undefined && !wasContested) {
      const sentence = "Another process has this member's name: give one of them another --name";
      this.#context.emit(note("error", sentence, { address: contested.address }));
    }
    if (refuted !== undefined) this.#refuted(refuted, now);
    this.#changed(now);
    if (refuted !== undefined) this.#spread([this.self], now);
    for (const { name, status, phase, incarnation } of changed) {
      this.#context.emit(note("info", "A member changed", { member: name, status, phase, incarnation, from }));
    }
    if (full && reply) this.#gossip.sendTable(from, { reply: false });
  }

  #refuted(status: Member["status"], now: number) {
    const { phase, incarnation } = this.self;
    this.#context.emit(note("warn", "Refuted what others said of this member", { said: status, phase, incarnation }));
    if (phase === "JOINING") {
      this.#kept.countFlaps(this.#kept.flaps + 1);
      this.#turn = new JoinTurn({ now, flaps: this.#kept.flaps });
      this.#agreement.lost(now);
    }
    this.#kept.reserve(incarnation);
  }

  #wakeUp(now: number, lateMs: number) {
    this.#context.emit(note("warn", "This process was stalled", { lateMs }));
    this.#contacts.restart();
    this.#detector.excuse(now);
    this.#agreement.lost(now);
  }

  #accuse(name: string, { status, silentMs, now }: Accusation) {
    const row = this.#table.accuse(name, { status, now });
    if (row === undefined) return;
    const fields = { member: name, status, silentMs };
    if (status === "DEAD") this.#context.emit(note("warn", "Declared a silent member dead", fields));
    else this.#context.emit(note("info", "Suspected a silent member", fields));
    this.#spread([row], now);
  }

  #settle(now: number) {
    if (this.#view.has(this.self.name) && !this.#fence.isBehind) this.#agreementWatch.check(now);
  }

  /** Tells everybody of rows that we have changed, after taking in what that means for ourselves. */
  #spread(rows: readonly Member[], now: number) {
    this.#changed(now, () => this.#gossip.spread(rows));
  }

  /** Takes in a change of the table: the view first, then who is followed; then tells everybody if the view is another. */
  #changed(now: number, tell: () => void = () => {}) {
    for (const row of this.#table.others()) {
      if (isPresent(row)) this.#peers.follow(row, now);
      else this.#peers.forget(row.name);
    }
    const view = RingView.of(this.#table.rows());
    const isNew = view.digest !== this.#view.digest;
    if (isNew) {
      this.#view = view;
      this.#agreement.viewChanged(now);
      this.#onView(view);
      this.#context.emit(note("info", "The view changed", { view: view.digest, members: view.names }));
    }
    tell();
    if (isNew) this.#pings.pingAll(now);
    this.#settle(now);
  }
}
