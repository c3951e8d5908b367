/**
 * Remembers the authorizer's answers, so that it is asked seldom and an outage of it does not lock out known clusters.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { orAborted } from "../../common/abort.ts";
import { BoundedMap } from "../../common/bounded_map.ts";
import { explain } from "../../common/explain.ts";
import type { Logger } from "../../common/log.ts";
import { type Authorization, AuthorizationRefused, type Authorizer, type RefusalStatus } from "./authorizer.ts";

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
   * Questions under way at once; above, a cluster without a remembered yes is told to try again later.
   *
   * @default {256}
   */
  readonly maxQuestions?: number;
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

/** An authorizer that remembers what another one says; the same question is never under way twice. */
export class CachingAuthorizer implements Authorizer {
  readonly #inner: Authorizer;
  readonly #options: Required<CachingAuthorizerOptions>;
  readonly #granted: BoundedMap<string, Granted>;
  readonly #refused: BoundedMap<string, Refused>;
  readonly #questions = new Map<string, Promise<Authorization>>();
  readonly #answers: Counter<"source">;
  #failing = false;

  /** Wraps `inner`, which bounds the time of its own questions. */
  constructor(inner: Authorizer, options: CachingAuthorizerOptions) {
    const defaults = {
      grantedMs: 600_000,
      staleMs: 86_400_000,
      refusedMs: 60_000,
      pauseMs: 30_000,
      maxAnswers: 100_000,
      maxQuestions: 256,
      now: () => performance.now(),
    };
    this.#inner = inner;
    this.#options = { ...defaults, ...options };
    this.#granted = new BoundedMap(this.#options.maxAnswers);
    this.#refused = new BoundedMap(this.#options.maxAnswers);
    this.#answers = new Counter({
      name: "telemeter_server_authorizations_total",
      help: "Answers to clusters that ask for a token, by source",
      labelNames: ["source"],
      registers: [options.registry],
    });
  }

  /** Answers and questions held now. */
  get size(): number {
    return this.#granted.size + this.#refused.size + this.#questions.size;
  }

  /** Answers from memory, or asks; see {@linkcode Authorizer.authorize}. */
  async authorize(token: string, clusterId: string, signal: AbortSignal): Promise<Authorization> {
    const now = this.#options.now();
    // The hash keeps the tokens themselves out of memory, and long ones small. JSON keeps (a, bc) and (ab, c) apart.
    const key = createHash("sha256").update(JSON.stringify([token, clusterId])).digest("base64");
    const granted = this.#granted.get(key);
    if (granted !== undefined && now < granted.quietUntilMs) return this.#fromMemory(granted, now);
    const refused = this.#refused.get(key);
    if (refused !== undefined && now < refused.untilMs) {
      this.#answers.inc({ source: "refused_cached" });
      throw new AuthorizationRefused(refused.status);
    }
    let question = this.#questions.get(key);
    if (question === undefined) {
      if (this.#questions.size >= this.#options.maxQuestions) {
        if (granted !== undefined && now < granted.staleUntilMs) return this.#fromMemory(granted, now);
        this.#answers.inc({ source: "busy" });
        throw new AuthorizationRefused(429);
      }
      question = this.#ask(key, { token, clusterId }).finally(() => this.#questions.delete(key));
      this.#questions.set(key, question);
    }
    // Whoever asked first may go away: the question goes on, for the others and for the memory.
    return await orAborted(question, signal);
  }

  #fromMemory(granted: Granted, now: number): Authorization {
    this.#answers.inc({ source: now < granted.freshUntilMs ? "granted_cached" : "granted_stale" });
    return granted.authorization;
  }

  async #ask(key: string, { token, clusterId }: { token: string; clusterId: string }): Promise<Authorization> {
    const { grantedMs, staleMs, refusedMs, pauseMs, now } = this.#options;
    try {
      const authorization = await this.#inner.authorize(token, clusterId, NEVER);
      const at = now();
      const freshUntilMs = at + grantedMs;
      const staleUntilMs = at + Math.max(grantedMs, staleMs);
      this.#granted.set(key, { authorization, freshUntilMs, staleUntilMs, quietUntilMs: freshUntilMs });
      this.#refused.delete(key);
      this.#answered();
      this.#answers.inc({ source: "granted" });
      return authorization;
    } catch (error) {
      const at = now();
      const refused = error instanceof AuthorizationRefused;
      if (refused && error.status !== 429) {
        this.#granted.delete(key);
        this.#refused.set(key, { status: error.status, untilMs: at + refusedMs });
        this.#answered();
        this.#answers.inc({ source: "refused" });
        throw error;
      }
      if (!refused) this.#failed(error);
      const granted = this.#granted.get(key);
      if (granted === undefined || at >= granted.staleUntilMs) {
        this.#answers.inc({ source: "failed" });
        throw error;
      }
      granted.quietUntilMs = Math.min(at + pauseMs, granted.staleUntilMs);
      return this.#fromMemory(granted, at);
    }
  }

  #answered() {
    if (this.#failing) this.#options.log.info("The authorizer answers again", {});
    this.#failing = false;
  }

  #failed(error: unknown) {
    if (!this.#failing) {
      const reason = explain(error);
      this.#options.log.warn("The authorizer does not answer: clusters that it has authorized before may go on", {
        reason,
      });
    }
    this.#failing = true;
  }
}

/** Questions end by their own time limits. */
const NEVER = new AbortController().signal;
