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
import { LabelMemory } from "../common/exposition/label_memory.ts";
import { type MetricFamily, UNLIMITED } from "../common/exposition/metric_family.ts";
import { decodeFamilies } from "../common/exposition/protobuf.ts";
import type { SampleFault as PageFault } from "../common/exposition/sample_fault.ts";
import { Losses } from "../common/ingest/losses.ts";
import { countLeftOut, describeLoss, type LeftOut, SAMPLE_RULES } from "../common/ingest/sample_rules.ts";
import { type ClockOwner, Clocks } from "./clocks.ts";
import { ForwardHistory, type RunningForward } from "./history.ts";
import { ANYWHERE, NOWHERE, type Outgoing, OutgoingPushes } from "./outgoing.ts";
import { Account, countSamples } from "./transforms/pipeline.ts";
import { retryDelayMs } from "../common/backoff.ts";
import type { Scrape } from "./federate.ts";
import { LossNotices } from "./loss_notices.ts";
import type { ClientMetrics, ForwardStage } from "./metrics.ts";
import { push, type Pushed } from "./push.ts";
import type { RemoteWriteOptions, RemoteWriter } from "./remote_writer.ts";
import { placeOf, RefusedError } from "./request.ts";
import { scrapePages } from "./scrape_pages.ts";
import type { Settings } from "./settings.ts";
import type { SmallHeap } from "./small_heap.ts";

/** How soon a source is read again that has had nothing yet, and how many times: one that starts with us needs a scrape or two. */
const FIRST_SAMPLES_MS = 10_000, FIRST_SCRAPES = 6;

/** What the loop needs beside its settings. */
export interface ForwarderOptions {
  /** Gets one line a forward. */
  readonly log: Logger;
  /** Gets the counts. */
  readonly metrics: ClientMetrics;
  /** Tidied when a forward is done. */
  readonly heap: Pick<SmallHeap, "tidy">;
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
  /** As delimited protobuf: objects would be garbage of the old generation a forward later. */
  #lastPush: Uint8Array = new Uint8Array();
  #lastPushMs: number | undefined;
  #failures = 0;
  #lastError: string | undefined;
  #stage: ForwardStage = "scrape";
  /** Scrapes in a row, from the first one on, that brought nothing. */
  #emptyScrapes = 0;
  readonly #labels = new LabelMemory();
  readonly #outgoing = new OutgoingPushes();
  #writer: RemoteWriter | undefined;
  readonly #clocks: Clocks;
  /** What was done lately. */
  readonly history = new ForwardHistory();
  readonly #notices: LossNotices;

  /** Starts nothing yet. */
  constructor(settings: Settings, options: ForwarderOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#clocks = new Clocks(options.log);
    this.#notices = new LossNotices(options);
  }

  /** What the server took last, as it left. */
  get lastPush(): readonly MetricFamily[] {
    return decodeFamilies(this.#lastPush, UNLIMITED);
  }

  /** What it works by now. */
  get settings(): Settings {
    return this.#settings;
  }

  /** The clocks of others. */
  get clocks(): Pick<Clocks, "known"> {
    return this.#clocks;
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
    const { log, metrics, heap, random, now, delay } = this.#options;
    while (!signal.aborted) {
      const { intervalMs } = this.#settings;
      this.#retryNow = new AbortController();
      let waitMs = intervalMs;
      metrics.onForward();
      const forward = this.history.begin(now());
      try {
        const outcome = await this.#forward(signal, forward);
        if (this.#isStillEmpty(outcome)) waitMs = Math.min(intervalMs, FIRST_SAMPLES_MS);
        this.#failures = 0;
        this.#lastError = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        this.#lastError = messageOf(error);
        metrics.onFailure(this.#stage);
        Object.assign(forward, { outcome: "failed", why: this.#lastError });
        const retryAfterMs = error instanceof RefusedError ? error.retryAfterMs : undefined;
        waitMs = retryDelayMs({ failures: this.#failures, intervalMs, retryAfterMs, random });
        const isTooSoon = error instanceof RefusedError && error.status === 429 && this.#stage === "push" &&
          this.#lastPushMs === undefined;
        if (isTooSoon) {
          const nextPush = new Date(now() + waitMs).toISOString();
          log.info(
            "Has just started, and the server takes no push of this cluster yet: waits until it does",
            { nextPush, answer: this.#lastError },
          );
        } else {
          log.error("Cannot forward: will try again", { error: this.#lastError, failures: this.#failures, waitMs });
        }
      }
      this.history.nextMs = now() + waitMs;
      heap.tidy();
      await delay(waitMs, AbortSignal.any([signal, this.#retryNow.signal]));
    }
  }

  /** Whether a source that has just started, as this client has, may have something in a moment. */
  #isStillEmpty({ scraped }: { scraped: number }): boolean {
    if (scraped > 0) this.#emptyScrapes = FIRST_SCRAPES;
    return ++this.#emptyScrapes <= FIRST_SCRAPES;
  }

  /** One forward, by the settings of its start. Returns how many samples it read. */
  async #forward(signal: AbortSignal, forward: RunningForward): Promise<{ scraped: number }> {
    const { log, metrics, now } = this.#options;
    const settings = this.#settings;
    const account = new Account();
    const onClock = (owner: ClockOwner) => (differenceMs: number) => {
      this.#clocks.set(owner, differenceMs);
      metrics.onClock(owner, differenceMs);
    };
    const pageFaults = new Losses();
    this.#labels.turn();
    this.#stage = "scrape";
    const scraped = await scrape(settings, {
      signal,
      onStatus: metrics.onRetrieved,
      onClock: onClock("source"),
      onFault: notePageFault(pageFaults, account),
      labels: this.#labels,
    });
    metrics.onDone("scrape", now());
    this.#stage = "rules";
    const cleaned = (await settings.rules())(scraped, account);
    const samples = countLeftOut(pageFaults.leftOut) + countSamples(scraped);
    const observe = (kept: readonly MetricFamily[]) =>
      metrics.onSamples({ scraped: samples, kept: countSamples(kept) });
    forward.scraped = samples;
    this.history.prepared = { account, families: cleaned };
    observe(cleaned);
    if (settings.upload === undefined || cleaned.length === 0) {
      const why = pageFaults.leftOut.size === 0 ? {} : { why: firstLoss(pageFaults.leftOut) };
      Object.assign(forward, { outcome: "nothing", why: ruleOf(pageFaults.leftOut) });
      const fault = samples === 0
        ? "the source has nothing that --match selects"
        : "the rules keep none of what was scraped";
      log.info(`Nothing to send: ${fault}`, { scraped: samples, ...why });
      this.#notices.tellLeftOut([pageFaults.leftOut]);
      return { scraped: samples };
    }
    const how = { clients: settings.toClients, timeoutMs: settings.timeoutMs, signal };
    this.#stage = "exchange";
    // Before the first push: by a clock of ours that is slow, all that is scraped would be of the future, and none be sent.
    const isServer = settings.exchange?.url.host === settings.upload.host;
    const grant = await settings.exchange?.grant({ ...how, onClock: isServer ? onClock("server") : undefined });
    const other = settings.isRemoteWrite ? ANYWHERE : NOWHERE;
    const destination = { ...(grant ?? other), nowMs: now() + this.#clocks.differenceMs("server") };
    const outgoing = this.#outgoing.prepare(cleaned, destination, account);
    this.history.prepared = { account, families: outgoing.encoded };
    observe(outgoing.families);
    this.#notices.tellLeftOut([pageFaults.leftOut, outgoing.leftOut], {
      stale: outgoing.stale,
      ttlMs: destination.server.ttlMs,
    });
    this.#notices.tellBeyondServer(account);
    if (outgoing.families.length === 0) {
      const why = firstLoss(outgoing.leftOut);
      log.info("Nothing to send: the server would take none of what the rules keep", { scraped: samples, why });
      Object.assign(forward, { outcome: "nothing", why: ruleOf(outgoing.leftOut) });
      // What the server takes, or one of the clocks, may have changed; without a push, this is how to hear of it.
      settings.exchange?.drop();
      return { scraped: samples };
    }
    this.#stage = "push";
    const { bytes, remark, remoteWrite } = await this.#push(outgoing, {
      ...how,
      isRemoteWrite: settings.isRemoteWrite,
      url: settings.upload,
      token: grant?.token ?? await settings.toToken?.value(),
      identity: destination.labels,
      onStatus: (status) => {
        metrics.onSent(status);
        if (status === 401) settings.exchange?.drop();
      },
      onClock: onClock("server"),
    });
    this.#lastPush = outgoing.encoded;
    this.#lastPushMs = now();
    Object.assign(forward, { outcome: "pushed", sent: countSamples(outgoing.families), bytes });
    metrics.onDone("push", this.#lastPushMs);
    const { version, ...written } = remoteWrite ?? {};
    const by = version === undefined ? {} : { by: `remote write ${version}`, ...written };
    log.info("Pushed", { samples: countSamples(outgoing.families), bytes, to: placeOf(settings.upload), ...by });
    this.#notices.tell("server", remark && `The server says: ${remark.replaceAll("\n", "; ")}`);
    return { scraped: samples };
  }

  async #push(
    { encoded, lines }: Outgoing,
    { isRemoteWrite, ...options }: RemoteWriteOptions & { readonly isRemoteWrite: boolean },
  ): Promise<Pushed> {
    if (!isRemoteWrite) return await push(encoded, options);
    // Whoever pushes loads nothing of it.
    const { RemoteWriter } = await import("./remote_writer.ts");
    this.#writer ??= new RemoteWriter();
    return await this.#writer.send(lines, options);
  }
}

const NOTHING_LEFT = "the scrape brought nothing that the rules keep: see --match, and what the source holds";

/** Why nothing is sent, without the values of labels: the page is not only for who may see those. */
function ruleOf(leftOut: LeftOut): string {
  const [first] = leftOut.keys();
  return first === undefined ? NOTHING_LEFT : `${SAMPLE_RULES[first].what}: ${SAMPLE_RULES[first].mend}`;
}

/** The first of what a server would leave out, as the reason why nothing is sent. */
function firstLoss(leftOut: LeftOut): string {
  const [first] = leftOut;
  return first === undefined ? "there are no samples" : describeLoss(...first);
}

/** Notes samples that a page of text has lost before anybody could count them. */
function notePageFault(losses: Losses, account: Account): (fault: PageFault) => void {
  return ({ rule, metric, labels, why, line }) => {
    losses.note({
      rule,
      what: `${why}, in line ${line} of the page`,
      family: -1,
      sample: -1,
      series: `${metric}{${labels}}`,
    });
    account.add(`rule ${rule} (${SAMPLE_RULES[rule].what})`, "dropped", 1);
  };
}

/** Reads what the settings say. */
export async function scrape(
  settings: Settings,
  hears: Pick<Scrape, "signal" | "onStatus" | "onClock" | "onFault" | "labels">,
): Promise<readonly MetricFamily[]> {
  const { from: url, matches, limitBytes, timeoutMs, fromClients: clients } = settings;
  const token = await settings.fromToken?.value();
  return await scrapePages({ url, matches, token, limitBytes, clients, timeoutMs, ...hears });
}
