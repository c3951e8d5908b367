/**
 * Remembers the authorizer's answers, so that it is asked seldom and an outage of it does not lock out known clusters.
 *
 * @module
 */

import { hash } from "node:crypto";
import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { orAborted } from "../../common/abort.ts";
import { BoundedMap } from "../../common/bounded_map.ts";
import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { plainText } from "../../common/plain_text.ts";
import { NoPlaceError } from "../limits/fair_shares.ts";
import {
  type Asker,
  type Authorization,
  AuthorizationRefused,
  type Authorizer,
  type RefusalStatus,
} from "./authorizer.ts";

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
   * Answers of yes remembered about one token within `staleMs`, so that no account has all of the memory by making up ids.
   *
   * @default {10_000}
   */
  readonly maxOfToken?: number;
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

/** A question that is under way, for all who ask the same. */
interface Question {
  readonly answer: Promise<Authorization>;
  /** Aborted when nobody wants to know any more. */
  readonly abandoned: AbortController;
  askers: number;
}

/** What has been remembered about a token. */
interface OfToken {
  readonly untilMs: number;
  count: number;
}

/** Where answers come from. */
const SOURCES = ["granted", "granted_cached", "granted_stale", "refused", "refused_cached", "busy", "failed"] as const;

/** How often at most the log says that the authorizer does not answer, in milliseconds. */
const TELL_INTERVAL_MS = 60_000;

/** An authorizer that remembers what another one says; the same question is never under way twice. */
export class CachingAuthorizer implements Authorizer {
  readonly #inner: Authorizer;
  readonly #options: Required<CachingAuthorizerOptions>;
  readonly #granted: BoundedMap<string, Granted>;
  readonly #refused: BoundedMap<string, Refused>;
  /** By hashes of tokens. */
  readonly #ofToken: BoundedMap<string, OfToken>;
  readonly #questions = new Map<string, Question>();
  readonly #answers: Counter<"source">;
  #failing = false;
  /** Until when the log does not say so again. */
  #quietUntilMs = -Infinity;

  /** Wraps `inner`, which bounds the number and the time of its own questions. */
  constructor(inner: Authorizer, options: CachingAuthorizerOptions) {
    const defaults = {
      grantedMs: 600_000,
      staleMs: 86_400_000,
      refusedMs: 60_000,
      pauseMs: 30_000,
      maxAnswers: 100_000,
      maxOfToken: 10_000,
      now: () => performance.now(),
    };
    this.#inner = inner;
    this.#options = { ...defaults, ...options };
    this.#granted = new BoundedMap(this.#options.maxAnswers);
    this.#refused = new BoundedMap(this.#options.maxAnswers);
    this.#ofToken = new BoundedMap(this.#options.maxAnswers);
    this.#answers = new Counter({
      name: "telemeter_server_authorizations_total",
      help: "Answers to clusters that ask for a token, by source",
      labelNames: ["source"],
      registers: [options.registry],
    });
    for (const source of SOURCES) this.#answers.inc({ source }, 0);
  }

  /** Answers and questions held now. */
  get size(): number {
    return this.#granted.size + this.#refused.size + this.#questions.size;
  }

  /** Answers from memory, or asks; see {@linkcode Authorizer.authorize}. */
  async authorize(token: string, clusterId: string, { signal, address }: Asker): Promise<Authorization> {
    const now = this.#options.now();
    // The hash keeps the tokens themselves out of memory, and long ones small. JSON keeps (a, bc) and (ab, c) apart.
    const key = hash("sha256", JSON.stringify([token, clusterId]), "base64");
    const granted = this.#granted.get(key);
    if (granted !== undefined && now < granted.quietUntilMs) return this.#fromMemory(granted, now);
    const refused = this.#refused.get(key);
    if (refused !== undefined && now < refused.untilMs) {
      this.#count("refused_cached");
      throw new AuthorizationRefused(refused.status);
    }
    const question = this.#questions.get(key) ?? this.#begin(key, { token, clusterId, address });
    question.askers++;
    try {
      // Whoever asked first may go away: the question goes on, for the others and for the memory.
      return await orAborted(question.answer, signal);
    } catch (error) {
      // The last of those who waited went away at the moment when this one came.
      if (error !== ABANDONED || signal.aborted) throw error;
      return await this.authorize(token, clusterId, { signal, address });
    } finally {
      question.askers--;
      if (question.askers === 0) question.abandoned.abort(ABANDONED);
    }
  }

  #begin(key: string, about: { token: string; clusterId: string; address: string }): Question {
    const abandoned = new AbortController();
    const answer = this.#ask(key, { ...about, signal: abandoned.signal }).finally(() => this.#questions.delete(key));
    const question = { answer, abandoned, askers: 0 };
    this.#questions.set(key, question);
    return question;
  }

  #fromMemory(granted: Granted, now: number): Authorization {
    this.#count(now < granted.freshUntilMs ? "granted_cached" : "granted_stale");
    return granted.authorization;
  }

  async #ask(
    key: string,
    { token, clusterId, ...asker }: { token: string; clusterId: string } & Asker,
  ): Promise<Authorization> {
    const { now } = this.#options;
    try {
      const authorization = await this.#inner.authorize(token, clusterId, asker);
      this.#refused.delete(key);
      this.#remember(key, { token, authorization });
      this.#answered();
      this.#count("granted");
      return authorization;
    } catch (error) {
      const at = now();
      if (error instanceof AuthorizationRefused && error.status !== 429) {
        this.#granted.delete(key);
        this.#refused.set(key, { status: error.status, untilMs: at + this.#options.refusedMs });
        this.#answered();
        this.#count("refused");
        throw error;
      }
      if (error === ABANDONED) throw error;
      const isBusy = error instanceof NoPlaceError;
      if (!isBusy && !(error instanceof AuthorizationRefused)) this.#failed(error);
      const granted = this.#granted.get(key);
      if (granted === undefined || at >= granted.staleUntilMs) {
        this.#count(isBusy ? "busy" : "failed");
        throw error;
      }
      granted.quietUntilMs = Math.min(at + this.#options.pauseMs, granted.staleUntilMs);
      return this.#fromMemory(granted, at);
    }
  }

  #remember(key: string, { token, authorization }: { token: string; authorization: Authorization }) {
    const { grantedMs, staleMs, maxOfToken, now } = this.#options;
    const at = now();
    if (this.#granted.get(key) === undefined) {
      const tokenHash = hash("sha256", token, "base64");
      const known = this.#ofToken.get(tokenHash);
      const ofToken = known !== undefined && at < known.untilMs ? known : { untilMs: at + staleMs, count: 0 };
      if (ofToken.count >= maxOfToken) return;
      ofToken.count++;
      this.#ofToken.set(tokenHash, ofToken);
    }
    const freshUntilMs = at + grantedMs;
    const staleUntilMs = at + Math.max(grantedMs, staleMs);
    this.#granted.set(key, { authorization, freshUntilMs, staleUntilMs, quietUntilMs: freshUntilMs });
  }

  #count(source: typeof SOURCES[number]) {
    this.#answers.inc({ source });
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

/** Why a question is not asked that nobody waits for any more. */
const ABANDONED = new DOMException("Nobody waits for the answer any more", "AbortError");
