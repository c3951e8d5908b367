/**
 * Decides views: each by the votes of the view before, one after the other, so that all members that have a view of some epoch have the
 * same one. Whoever sees that another view is due proposes it; the lowest name goes first.
 *
 * ```text
 *                                 the members that serve and answer are not those of the view
 *   view of epoch e ──────────────────────────────────────────────────────────────────────────▶ PREPARE, ACCEPT ──▶ view of epoch e + 1
 * ```
 *
 * @module
 */

import { accept, promise } from "../consensus/acceptor.ts";
import { Proposal } from "../consensus/proposal.ts";
import { becomesStrict, hasVote, isQuorum, type Vote } from "../consensus/quorum.ts";
import { type AgreedView, type ViewMember, viewMembers } from "../protocol/agreed_view.ts";
import { type AcceptorState, type Ballot, compareBallots } from "../protocol/ballot.ts";
import { type Clock, send } from "../protocol/effects.ts";
import { isFit, isPlaced, isPresent } from "../protocol/member.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { Gossip } from "./gossip.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import { type RingContext, sendIfLinked } from "./ring_context.ts";

/** How long the votes on a proposal are waited for, in milliseconds. */
export const PROPOSAL_MS = 1_000;

/** How much later each further member proposes what is due, in milliseconds: two that do it at once outvote each other. */
export const RANK_MS = 250;

/**
 * How long the first view after a restart of all waits for those of the last one that are back and do not serve yet, in milliseconds:
 * each may hold the newest of what another one would own.
 */
export const FELLOWS_MS = 2_000;

/** The longest pause of one that was outvoted, in milliseconds. */
export const OUTVOTED_MS = 500;

/** What a {@linkcode ViewConsensus} works with, besides the ring's context. */
export interface ViewConsensusOptions {
  /** What is decided, and what we have promised. */
  readonly kept: KeptState;
  /** Who is there. */
  readonly table: MemberTable;
  /** Tells those who lag behind. */
  readonly gossip: Gossip;
  /** Whether somebody answers at present. */
  readonly hears: (name: string, now: number) => boolean;
  /** Whether those who vote suffice for a first view. */
  readonly mayBegin: (has: (name: string) => boolean) => boolean;
  /** Called with what was decided. */
  readonly onDecided: (view: AgreedView, clock: Clock) => void;
}

/** Votes, and proposes. */
export class ViewConsensus {
  readonly #context: RingContext;
  readonly #options: ViewConsensusOptions;
  // What is said once the state of that number is durable.
  readonly #unsaid: { readonly number: number; readonly say: (clock: Clock) => void }[] = [];
  #proposal: Proposal | undefined;
  #round = 0;
  #nextAt = -Infinity;
  #dueSince: number | undefined;

  /** Starts with nothing proposed. */
  constructor(context: RingContext, options: ViewConsensusOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether we have a vote on the next view. */
  get hasVote(): boolean {
    const { kept } = this.#options;
    return kept.agreed === undefined || hasVote(kept.agreed, this.#ownVote);
  }

  /** Whether we have a vote, and have accepted no later view than the one that we know to be decided. */
  get isCurrent(): boolean {
    return this.hasVote && this.#state.accepted === undefined;
  }

  /** Takes a message of ours; false for any other. */
  message(from: string, message: Message, clock: Clock): boolean {
    switch (message.type) {
      case "PREPARE":
        this.#prepare(from, message);
        return true;
      case "PROMISE":
        this.#promised({ name: from, disk: message.disk }, message);
        return true;
      case "ACCEPT":
        this.#accept(from, message);
        return true;
      case "ACCEPTED":
        this.#accepted({ name: from, disk: message.disk }, message, clock);
        return true;
      case "OUTVOTED":
        this.#outvoted(message, clock);
        return true;
      default:
        return false;
    }
  }

  /** What was to be saved up to this number is durable. */
  saved(number: number, clock: Clock) {
    const due = this.#unsaid.filter((unsaid) => unsaid.number <= number);
    for (const unsaid of due) this.#unsaid.splice(this.#unsaid.indexOf(unsaid), 1);
    for (const { say } of due) say(clock);
  }

  /** Another view is decided. */
  viewChanged() {
    this.#proposal = undefined;
    this.#dueSince = undefined;
    this.#nextAt = -Infinity;
  }

  /** Time has passed, or the table has changed: proposes what is due. */
  consider(now: number) {
    if (this.#proposal !== undefined && now - this.#proposal.startedAt >= PROPOSAL_MS) this.#proposal = undefined;
    const wanted = this.#wanted();
    if (wanted === undefined) {
      this.#dueSince = undefined;
      return;
    }
    this.#dueSince ??= now;
    if (now < this.#dueSince + FELLOWS_MS && this.#awaitsFellows(now)) return;
    if (this.#proposal !== undefined || now < this.#nextAt || now < this.#dueSince + this.#rank(now) * RANK_MS) return;
    const isReachable = ({ name, disk }: Vote) =>
      name === this.#context.name ? disk === this.#options.kept.disk : this.#options.hears(name, now);
    if (this.#isQuorum(isReachable)) this.#propose(wanted, now);
  }

  get #ownVote(): Vote {
    return { name: this.#context.name, disk: this.#options.kept.disk };
  }

  get #epoch(): number {
    return this.#options.kept.epoch + 1;
  }

  get #state(): AcceptorState {
    const { acceptor } = this.#options.kept, epoch = this.#epoch;
    return acceptor?.epoch === epoch ? acceptor : { epoch };
  }

  /** The view that is due: another one than ours, or what somebody has accepted and nobody has brought to its end. */
  #wanted(): AgreedView | undefined {
    const { kept: { agreed }, table } = this.#options;
    if (!this.hasVote || (agreed === undefined && !isFit(table.self))) return undefined;
    const members = viewMembers([...table.rows()].filter(isFit));
    const { accepted } = this.#state;
    if (members.length === 0) return accepted?.view;
    if (accepted === undefined && agreed !== undefined && isSame(members, agreed.members)) return undefined;
    return { epoch: this.#epoch, isStrict: becomesStrict(agreed, members), members };
  }

  /** Whether nobody has served since the last view, and some of it who are back are yet to serve. */
  #awaitsFellows(now: number): boolean {
    const { kept: { agreed }, table, hears } = this.#options;
    if (agreed === undefined) return false;
    const rows = agreed.members.map(({ name, since }) => ({ row: table.get(name), since }));
    if (rows.some(({ row, since }) => row?.since === since && isPlaced(row))) return false;
    return rows.some(({ row }) =>
      row?.phase === "JOINING" && row.status === "ALIVE" && (row === table.self || hears(row.name, now))
    );
  }

  /** How many go before us. */
  #rank(now: number): number {
    const { kept: { agreed }, table, hears } = this.#options;
    if (agreed === undefined) return 0;
    return agreed.members.filter(({ name }) => {
      const row = table.get(name);
      return name < this.#context.name && row !== undefined && isPresent(row) && row.status === "ALIVE" &&
        hears(name, now);
    }).length;
  }

  #isQuorum(has: (vote: Vote) => boolean): boolean {
    const { kept: { agreed }, table, mayBegin } = this.#options;
    if (agreed !== undefined) return isQuorum(agreed, has);
    return mayBegin((name) => {
      const row = table.get(name);
      return row !== undefined && has(row);
    });
  }

  #propose(wanted: AgreedView, now: number) {
    const ballot: Ballot = {
      round: Math.max(this.#round, this.#state.promised?.round ?? 0) + 1,
      proposer: this.#context.name,
    };
    this.#round = ballot.round;
    const isQuorum = (has: (vote: Vote) => boolean) => this.#isQuorum(has);
    this.#proposal = new Proposal({ ballot, wanted, isQuorum, startedAt: now });
    this.#toVoters({ type: "PREPARE", request: 0, epoch: wanted.epoch, ballot });
    this.#prepare(this.#context.name, { type: "PREPARE", request: 0, epoch: wanted.epoch, ballot });
  }

  #prepare(from: string, { epoch, ballot }: MessageOf<"PREPARE">) {
    if (!this.#isDue(from, epoch)) return;
    const state = promise(this.#state, ballot);
    if (state === undefined) return this.#refuse(from, epoch);
    const { accepted } = state, { disk } = this.#options.kept;
    this.#keep(state, () => {
      if (from === this.#context.name) this.#promised(this.#ownVote, { epoch, ballot, accepted });
      else sendIfLinked(this.#context, from, { type: "PROMISE", request: 0, epoch, ballot, disk, accepted });
    });
  }

  #accept(from: string, { ballot, agreed }: MessageOf<"ACCEPT">) {
    const { epoch } = agreed;
    if (!this.#isDue(from, epoch)) return;
    const state = accept(this.#state, { ballot, view: agreed });
    if (state === undefined) return this.#refuse(from, epoch);
    const { disk } = this.#options.kept;
    this.#keep(state, (clock) => {
      if (from === this.#context.name) this.#accepted(this.#ownVote, { epoch, ballot }, clock);
      else sendIfLinked(this.#context, from, { type: "ACCEPTED", request: 0, epoch, ballot, disk });
    });
  }

  #promised(vote: Vote, { epoch, ballot, accepted }: Pick<MessageOf<"PROMISE">, "epoch" | "ballot" | "accepted">) {
    const proposal = this.#proposalOf(epoch, ballot);
    if (!proposal?.promised(vote, accepted)) return;
    const message = { type: "ACCEPT", request: 0, ballot, agreed: proposal.value! } as const;
    this.#toVoters(message);
    this.#accept(this.#context.name, message);
  }

  #accepted(vote: Vote, { epoch, ballot }: { epoch: number; ballot: Ballot }, clock: Clock) {
    const proposal = this.#proposalOf(epoch, ballot);
    if (proposal?.accepted(vote)) this.#options.onDecided(proposal.value!, clock);
  }

  #outvoted({ epoch, ballot }: MessageOf<"OUTVOTED">, { now }: Clock) {
    if (epoch !== this.#epoch || this.#proposal === undefined) return;
    this.#round = Math.max(this.#round, ballot.round);
    if (compareBallots(ballot, this.#proposal.ballot) <= 0) return;
    this.#proposal = undefined;
    this.#nextAt = now + OUTVOTED_MS * this.#context.random();
  }

  #proposalOf(epoch: number, ballot: Ballot): Proposal | undefined {
    const proposal = this.#proposal;
    return epoch === this.#epoch && proposal !== undefined && compareBallots(proposal.ballot, ballot) === 0
      ? proposal
      : undefined;
  }

  /** Whether it is about the view after ours, on which we vote. Who is behind is told, and so are we if it is us. */
  #isDue(from: string, epoch: number): boolean {
    if (epoch !== this.#epoch) {
      if (from !== this.#context.name) this.#options.gossip.sendTable(from, { reply: epoch > this.#epoch });
      return false;
    }
    return this.hasVote;
  }

  #refuse(from: string, epoch: number) {
    const { promised } = this.#state;
    if (from === this.#context.name) this.#proposal = undefined;
    else sendIfLinked(this.#context, from, { type: "OUTVOTED", request: 0, epoch, ballot: promised! });
  }

  #keep(state: AcceptorState, say: (clock: Clock) => void) {
    this.#unsaid.push({ number: this.#options.kept.vote(state), say });
  }

  #toVoters(message: Message) {
    const { kept: { agreed }, table } = this.#options;
    const voters = agreed?.members ?? table.others();
    for (const { name } of voters) {
      if (name !== this.#context.name && this.#context.isLinked(name)) {
        this.#context.emit(send(name, message));
      }
    }
  }
}

function isSame(a: readonly ViewMember[], b: readonly ViewMember[]): boolean {
  return a.length === b.length &&
    a.every(({ name, since, disk, host }, index) =>
      name === b[index].name && since === b[index].since && disk === b[index].disk && host === b[index].host
    );
}
