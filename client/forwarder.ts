/**
 * The client's loop: scrape, transform, exchange the token, push; wait; again.
 *
 * ```
 *             ┌──────────────── interval ────────────────┐
 *             ▼                                          │
 *   start ▸ scrape ▸ rules ▸ exchange ▸ labels ▸ push ▸ done
 *             ▲         │ nothing left                   ▲
 *             │         └────────────────────────────────┘
 *             └── backoff, Retry-After, or a reload ◂ any failure
 * ```
 *
 * @module
 */

import { messageOf } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import type { MetricFamily } from "../common/exposition/metric_family.ts";
import { dedupe } from "./transforms/dedupe.ts";
import { Account, countSamples, pipeline } from "./transforms/pipeline.ts";
import { setLabels } from "./transforms/set_labels.ts";
import { retryDelayMs } from "./backoff.ts";
import type { ClientMetrics } from "./metrics.ts";
import { push } from "./push.ts";
import { placeOf, RefusedError } from "./request.ts";
import { scrapePages } from "./scrape_pages.ts";
import type { Settings } from "./settings.ts";

/** What the loop needs beside its settings. */
export interface ForwarderOptions {
  /** Gets one line a forward. */
  readonly log: Logger;
  /** Gets the counts. */
  readonly metrics: ClientMetrics;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Waits, at most until the signal is aborted; never rejects. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What a forwarder says of itself. */
export interface ForwarderState {
  /** When the last push was taken, in milliseconds since the epoch. */
  readonly lastPushMs: number | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** What the last failure was, until a forward succeeds. */
  readonly lastError: string | undefined;
}

/** Forwards from one Prometheus to one server, one push at a time. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  #settings: Settings;
  #retryNow = new AbortController();
  #lastPush: readonly MetricFamily[] = [];
  #lastPushMs: number | undefined;
  #failures = 0;
  #lastError: string | undefined;

  /** Starts nothing yet. */
  constructor(settings: Settings, options: ForwarderOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /** What the server took last, as it left. */
  get lastPush(): readonly MetricFamily[] {
    return this.#lastPush;
  }

  /** How it goes. */
  get state(): ForwarderState {
    return { lastPushMs: this.#lastPushMs, failures: this.#failures, lastError: this.#lastError };
  }

  /**
   * Works by other settings from the next forward on. After a failure that is now, since the new settings may mend it;
   * otherwise when it is due, since a push ahead of time would meet the server's rate limit.
   */
  reconfigure(settings: Settings): void {
    this.#settings = settings;
    if (this.#failures > 0) this.#retryNow.abort();
  }

  /** Forwards until the signal is aborted. Failures are logged, counted and tried again, each with a fresh scrape. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, metrics, random, delay } = this.#options;
    while (!signal.aborted) {
      const { intervalMs } = this.#settings;
      this.#retryNow = new AbortController();
      let waitMs = intervalMs;
      metrics.onForward();
      try {
        await this.#forward(signal);
        this.#failures = 0;
        this.#lastError = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        this.#lastError = messageOf(error);
        metrics.onFailure();
        const retryAfterMs = error instanceof RefusedError ? error.retryAfterMs : undefined;
        waitMs = retryDelayMs({ failures: this.#failures, intervalMs, retryAfterMs, random });
        log.error("Cannot forward: will try again", { error: this.#lastError, failures: this.#failures, waitMs });
      }
      await delay(waitMs, AbortSignal.any([signal, this.#retryNow.signal]));
    }
  }

  /** One forward, by the settings of its start. */
  async #forward(signal: AbortSignal): Promise<void> {
    const { log, metrics, now } = this.#options;
    const settings = this.#settings;
    const account = new Account();
    const scraped = await scrape(settings, { signal, onStatus: metrics.onRetrieved });
    const cleaned = (await settings.rules())(scraped, account);
    const observe = (kept: readonly MetricFamily[]) =>
      metrics.onSamples({ scraped: countSamples(scraped), kept: countSamples(kept) });
    observe(cleaned);
    if (cleaned.length === 0 || settings.upload === undefined) {
      log.warn("Nothing to send: the rules keep none of what was scraped", { scraped: countSamples(scraped) });
      return;
    }
    const how = { clients: settings.toClients, timeoutMs: settings.timeoutMs, signal };
    const grant = await settings.exchange?.grant(how);
    const outgoing = pipeline([setLabels(grant?.labels ?? new Map(), { origin: "token label" }), dedupe])(
      cleaned,
      account,
    );
    observe(outgoing);
    const bytes = await push(outgoing, {
      ...how,
      url: settings.upload,
      token: grant?.token,
      onStatus: (status) => {
        metrics.onSent(status);
        if (status === 401) settings.exchange?.drop();
      },
    });
    this.#lastPush = outgoing;
    this.#lastPushMs = now();
    log.info("Pushed", { samples: countSamples(outgoing), bytes, to: placeOf(settings.upload) });
  }
}

/** Reads what the settings say. */
export async function scrape(
  settings: Settings,
  { signal, onStatus }: { signal: AbortSignal; onStatus?: (status: number) => void },
): Promise<readonly MetricFamily[]> {
  const { from: url, matches, limitBytes, timeoutMs, fromClients: clients } = settings;
  const token = await settings.fromToken?.value();
  return await scrapePages({ url, matches, token, limitBytes, clients, timeoutMs, signal, onStatus });
}
