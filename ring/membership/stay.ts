/**
 * Our own stay in the ring: when it goes on, when it is over, and when another one begins. A member that others have taken for dead does
 * not go on as what it was: it begins anew, as one that joins. One that is not able to own clusters begins another stay as a witness.
 *
 * ```text
 *   JOINING ──▶ ACTIVE ──▶ LEAVING ──▶ LEFT
 *      ▲  ▲      │  │
 *      │  └──────┘  │  the ring goes on without it
 *      │            ▼  its store fails, or it reaches too few of the others
 *      └──── ACTIVE as a witness: votes and forwards until it is well, or nobody else owns anything
 * ```
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { Member, Phase } from "../protocol/member.ts";
import { Ability, OUT_OF_REACH_AFTER_MS, UNWELL_AFTER_MS } from "./ability.ts";
import { FORGIVE_AFTER_MS, type JoinSituation, type JoinStep, JoinTurn } from "./join_policy.ts";
import type { KeptState } from "./kept_state.ts";
import type { MemberTable } from "./member_table.ts";
import type { RingContext } from "./ring_context.ts";
import type { ViewAgreement } from "./view_agreement.ts";

/** What a {@linkcode Stay} works with, besides the ring's context. */
export interface StayOptions {
  /** Where our own row is. */
  readonly table: MemberTable;
  /** How often we have come and gone, and how far our incarnations have gone. */
  readonly kept: KeptState;
  /** The agreement on the view, of which we know nothing when a stay begins. */
  readonly agreement: ViewAgreement;
  /** Whether we are to be a witness for good. */
  readonly isWitness: boolean;
  /** The present time. */
  readonly now: number;
}

/** How it stands with the others. */
export interface Surroundings {
  /** Whether somebody else serves to whom we could give way. */
  readonly hasHeirs: () => boolean;
  /** Whether nobody else is there who owns clusters. */
  readonly isNeeded: () => boolean;
  /** Whether most of the view are out of reach by links of ours. */
  readonly reachesTooFew: boolean;
}

/** The stay. */
export class Stay {
  readonly #context: RingContext;
  readonly #table: MemberTable;
  readonly #kept: KeptState;
  readonly #agreement: ViewAgreement;
  readonly #isWitness: boolean;
  readonly #store = new Ability({ unwellAfterMs: UNWELL_AFTER_MS });
  readonly #reach = new Ability({ unwellAfterMs: OUT_OF_REACH_AFTER_MS });
  #turn: JoinTurn;
  #servesSince: number | undefined;
  #servesUnwell = false;

  /** Begins as one that joins. */
  constructor(context: RingContext, { table, kept, agreement, isWitness, now }: StayOptions) {
    this.#context = context;
    this.#isWitness = isWitness;
    this.#table = table;
    this.#kept = kept;
    this.#agreement = agreement;
    this.#turn = new JoinTurn({ now, flaps: kept.flaps });
  }

  /** What may be done next to join. */
  joinStep(situation: Omit<JoinSituation, "isWell">): JoinStep {
    const { phase, isWitness } = this.#table.self;
    if (phase !== "JOINING") return "wait";
    return this.#turn.next({ ...situation, isWell: isWitness || this.#isWell(situation.now) });
  }

  /** Goes on to the next phase; returns our row, of which others are to be told. */
  advance(phase: Phase, now: number): Member {
    this.#servesUnwell = phase === "ACTIVE" && !this.#isWell(now);
    this.#servesSince = phase === "ACTIVE" ? now : undefined;
    this.#context.emit(note("info", "This member changed its phase", { phase }));
    return this.#table.advance(phase);
  }

  /** Ends it as planned; returns our row, of which others are to be told. */
  leave(): Member {
    this.#kept.countFlaps(Math.max(0, this.#kept.flaps - 1));
    return this.#table.leave();
  }

  /** Others said that we are silent or gone, which we have contradicted. */
  refuted(said: Member["status"], now: number) {
    const { phase, incarnation } = this.#table.self;
    this.#context.emit(note("warn", "Refuted what others said of this member", { said, phase, incarnation }));
    if (phase === "JOINING") this.#beginAnew(now, { flaps: this.#kept.flaps + 1 });
    this.#kept.reserve(incarnation);
  }

  /** The others have decided to go on without us: what was ours is theirs by now. */
  outvoted(now: number) {
    this.#context.emit(note("warn", "The ring goes on without this member, which joins it again", {}));
    const { isWitness } = this.#table.self;
    this.#startOver(now, { as: { phase: "JOINING", isWitness }, flaps: this.#kept.flaps + 1 });
  }

  /** What was to become durable has, or could not be made so. */
  stored({ ok, now }: { ok: boolean; now: number }) {
    if (ok) this.#store.succeeded(now);
    else this.#store.failed(now);
  }

  /** The state of the ring has become durable here. */
  saved(now: number) {
    this.#store.saved(now);
  }

  /** Time has passed; true if another stay has begun, of which others are to be told. */
  tick(now: number, surroundings: Surroundings): boolean {
    if (this.#store.mustProbe(now)) this.#kept.probe();
    const isForgiven = this.#servesSince !== undefined && now - this.#servesSince >= FORGIVE_AFTER_MS;
    if (isForgiven && this.#kept.flaps > 0) this.#kept.countFlaps(0);
    if (surroundings.reachesTooFew) this.#reach.failed(now);
    else this.#reach.succeeded(now);
    const { phase, isWitness } = this.#table.self;
    if (phase !== "ACTIVE" || this.#isWitness) return false;
    return isWitness ? this.#returns(now, surroundings) : this.#givesWay(now, surroundings);
  }

  /** Where nobody else serves, we serve as well as we can. */
  #givesWay(now: number, { hasHeirs }: Surroundings): boolean {
    const cannotStore = this.#store.isUnwell(now);
    if (!cannotStore && !this.#reach.isUnwell(now)) {
      this.#servesUnwell = false;
      return false;
    }
    if (this.#servesUnwell || !hasHeirs()) return false;
    const sentence = cannotStore
      ? "The store of this member fails: what it owns goes to other members until it is well again"
      : "This member reaches too few of the others: what it owns goes to them until it is well again";
    this.#context.emit(note("error", sentence, {}));
    this.#startOver(now, { as: { phase: "ACTIVE", isWitness: true }, flaps: 0 });
    return true;
  }

  #returns(now: number, { isNeeded }: Surroundings): boolean {
    if (!this.#isWell(now) && !isNeeded()) return false;
    this.#context.emit(note("info", "This member is to own clusters again, and joins the ring for that", {}));
    this.#startOver(now, { as: { phase: "JOINING", isWitness: false }, flaps: 0 });
    return true;
  }

  #isWell(now: number): boolean {
    return this.#store.isWell(now) && this.#reach.isWell(now);
  }

  #startOver(now: number, { as, flaps }: { as: Pick<Member, "phase" | "isWitness">; flaps: number }) {
    this.#table.startOver(as);
    this.#beginAnew(now, { flaps });
    this.#kept.reserve(this.#table.self.incarnation);
  }

  #beginAnew(now: number, { flaps }: { flaps: number }) {
    this.#servesSince = undefined;
    if (flaps > 0) this.#kept.countFlaps(flaps);
    this.#turn = new JoinTurn({ now, flaps });
    this.#agreement.lost(now);
  }
}
