/**
 * Remembers the authorizer's answers, so that it is asked seldom and an outage of it does not lock out known clusters, and
 * shares the questions to it out among those who ask.
 *
 * @module
 */

import { hash } from "node:crypto";
import type { Registry } from "../../common/metrics.ts";
import { orAborted } from "../../common/abort.ts";
import { BoundedMap } from "../../common/bounded_map.ts";
import { explain } from "../../common/explain.ts";
import { addressBlock, addressNetwork } from "../../common/http/addresses.ts";
import type { Logger } from "../../common/log.ts";
import { plainText } from "../../common/plain_text.ts";
import { FairShares, type FairSharesOptions, NoPlaceError } from "../limits/fair_shares.ts";
import {
  type Asker,
  type Authorization,
  AuthorizationRefused,
  type Authorizer,
  type RefusalStatus,
} from "./authorizer.ts";
import { AuthorizerMetrics } from "./authorizer_metrics.ts";

/** For how long, and how many, answers are remembered. */
export interface CachingAuthorizerOptions {
  /**
   * A yes stands for so long without another question, in milliseconds.
   *
   * @default {600_000}
   */
  readonly grantedMs?: number;
  /**
   * A yes stands for so long while the authorizer gives no answer, counted from the yes, in milliseconds.
   *
   * @default {86_400_000}
   */
  readonly staleMs?: number;
  /**
   * A no stands for so long, in milliseconds; only one that is about the token or the cluster, not a 429.
   *
   * @default {60_000}
   */
  readonly refusedMs?: number;
  /**
   * After a question without an answer, so long passes before the next one about the same token and cluster if an old yes
   * stands, in milliseconds: so that known clusters do not each wait for a time-out.
   *
   * @default {30_000}
   */
  readonly pauseMs?: number;
  /**
   * Answers remembered, of yes and no each, about 250 bytes each; the half used last is always remembered. They are kept
   * apart so that tokens made up by a hostile client push out no yes.
   *
   * @default {100_000}
   */
  readonly maxAnswers?: number;
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
  /**
   * How questions are shared out: among tokens that were good before, and among networks, addresses and tokens of others.
   *
   * @default {QUESTION_LIMITS}
   */
  readonly shares?: FairSharesOptions;
  /**
   * The time, in milliseconds of a clock that does not go back.
   *
   * @default {() => performance.now()}
   */
  readonly now?: () => number;
  /** Where the counter of answers, by their source, is registered. */
  readonly registry: Registry;
  /** Told when answers begin and cease to fail. */
  readonly log: Logger;
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

interface Granted {
  readonly authorization: Authorization;
  /** Until when the yes is as good as a new one. */
  readonly freshUntilMs: number;
  /** Until when it stands if there is no answer. */
  readonly staleUntilMs: number;
  /** Until when the authorizer is not asked again. */
  quietUntilMs: number;
}

interface Refused {
  readonly status: RefusalStatus;
  readonly untilMs: number;
}

/** How a question stands. */
interface Standing {
  /** Those who want to know. */
  askers: number;
  /** Whether the authorizer has been asked. */
  asked: boolean;
  /** Aborted when nobody wants to know any more before it has been asked. */
  readonly abandoned: AbortController;
}

/** A question that waits or is under way, for all who ask the same. */
interface Question {
  readonly standing: Standing;
  readonly answer: Promise<Authorization>;
}

/** How often at most the log says that the authorizer does not answer, in milliseconds. */
const TELL_INTERVAL_MS = 60_000;

/** An authorizer that remembers what another one says; the same question is never under way twice. */
export class CachingAuthorizer implements Authorizer {
  readonly #inner: Authorizer;
  readonly #options: Required<CachingAuthorizerOptions>;
  readonly #granted: BoundedMap<string, Granted>;
  readonly #refused: BoundedMap<string, Refused>;
  /** Hashes of tokens that were good for some cluster. */
  readonly #goodTokens: BoundedMap<string, true>;
  readonly #questions = new Map<string, Question>();
  /** Shares of those whose token was good before, and of others. */
  readonly #known: FairShares;
  readonly #strangers: FairShares;
  readonly #metrics: AuthorizerMetrics;
  #failing = false;
  /** Until when the log does not say so again. */
  #quietUntilMs = -Infinity;

  /** Wraps `inner`. */
  constructor(inner: Authorizer, options: CachingAuthorizerOptions) {
    const defaults = {
      grantedMs: 600_000,
      staleMs: 86_400_000,
      refusedMs: 60_000,
      pauseMs: 30_000,
      maxAnswers: 100_000,
      maxTokens: 20_000,
      timeoutMs: 15_000,
      shares: QUESTION_LIMITS,
      now: () => performance.now(),
    };
    this.#inner = inner;
    this.#options = { ...defaults, ...options };
    this.#granted = new BoundedMap(this.#options.maxAnswers);
    this.#refused = new BoundedMap(this.#options.maxAnswers);
    this.#goodTokens = new BoundedMap(this.#options.maxTokens);
    this.#known = new FairShares(this.#options.shares);
    this.#strangers = new FairShares(this.#options.shares);
    this.#metrics = new AuthorizerMetrics(options.registry, [this.#known, this.#strangers]);
  }

  /** Answers and questions held now. */
  get size(): number {
    return this.#granted.size + this.#refused.size + this.#questions.size;
  }

  /**
   * Answers from memory, or asks; see {@linkcode Authorizer.authorize}.
   *
   * @throws {NoPlaceError} if others have asked so much that there is no asking now.
   */
  async authorize(token: string, clusterId: string, { signal, address }: Asker): Promise<Authorization> {
    const now = this.#options.now();
    // The hash keeps the tokens themselves out of memory, and long ones small. JSON keeps (a, bc) and (ab, c) apart.
    const key = hash("sha256", JSON.stringify([token, clusterId]), "base64");
    const granted = this.#granted.get(key);
    if (granted !== undefined && now < granted.quietUntilMs) return this.#fromMemory(granted, now);
    const refused = this.#refused.get(key);
    if (refused !== undefined && now < refused.untilMs) {
      this.#metrics.answered("refused_cached");
      throw new AuthorizationRefused(refused.status);
    }
    const question = this.#questions.get(key) ?? this.#begin(key, { token, clusterId, address });
    question.standing.askers++;
    try {
      // Whoever asked first may go away: the question goes on, for the others and for the memory.
      return await orAborted(question.answer, signal);
    } finally {
      question.standing.askers--;
      this.#abandon(key, question);
    }
  }

  #begin(key: string, about: { token: string; clusterId: string; address: string }): Question {
    const standing: Standing = { askers: 0, asked: false, abandoned: new AbortController() };
    const question = { standing, answer: this.#ask(key, { ...about, standing }) };
    this.#questions.set(key, question);
    const forget = () => this.#forget(key, question);
    question.answer.then(forget, forget);
    return question;
  }

  /** Gives up the place of a question in the line that nobody waits for any more. */
  #abandon(key: string, question: Question) {
    const { askers, asked, abandoned } = question.standing;
    if (askers > 0 || asked) return;
    this.#forget(key, question);
    abandoned.abort(new DOMException("Nobody waits for the answer any more", "AbortError"));
  }

  #forget(key: string, question: Question) {
    if (this.#questions.get(key) === question) this.#questions.delete(key);
  }

  #fromMemory(granted: Granted, now: number): Authorization {
    this.#metrics.answered(now < granted.freshUntilMs ? "granted_cached" : "granted_stale");
    return granted.authorization;
  }

  async #ask(
    key: string,
    { token, clusterId, address, standing }: { token: string; clusterId: string; address: string; standing: Standing },
  ): Promise<Authorization> {
    const { grantedMs, staleMs, refusedMs, pauseMs, timeoutMs, now } = this.#options;
    const tokenHash = hash("sha256", token, "base64");
    // Whose token was good before is kept out by no number of those who make up tokens, behind the same address or others.
    const [shares, path] = this.#goodTokens.get(tokenHash) !== undefined
      ? [this.#known, [tokenHash]]
      : [this.#strangers, [addressNetwork(address), addressBlock(address), tokenHash]];
    const deadline = new AbortController(), asker = { signal: deadline.signal, address };
    const tooLate = new DOMException("The authorizer has not answered in time", "TimeoutError");
    const timer = setTimeout(() => deadline.abort(tooLate), timeoutMs);
    const { signal } = standing.abandoned;
    const work = () => {
      standing.asked = true;
      return this.#metrics.time(() => this.#inner.authorize(token, clusterId, asker));
    };
    try {
      const authorization = await shares.run(work, { path, signal });
      const at = now();
      const freshUntilMs = at + grantedMs;
      const staleUntilMs = at + Math.max(grantedMs, staleMs);
      this.#granted.set(key, { authorization, freshUntilMs, staleUntilMs, quietUntilMs: freshUntilMs });
      this.#refused.delete(key);
      this.#goodTokens.set(tokenHash, true);
      this.#answered();
      this.#metrics.answered("granted");
      return authorization;
    } catch (error) {
      const at = now();
      const refused = error instanceof AuthorizationRefused;
      if (refused && error.status !== 429) {
        this.#granted.delete(key);
        this.#refused.set(key, { status: error.status, untilMs: at + refusedMs });
        if (error.status === 401) this.#goodTokens.delete(tokenHash);
        this.#answered();
        this.#metrics.answered("refused");
        throw error;
      }
      if (signal.aborted && error === signal.reason) {
        this.#metrics.turnedAway("gone");
        throw error;
      }
      if (error instanceof NoPlaceError) this.#metrics.turnedAway(error.reason);
      else if (!refused) this.#failed(error);
      const granted = this.#granted.get(key);
      if (granted === undefined || at >= granted.staleUntilMs) {
        this.#metrics.answered(error instanceof NoPlaceError ? "busy" : "failed");
        throw error;
      }
      granted.quietUntilMs = Math.min(at + pauseMs, granted.staleUntilMs);
      return this.#fromMemory(granted, at);
    } finally {
      clearTimeout(timer);
    }
  }

  #answered() {
    if (this.#failing) this.#options.log.info("The authorizer answers again", {});
    this.#failing = false;
  }

  #failed(error: unknown) {
    const now = this.#options.now();
    // Where one question fails and the next does not, it would fill the log by that.
    if (this.#failing || now < this.#quietUntilMs) return;
    this.#failing = true;
    this.#quietUntilMs = now + TELL_INTERVAL_MS;
    const reason = plainText(explain(error));
    this.#options.log.warn("The authorizer does not answer: clusters that it has authorized before may go on", {
      reason,
    });
  }
}
