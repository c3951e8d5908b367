/**
 * What the server tells of its questions to the upstream authorizer on `/metrics`.
 *
 * @module
 */

import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import type { FairShares, NoPlaceReason } from "../limits/fair_shares.ts";

/** Where an answer to a cluster comes from. */
export type AnswerSource =
  | "granted"
  | "granted_cached"
  | "granted_stale"
  | "refused"
  | "refused_cached"
  | "busy"
  | "failed";

const SOURCES: readonly AnswerSource[] = [
  "granted",
  "granted_cached",
  "granted_stale",
  "refused",
  "refused_cached",
  "busy",
  "failed",
];

/** Why a question is not asked: there is no place for it, or nobody wants to know any more. */
export type TurnedAwayReason = NoPlaceReason | "gone";

/** The metrics, registered when constructed. */
export class AuthorizerMetrics {
  readonly #answers: Counter<"source">;
  readonly #turnedAway: Counter<"reason">;
  readonly #seconds: Histogram;

  /** Registers them. */
  constructor(registry: Registry, shares: readonly Pick<FairShares, "underWay" | "waiting">[]) {
    const registers = [registry];
    this.#answers = new Counter({
      name: "telemeter_server_authorizations_total",
      help: "Answers to clusters that ask for a token, by source",
      labelNames: ["source"],
      registers,
    });
    for (const source of SOURCES) this.#answers.inc({ source }, 0);
    this.#turnedAway = new Counter({
      name: "telemeter_authorizer_turned_away_total",
      help: "Questions that the upstream authorizer is not asked, by reason",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of ["share", "wait", "gone"]) this.#turnedAway.inc({ reason }, 0);
    this.#seconds = new Histogram({
      name: "telemeter_authorizer_question_seconds",
      help: "How long the upstream authorizer takes to answer, or to fail to",
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers,
    });
    const gauge = (name: string, help: string, value: "underWay" | "waiting") =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(shares.reduce((sum, { [value]: more }) => sum + more, 0));
        },
      });
    gauge("telemeter_authorizer_questions", "Questions that the upstream authorizer is asked now", "underWay");
    gauge("telemeter_authorizer_waiting", "Questions that wait for their turn", "waiting");
  }

  /** A cluster has got an answer. */
  answered(source: AnswerSource): void {
    this.#answers.inc({ source });
  }

  /** A question is not asked. */
  turnedAway(reason: TurnedAwayReason): void {
    this.#turnedAway.inc({ reason });
  }

  /** Measures how long a question takes. */
  async time<T>(ask: () => Promise<T>): Promise<T> {
    const stop = this.#seconds.startTimer();
    try {
      return await ask();
    } finally {
      stop();
    }
  }
}
