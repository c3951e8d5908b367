/**
 * How a member stands in its ring, by what it hears of the others: whether it may go on, join, or give way. Asked anew each time, and
 * nothing of it is kept.
 *
 * @module
 */

import { mustConfirm } from "./agreement_watch.ts";
import type { Awaited } from "../protocol/awaited.ts";
import type { Closed } from "../protocol/closed.ts";
import { isFit, isPlaced } from "../protocol/member.ts";
import type { Contacts } from "./contacts.ts";
import type { FailureDetector } from "./failure_detector.ts";
import { hasFence, isFenced } from "./fence.ts";
import type { JoinSituation } from "./join_policy.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { Peers } from "./peers.ts";
import type { Surroundings } from "./stay.ts";
import type { ViewAgreement } from "./view_agreement.ts";
import type { ViewSuccession } from "./view_succession.ts";
import { whyClosed } from "./why_closed.ts";

/** What an {@linkcode Outlook} is made of. */
export interface OutlookOptions {
  /** Who is there. */
  readonly table: MemberTable;
  /** Who answers. */
  readonly peers: Peers;
  /** Whom we were told of, and who refused us. */
  readonly contacts: Contacts;
  /** The last view that we know to be decided. */
  readonly kept: KeptState;
  /** The view that we go by. */
  readonly views: ViewSuccession;
  /** How far the agreement on it is. */
  readonly agreement: ViewAgreement;
  /** Whether silence counts at present. */
  readonly detector: FailureDetector;
  /** Whether to start a ring of one, if need be, though we were told of others and were never in a ring. */
  readonly bootstraps: boolean;
}

/** Looks around. */
export class Outlook {
  readonly #options: OutlookOptions;

  /** Looks at these parts of a member. */
  constructor(options: OutlookOptions) {
    this.#options = options;
  }

  /** Whether we hear too few of the last agreed view to go on. */
  isFenced(now: number): boolean {
    const { table, peers, kept } = this.#options;
    const { name: ours, disk: ourDisk } = table.self;
    return isFenced(kept.agreed, ({ name, disk }) => name === ours ? disk === ourDisk : peers.hears(name, now));
  }

  /** Whether a member may be about to be suspected. */
  isFailing(name: string, now: number): boolean {
    const { table, peers, detector } = this.#options;
    const row = table.get(name);
    return row !== undefined && (!isFit(row) || peers.isFailing(name, now)) && !detector.isQuiet(now);
  }

  /** Why nothing may be shown now; undefined if what we own may be. */
  closed(now: number): Closed | undefined {
    const { table, contacts, kept, views, agreement } = this.#options;
    return whyClosed({
      self: table.self,
      contested: table.contested,
      refusal: contacts.refusal(now),
      isServing: views.isServing,
      isAlone: kept.agreed === undefined && !contacts.seeds.hasMajority,
      isFenced: this.isFenced(now),
      isConfirmed: agreement.shows,
    });
  }

  /** For whom we wait, and for what, as long as nothing may be shown. */
  awaited(now: number): Awaited[] {
    const { table, peers, contacts, kept: { agreed }, views: { view, isServing }, agreement } = this.#options;
    const { name: ours } = table.self;
    const whyNot = (name: string): Awaited["why"] | undefined => {
      const confirmation = peers.confirmation(name);
      if (confirmation === undefined || !peers.hears(name, now)) return "unreachable";
      if (confirmation.view !== view.digest) return "unconfirmed";
      return confirmation.clear ? undefined : "owes";
    };
    if (agreed === undefined) {
      const missing = contacts.seeds.status.filter(({ state }) => state !== "linked");
      return missing.map(({ address }) => ({ member: address, why: "unreachable" }));
    }
    const voters = agreed.members.map(({ name }) => name).filter((name) => name !== ours);
    if (this.isFenced(now)) {
      return voters.filter((name) => whyNot(name) === "unreachable").map((member) => ({ member, why: "unreachable" }));
    }
    if (isServing) {
      const waiting = mustConfirm(view, { table, peers, now })
        .filter((name) => !agreement.confirms(peers.confirmation(name), view.digest));
      return waiting.map((member) => ({ member, why: whyNot(member) ?? "unconfirmed" }));
    }
    const waiting = voters.map((member) => ({ member, why: whyNot(member) }));
    const missing = waiting.flatMap(({ member, why }) => why === undefined ? [] : [{ member, why }]);
    return missing.length > 0 ? missing : voters.map((member) => ({ member, why: "undecided" }));
  }

  /** What decides whether we may go on to join. */
  toJoin(now: number): Omit<JoinSituation, "isWell"> {
    const { table, peers, contacts, kept: { agreed }, views, bootstraps } = this.#options;
    const { seeds } = contacts, { name: ours } = table.self;
    const others = agreed?.members.filter(({ name }) => name !== ours) ?? [];
    const isNew = agreed === undefined;
    return {
      now,
      name: ours,
      rows: table.rows(),
      isLinked: (name) => peers.isLinked(name),
      agrees: (name) => peers.beliefs(name)?.view === views.view.digest,
      knowsAll: others.every(({ name }) => peers.isLinked(name)) &&
        seeds.others.every((address) => peers.isAddressLinked(address)),
      knowsNobody: others.length === 0 && seeds.others.length === 0,
      fenced: this.isFenced(now),
      nameTaken: table.contested !== undefined || contacts.refusal(now)?.code === "name-taken",
      // In front of the fence there is one, where there can be one.
      hasMajority: isNew ? seeds.hasMajority : hasFence(agreed),
      mayBeAlone: !isNew || bootstraps,
      meetsStrangers: contacts.meetsStrangers(now),
    };
  }

  /** What decides whether we give way to others, or own clusters again. */
  surroundings(now: number): Surroundings {
    return {
      hasHeirs: () => this.#hasHeirs(now),
      isNeeded: () => !this.isFenced(now) && !this.#options.table.others().some(isPlaced),
      reachesTooFew: this.#reachesTooFew(now),
    };
  }

  /** Whether somebody else serves to whom we could give way. */
  #hasHeirs(now: number): boolean {
    if (this.isFenced(now)) return false;
    const { table, peers } = this.#options;
    const others = table.others().filter((row) => isPlaced(row) && row.status === "ALIVE");
    return others.some(({ name }) => peers.isReachable(name, now));
  }

  /**
   * Whether two thirds of the others of the view do not answer us themselves: what we own would be reached by detours alone. Who hears
   * no quorum, by detours or not, has nobody to give way to.
   */
  #reachesTooFew(now: number): boolean {
    if (this.isFenced(now)) return false;
    const { table, peers, kept } = this.#options;
    const { name: ours } = table.self;
    const others = kept.agreed?.members.filter(({ name }) => name !== ours) ?? [];
    const inReach = others.filter(({ name }) => peers.isInReach(name, now));
    return others.length > 1 && inReach.length * 3 <= others.length;
  }
}
