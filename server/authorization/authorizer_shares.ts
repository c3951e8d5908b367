/**
 * Shares the upstream authorizer out among those who ask it, so that nobody can have all of its time.
 *
 * @module
 */

import { hash } from "node:crypto";
import { Counter, Gauge, Histogram } from "prom-client";
import { BoundedMap } from "../../common/bounded_map.ts";
import { addressBlock, addressNetwork } from "../../common/http/addresses.ts";
import type { Registry } from "../../common/metrics.ts";
import { FairShares, type FairSharesOptions, NoPlaceError } from "../limits/fair_shares.ts";
import { type Asker, type Authorization, AuthorizationRefused, type Authorizer } from "./authorizer.ts";

/** How much may be asked, and for how long. */
export interface SharingAuthorizerOptions {
  /**
   * How questions are shared out: among tokens that were good before, and among networks, addresses and tokens of others.
   *
   * @default {QUESTION_LIMITS}
   */
  readonly limits?: FairSharesOptions;
  /**
   * Tokens remembered that the authorizer has said yes to, which share no questions with others; about 100 bytes each.
   *
   * @default {20_000}
   */
  readonly maxTokens?: number;
  /**
   * How long a question may take, the wait for its turn included, in milliseconds: below the time that clients of
   * openshift/telemeter wait, so that they see our answer.
   *
   * @default {15_000}
   */
  readonly timeoutMs?: number;
  /** Where the metrics of questions are registered. */
  readonly registry: Registry;
}

/**
 * 128 questions at a time, of which an address that asks alone has 43, and 512 that wait for 5 s, a third of a question's time:
 * for tokens that were good before, and as many again for others. One that ends without a yes counts for a quarter of a second
 * longer: however quick the authorizer is, an address with made-up tokens asks it some 256 times a second.
 */
export const QUESTION_LIMITS: FairSharesOptions = {
  places: 128,
  maxWaiting: 512,
  patienceMs: 5_000,
  penaltyMs: 250,
};

/**
 * An authorizer that asks another one when it is the asker's turn. A question that is under way goes on when its asker gives
 * up: the answer is remembered, and whoever comes back has it at once.
 */
export class SharingAuthorizer implements Authorizer {
  readonly #inner: Authorizer;
  readonly #timeoutMs: number;
  /** Shares of those whose token was good before, and of others. */
  readonly #known: FairShares;
  readonly #strangers: FairShares;
  /** Hashes of tokens that were good for some cluster. */
  readonly #goodTokens: BoundedMap<string, true>;
  readonly #metrics: QuestionMetrics;

  /** Wraps `inner`. */
  constructor(
    inner: Authorizer,
    { limits = QUESTION_LIMITS, maxTokens = 20_000, timeoutMs = 15_000, registry }: SharingAuthorizerOptions,
  ) {
    this.#inner = inner;
    this.#timeoutMs = timeoutMs;
    this.#known = new FairShares(limits);
    this.#strangers = new FairShares(limits);
    this.#goodTokens = new BoundedMap(maxTokens);
    this.#metrics = new QuestionMetrics(registry, [this.#known, this.#strangers]);
  }

  /**
   * Asks when it is the asker's turn; see {@linkcode Authorizer.authorize}.
   *
   * @throws {NoPlaceError} if others have asked so much that its turn does not come.
   */
  async authorize(token: string, clusterId: string, { signal, address }: Asker): Promise<Authorization> {
    const tokenHash = hash("sha256", token, "base64");
    // Whose token was good before is kept out by no number of those who make up tokens, behind the same address or others.
    const [shares, path] = this.#goodTokens.get(tokenHash) !== undefined
      ? [this.#known, [tokenHash]]
      : [this.#strangers, [addressNetwork(address), addressBlock(address), tokenHash]];
    const deadline = new AbortController();
    const tooLate = new DOMException("The authorizer has not answered in time", "TimeoutError");
    const timer = setTimeout(() => deadline.abort(tooLate), this.#timeoutMs);
    const question = () => this.#inner.authorize(token, clusterId, { signal: deadline.signal, address });
    try {
      const authorization = await shares.run(() => this.#metrics.time(question), { path, signal });
      this.#goodTokens.set(tokenHash, true);
      return authorization;
    } catch (error) {
      if (error instanceof AuthorizationRefused && error.status === 401) this.#goodTokens.delete(tokenHash);
      else if (error instanceof NoPlaceError) this.#metrics.turnedAway(error.reason);
      else if (signal.aborted && error === signal.reason) this.#metrics.turnedAway("gone");
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Why questions are not asked: there is no place, or nobody wants to know any more. */
const TURNED_AWAY = ["share", "wait", "gone"] as const;

/** What `/metrics` tells of questions. */
class QuestionMetrics {
  readonly #turnedAway: Counter<"reason">;
  readonly #seconds: Histogram;

  constructor(registry: Registry, shares: readonly FairShares[]) {
    const registers = [registry];
    this.#turnedAway = new Counter({
      name: "telemeter_authorizer_turned_away_total",
      help: "Questions that the upstream authorizer is not asked, by reason",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of TURNED_AWAY) this.#turnedAway.inc({ reason }, 0);
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

  turnedAway(reason: typeof TURNED_AWAY[number]) {
    this.#turnedAway.inc({ reason });
  }

  async time<T>(ask: () => Promise<T>): Promise<T> {
    const stop = this.#seconds.startTimer();
    try {
      return await ask();
    } finally {
      stop();
    }
  }
}
