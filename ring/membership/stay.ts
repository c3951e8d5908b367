/**
 * Our own stay in the ring: when it goes on, when it is over, and when another one begins. A member that others have taken for dead, or
 * whose store fails, does not go on as what it was: it begins anew, as one that owns nothing.
 *
 * ```text
 *   JOINING ──▶ ACTIVE ──▶ LEAVING ──▶ LEFT
 *      ▲           │
 *      └───────────┘  the ring goes on without it, or its store fails
 * ```
 *
 * @module
 */

import { note } from "../protocol/effects.ts";
import type { Member, Phase } from "../protocol/member.ts";
import { Ability } from "./ability.ts";
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
  /** The present time. */
  readonly now: number;
}

/** The stay. */
export class Stay {
  readonly #context: RingContext;
  readonly #table: MemberTable;
  readonly #kept: KeptState;
  readonly #agreement: ViewAgreement;
  readonly #ability = new Ability();
  #turn: JoinTurn;
  #servesSince: number | undefined;
  #servesUnwell = false;

  /** Begins as one that joins. */
  constructor(context: RingContext, { table, kept, agreement, now }: StayOptions) {
    this.#context = context;
    this.#table = table;
    this.#kept = kept;
    this.#agreement = agreement;
    this.#turn = new JoinTurn({ now, flaps: kept.flaps });
  }

  /** What may be done next to join. */
  joinStep(situation: Omit<JoinSituation, "isWell">): JoinStep {
    if (this.#table.self.phase !== "JOINING") return "wait";
    return this.#turn.next({ ...situation, isWell: this.#ability.isWell(situation.now) });
  }

  /** Goes on to the next phase; returns our row, of which others are to be told. */
  advance(phase: Phase, now: number): Member {
    this.#servesUnwell = phase === "ACTIVE" && !this.#ability.isWell(now);
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
    this.#table.startOver();
    this.#beginAnew(now, { flaps: this.#kept.flaps + 1 });
    this.#kept.reserve(this.#table.self.incarnation);
  }

  /** What was to become durable has, or could not be made so. */
  stored({ ok, now }: { ok: boolean; now: number }) {
    if (ok) this.#ability.stored(now);
    else this.#ability.failed(now);
  }

  /** The state of the ring has become durable here. */
  saved(now: number) {
    this.#ability.saved(now);
  }

  /**
   * Time has passed; true if the store has failed for too long, and we give way to others where there are any. Where nobody else
   * serves, we serve as well as we can.
   */
  tick(now: number, { hasHeirs }: { hasHeirs: () => boolean }): boolean {
    if (this.#ability.mustProbe(now)) this.#kept.probe();
    const isForgiven = this.#servesSince !== undefined && now - this.#servesSince >= FORGIVE_AFTER_MS;
    if (isForgiven && this.#kept.flaps > 0) this.#kept.countFlaps(0);
    if (!this.#ability.isUnwell(now)) {
      this.#servesUnwell = false;
      return false;
    }
    if (this.#table.self.phase !== "ACTIVE" || this.#servesUnwell || !hasHeirs()) return false;
    const sentence = "The store of this member fails: what it owns goes to other members until it is well again";
    this.#context.emit(note("error", sentence, {}));
    this.#table.startOver();
    this.#beginAnew(now, { flaps: 0 });
    this.#kept.reserve(this.#table.self.incarnation);
    return true;
  }

  #beginAnew(now: number, { flaps }: { flaps: number }) {
    this.#servesSince = undefined;
    if (flaps > 0) this.#kept.countFlaps(flaps);
    this.#turn = new JoinTurn({ now, flaps });
    this.#agreement.lost(now);
  }
}
