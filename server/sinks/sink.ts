/**
 * One sink: sends what waits for it, a few requests at a time, and waits while it is in trouble.
 *
 * ```
 *             ┌───────── nobody waits ◂──────────┐
 *             ▾                                  │
 *   idle ─ news ─▸ gathering, a second ─▸ sending, some lanes ─ answered
 *                                                │        ▴
 *                                     no answer, 5xx, 429 │ backoff, Retry-After
 *                                                ▾        │
 *                                           in trouble, one lane
 * ```
 *
 * What a sink refuses for good is dropped, and the next is sent: one that takes nothing at all any more says so in its report.
 *
 * @module
 */

import { retryDelayMs } from "../../common/backoff.ts";
import { formatDuration } from "../../common/duration.ts";
import { messageOf } from "../../common/explain.ts";
import type { RepeatLog } from "../../common/repeat_log.ts";
import { plainText } from "../../common/plain_text.ts";
import { readWriteAnswer } from "../../common/remote_write/write_answer.ts";
import { MAX_REQUEST_SAMPLES, type WriteEncoder } from "../../common/remote_write/write_encoder.ts";
import type { WriteVersion } from "../../common/remote_write/write_fields.ts";
import type { WriteRequest } from "../../common/remote_write/write_requests.ts";
import type { ExpositionIndex } from "../exposition/exposition_index.ts";
import { type Batch, takeBatch } from "./batch.ts";
import type { SeriesCache } from "./series_cache.ts";
import type { SinkMetrics, WatchedSink } from "./sink_metrics.ts";
import { SinkQueue } from "./sink_queue.ts";
import { adviceFor, isAboutSamples } from "./sink_refusal.ts";

/** What a sink answers to a request. */
export interface SinkAnswer {
  /** Its status and headers. */
  readonly response: Pick<Response, "status" | "headers">;
  /** The start of what it says for people, as text that is safe to log, without what it repeats of the credentials that it was shown. */
  readonly said: string;
}

/** Sends one request, and resolves to the answer. */
export type SendRequest = (
  body: Uint8Array<ArrayBuffer>,
  options: { readonly version: WriteVersion; readonly tenant?: string; readonly signal: AbortSignal },
) => Promise<SinkAnswer>;

/** What a sink works with. */
export interface SinkOptions {
  /** What it is called on pages and in metrics: its URL without what may be secret. */
  readonly name: string;
  /** Sends a request to it. */
  readonly send: SendRequest;
  /** The tenant of a cluster, if the sink has tenants: requests are of one tenant then. Undefined for an id that cannot be one. */
  readonly tenantOf?: (id: string) => string | undefined;
  /** What clusters show. */
  readonly index: ExpositionIndex;
  /** Writes requests; other sinks may have the same one. */
  readonly encoder: WriteEncoder;
  /** What that knows of the series of clusters. */
  readonly series: SeriesCache;
  /** Counts. */
  readonly metrics: SinkMetrics;
  /** Told of what is dropped and of trouble. */
  readonly losses: RepeatLog;
  /** For how long news are gathered before they are sent, in milliseconds; a second unless tests want otherwise. */
  readonly gatherMs?: number;
  /** The longest backoff, in milliseconds; 12 seconds unless tests want otherwise. */
  readonly maxBackoffMs?: number;
  /** How long a request may take, in milliseconds; 15 seconds unless tests want otherwise. */
  readonly timeoutMs?: number;
  /** Milliseconds since the epoch. @default {Date.now} */
  readonly now?: () => number;
}

/**
 * How a sink may be. It refuses if what it was sent last was refused as a whole, and nothing has been taken since; it is failing if it
 * does not answer, or asks for the same again later.
 */
export const SINK_STATES = ["idle", "sending", "failing", "refuses"] as const;

/** What a sink says of itself. */
export interface SinkReport extends Pick<WatchedSink, "waiting" | "lagSeconds"> {
  /** Its URL, without what may be secret. */
  readonly url: string;
  /** How it is. */
  readonly state: (typeof SINK_STATES)[number];
  /** The version of the protocol that is spoken with it. */
  readonly version: WriteVersion;
  /** When it last took a request as a whole. */
  readonly lastSuccess?: string;
  /** What went wrong last, when, and what to do about that where its answer tells. */
  readonly lastFailure?: { readonly at: string; readonly why: string; readonly advice?: string };
  /** Samples that it has taken. */
  readonly sent: number;
  /** Samples that it refused for good. */
  readonly dropped: number;
  /** Pushes that newer ones replaced before they were sent. */
  readonly conflated: number;
}

/** How many requests of samples of single clusters are refused in a row before a sink that has taken some says that it refuses all. */
const LEAST_REFUSALS = 3;

/** From how many seconds on a sink is behind, as the alert `TelemeterSinkBehind` has it. */
const BEHIND_SECONDS = 300;

/** Whether what waits for a sink does so for longer than it would for any other reason than the sink. */
export function isBehind({ lagSeconds }: Pick<SinkReport, "lagSeconds">): boolean {
  return lagSeconds > BEHIND_SECONDS;
}

/** Whether a sink takes nothing: it does not answer, or refuses all that it is sent. */
export function takesNothing({ state }: Pick<SinkReport, "state">): boolean {
  return state === "failing" || state === "refuses";
}

/** Sinks in the order in which somebody should look at them: those that take nothing, those that are behind, the others. */
export function worstFirst<T extends SinkReport>(sinks: readonly T[]): T[] {
  const rank = (sink: T) => sink.state === "refuses" ? 0 : sink.state === "failing" ? 1 : isBehind(sink) ? 2 : 3;
  return sinks.toSorted((a, b) => rank(a) - rank(b));
}

/** Requests that are under way at a time. */
const LANES = 4;
/** For how long news are gathered before they are sent, in milliseconds: a request for each push would cost more than all else. */
const GATHER_MS = 1_000;
/** How long a request may take, in milliseconds: with the longest backoff less than half a minute. */
const TIMEOUT_MS = 15_000;
/** The longest backoff, in milliseconds: a sink that is back, be it from hanging, has the newest of all clusters within half a minute. */
const MAX_BACKOFF_MS = 12_000;
/** After how long a sink is asked again whether it takes version 2.0, in milliseconds. */
const ASK_AGAIN_MS = 3_600_000;

/** Sends until it is disposed of. */
export class Sink implements AsyncDisposable {
  /** What is to be sent. */
  readonly queue: SinkQueue = new SinkQueue();
  readonly #options: SinkOptions;
  readonly #stopping = new AbortController();
  readonly #lanes = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextLane: ReturnType<typeof setTimeout> | undefined;
  #startsAtMs = 0;
  /** Until when nothing is sent, as the sink is in trouble. */
  #waitsUntilMs = 0;
  #failures = 0;
  /** Requests that were refused as a whole since something was taken; one that is about all requests counts as many. */
  #refusals = 0;
  #fellBackAtMs = -Infinity;
  #lastSuccessMs: number | undefined;
  #lastFailure: SinkReport["lastFailure"];
  readonly #counts = { sent: 0, dropped: 0, conflated: 0 };

  /** Sends nothing before it is woken. */
  constructor(options: SinkOptions) {
    this.#options = options;
    options.metrics.watch(options.name, () => ({
      ...this.report(),
      lastSuccessMs: this.#lastSuccessMs,
      endedBytes: this.queue.endedBytes,
    }));
  }

  /** How it is. */
  report(): SinkReport {
    const { queue } = this, { oldestMs } = queue;
    return {
      url: this.#options.name,
      state: this.#state,
      version: this.#version,
      waiting: queue.clusters,
      lagSeconds: oldestMs === undefined ? 0 : Math.round(performance.now() - oldestMs) / 1_000,
      lastSuccess: this.#lastSuccessMs === undefined ? undefined : isoTime(this.#lastSuccessMs),
      lastFailure: this.#lastFailure,
      ...this.#counts,
    };
  }

  /** News of a cluster have taken the place of others that were never sent. */
  conflated(): void {
    this.#counts.conflated++;
    this.#options.metrics.conflated(this.#options.name);
  }

  /** Something is in the queue. */
  wake(): void {
    if (this.#stopping.signal.aborted || this.#timer !== undefined) return;
    this.#startsAtMs = Math.max(this.#startsAtMs, performance.now() + (this.#options.gatherMs ?? GATHER_MS));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#fillLanes();
    }, Math.max(0, Math.ceil(this.#startsAtMs - performance.now())));
  }

  /** Gives up what is under way; what was not confirmed is sent after a restart. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#nextLane);
    await Promise.all(this.#lanes);
  }

  get #state(): SinkReport["state"] {
    // Others that were under way may have been taken since it said for how long to wait.
    if (this.#failures > 0 || performance.now() < this.#waitsUntilMs) return "failing";
    if (this.#refusals >= (this.#counts.sent === 0 ? 1 : LEAST_REFUSALS)) return "refuses";
    return this.#lanes.size > 0 ? "sending" : "idle";
  }

  get #version(): WriteVersion {
    return performance.now() - this.#fellBackAtMs < ASK_AGAIN_MS ? "1.0" : "2.0";
  }

  /** Whether there is enough for a whole request, by the usual size of a cluster. */
  get #hasPlenty(): boolean {
    const { series, clusters } = this.#options.index;
    return this.#options.tenantOf !== undefined || this.queue.clusters * series >= MAX_REQUEST_SAMPLES * clusters;
  }

  /** Has requests made and sent while there are lanes for them, one batch in each turn of the event loop. */
  #fillLanes(): void {
    // While it is in trouble, one request finds out whether it still is.
    const most = this.#failures > 0 ? 1 : LANES;
    if (this.#lanes.size >= most) return;
    // A lane may have failed since it was asked to have another one beside it.
    if (performance.now() < this.#waitsUntilMs) return this.wake();
    const { index, encoder, series, tenantOf, now = Date.now } = this.#options;
    const options = { queue: this.queue, index, series, isApart: tenantOf !== undefined, version: this.#version };
    const batch = takeBatch(encoder, { ...options, nowMs: now() });
    if (batch === undefined) return;
    const lane = this.#send(batch).finally(() => {
      this.#lanes.delete(lane);
      if (this.#failures === 0 && this.#hasPlenty && !this.#stopping.signal.aborted) this.#fillLanes();
      else if (this.queue.clusters > 0) this.wake();
    });
    this.#lanes.add(lane);
    if (this.#lanes.size >= most) return;
    this.#nextLane ??= setTimeout(() => {
      this.#nextLane = undefined;
      this.#fillLanes();
    });
  }

  async #send(batch: Batch): Promise<void> {
    const { tenantOf } = this.#options;
    const tenant = tenantOf?.(batch.clusters[0].id);
    if (tenantOf !== undefined && tenant === undefined) {
      for (const { samples } of batch.requests) this.#drop(samples, { status: "tenant", why: "its id is no tenant" });
      return this.#done(batch);
    }
    for (const request of batch.requests) {
      if (!await this.#sendRequest(request, { batch, tenant })) return;
    }
    this.#done(batch);
  }

  /** Sends a request. False if the clusters of its batch are in the queue again. */
  async #sendRequest(
    { body, samples }: WriteRequest,
    { batch, tenant }: { batch: Batch; tenant: string | undefined },
  ): Promise<boolean> {
    const { send, metrics, name, timeoutMs = TIMEOUT_MS, now = Date.now } = this.#options;
    const { version, clusters } = batch;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new Error(`it does not answer within ${formatDuration(timeoutMs)}`)),
      timeoutMs,
    );
    let answer: SinkAnswer;
    try {
      answer = await send(body, { version, tenant, signal: AbortSignal.any([this.#stopping.signal, late.signal]) });
    } catch (error) {
      this.#putBack(batch);
      if (!this.#stopping.signal.aborted) this.#failed({ samples, why: messageOf(error) });
      return false;
    } finally {
      clearTimeout(timer);
    }
    const { response, said } = answer, { status } = response;
    const verdict = readWriteAnswer(response, { version, nowMs: now() });
    if (verdict.do === "fall back") {
      this.#fellBackAtMs = performance.now();
      this.#putBack(batch);
      return false;
    }
    if (verdict.do === "try again") {
      this.#putBack(batch);
      this.#failed({ samples, why: `it answers ${status}: ${said}`, retryAfterMs: verdict.retryAfterMs });
      return false;
    }
    this.#failures = 0;
    if (verdict.do === "drop" && !isAboutSamples(status)) this.#refusals += LEAST_REFUSALS;
    if (verdict.do === "drop" && clusters.length > 1) {
      // Some take nothing of a request of which they refuse a sample: what is another's shall not be lost by that.
      for (const waiting of clusters) if (this.queue.putBack(waiting, { isAlone: true })) this.conflated();
      return false;
    }
    const written = verdict.do === "drop" ? 0 : Math.min(verdict.written ?? samples, samples);
    if (written > 0) this.#refusals = 0;
    else if (samples > 0) this.#refusals++;
    if (written < samples) {
      const advice = adviceFor(status);
      this.#drop(samples - written, { status: String(status), why: said, advice, id: clusters[0].id });
    } else this.#lastSuccessMs = now();
    this.#counts.sent += written;
    metrics.sent(name, written);
    return true;
  }

  #done({ clusters, oldestMs }: Batch) {
    for (const waiting of clusters) this.queue.done(waiting);
    this.#options.metrics.delivered(this.#options.name, (this.#options.now ?? Date.now)() - oldestMs);
  }

  #putBack({ clusters }: Batch) {
    for (const waiting of clusters) if (this.queue.putBack(waiting)) this.conflated();
  }

  #failed({ samples, why, retryAfterMs }: { samples: number; why: string; retryAfterMs?: number }) {
    const { metrics, name, losses, maxBackoffMs = MAX_BACKOFF_MS, now = Date.now } = this.#options;
    this.#failures++;
    const waitMs = retryDelayMs({
      failures: this.#failures,
      intervalMs: maxBackoffMs,
      retryAfterMs,
      random: Math.random,
    });
    this.#waitsUntilMs = Math.max(this.#waitsUntilMs, performance.now() + waitMs);
    this.#startsAtMs = Math.max(this.#startsAtMs, this.#waitsUntilMs);
    this.#lastFailure = { at: isoTime(now()), why };
    metrics.failed(name, samples);
    losses.add(`${name} fails`, "Cannot forward to a sink, and tries again", { sink: name, why });
  }

  #drop(
    samples: number,
    { status, why, advice, id }: { status: string; why: string; advice?: string; id?: string },
  ) {
    const { metrics, name, losses, now = Date.now } = this.#options;
    this.#counts.dropped += samples;
    const advised = advice === undefined ? {} : { advice };
    this.#lastFailure = { at: isoTime(now()), why: `it refuses samples with ${status}: ${why}`, ...advised };
    metrics.dropped(name, { status, samples });
    const of = id === undefined ? {} : { cluster: plainText(id) };
    const fields = { sink: name, status, samples, why, ...advised, ...of };
    losses.add(`${name} refuses ${status}`, "Dropped samples that a sink refuses", fields);
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
