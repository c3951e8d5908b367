/**
 * Many clients in one process, each of which authorises under an id of its own and then pushes the same metrics again and again,
 * with new timestamps.
 *
 * @module
 */
// Every push is encoded anew, as every client has its own labels and the present as its timestamp: that takes 1.6 ms for 521
// series, so that one process makes up to 600 such pushes a second. Near that its latencies are its own; start several then.

import { Counter, Summary } from "prom-client";
import { formatDuration } from "../common/duration.ts";
import { explain } from "../common/explain.ts";
import type { Label, MetricFamily } from "../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../common/exposition/protobuf.ts";
import { frameSnappy } from "../common/exposition/snappy.ts";
import { readUpTo } from "../common/http/read_up_to.ts";
import type { Registry } from "../common/metrics.ts";
import { pause } from "../common/pause.ts";
import { plainText } from "../common/plain_text.ts";

const REQUEST_TIMEOUT_MS = 30_000;
const TOKEN_RESPONSE_LIMIT_BYTES = 16_384;
/** How much is told of what a server says of a refusal. */
const MAX_REASON_BYTES = 512;
/** Clients, those of openshift/telemeter among them, renew their token so long before it expires. */
const RENEW_EARLY_MS = 15_000;
/** What a request is for. */
type Purpose = "authorize" | "upload";

interface Token {
  readonly value: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly renewAtMs: number;
}

/** What a {@linkcode LoadGenerator} sends, where, and how often. */
export interface LoadPlan {
  /** Where to push. */
  readonly upload: URL;
  /** Where to get tokens; each client adds its id. */
  readonly authorize: URL;
  /** The initial token of every client, exchanged at `authorize` for one of its own. */
  readonly token: string;
  /** What every client pushes. */
  readonly families: readonly MetricFamily[];
  /** How long each client waits between its pushes. */
  readonly intervalMs: number;
  /** How many clients there are. */
  readonly workers: number;
  /** Where the counters are registered. */
  readonly registry: Registry;
  /**
   * Does the requests.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: typeof globalThis.fetch;
}

/** Many clients in one process. */
export class LoadGenerator {
  readonly #plan: Required<LoadPlan>;
  readonly #requests: Counter<"purpose" | "code">;
  readonly #seconds: Summary<"purpose">;
  readonly #bytes: Counter;
  /** Why the last one failed of those that did. */
  readonly #lastFailure = new Map<Purpose, string>();
  /** Sets the ids of one run apart from those of the next, which has other tokens. */
  readonly #run = crypto.randomUUID().slice(0, 8);

  /** Sends nothing yet. */
  constructor(plan: LoadPlan) {
    this.#plan = { fetch: globalThis.fetch, ...plan };
    const registers = [plan.registry];
    this.#requests = new Counter({
      name: "load_requests_total",
      help: "Requests by how they were answered; the code is 'error' where there was no answer",
      labelNames: ["purpose", "code"],
      registers,
    });
    this.#seconds = new Summary({
      name: "load_request_duration_seconds",
      help: "How long requests took",
      labelNames: ["purpose"],
      percentiles: [0.5, 0.9, 0.99, 1],
      registers,
    });
    this.#bytes = new Counter({
      name: "load_pushed_bytes_total",
      help: "Bytes of the pushes sent, compressed",
      registers,
    });
  }

  /** Lets all clients work until the signal is aborted. Their first pushes are spread over the interval. */
  async run(signal: AbortSignal): Promise<void> {
    const { workers, intervalMs } = this.#plan;
    await Promise.all(Array.from({ length: workers }, async (_, i) => {
      const id = `load-${this.#run}-${String(i).padStart(6, "0")}`;
      await pause(intervalMs * i / workers, signal);
      let token: Token | undefined;
      while (!signal.aborted) {
        if (token === undefined || Date.now() >= token.renewAtMs) token = await this.#authorize(id, signal);
        if (token !== undefined && await this.#push(token, signal) === 401) token = undefined;
        await pause(intervalMs, signal);
      }
    }));
  }

  /** What happened in the given time, for a person to read. */
  async summary(elapsedMs: number): Promise<string> {
    const { families, workers } = this.#plan;
    const series = families.reduce((sum, { metrics }) => sum + metrics.length, 0);
    const lines = [`${workers} clients with ${series} series each, for ${formatDuration(Math.round(elapsedMs))}`];
    const requests = (await this.#requests.get()).values;
    const seconds = (await this.#seconds.get()).values;
    for (const purpose of ["authorize", "upload"] as const) {
      const codes = requests.filter(({ labels }) => labels.purpose === purpose);
      const total = codes.reduce((sum, { value }) => sum + value, 0);
      if (total === 0) continue;
      const latencies = seconds
        .filter(({ labels }) => labels.purpose === purpose && "quantile" in labels)
        .map(({ labels, value }) => {
          const { quantile } = labels as { quantile?: number };
          return `${quantile === 1 ? "max" : `p${100 * Number(quantile)}`} ${formatMs(1_000 * value)}`;
        });
      lines.push(
        `${purpose}: ${total} requests, ${(1_000 * total / elapsedMs).toFixed(1)}/s, ` +
          `${codes.map(({ labels, value }) => `${labels.code}: ${value}`).join(", ")}; ${latencies.join(", ")}`,
      );
      const failure = this.#lastFailure.get(purpose);
      if (failure !== undefined) lines.push(`  the last that failed: ${failure}`);
    }
    const [{ value: bytes }] = (await this.#bytes.get()).values;
    lines.push(`pushed: ${bytes} bytes`);
    return lines.join("\n") + "\n";
  }

  async #authorize(id: string, signal: AbortSignal): Promise<Token | undefined> {
    const target = new URL(this.#plan.authorize);
    target.searchParams.set("id", id);
    const headers = { authorization: `Bearer ${this.#plan.token}` };
    const response = await this.#send("authorize", { target, init: { method: "POST", headers }, signal });
    return response?.body === undefined ? undefined : readToken(response.body);
  }

  async #push(token: Token, signal: AbortSignal): Promise<number | undefined> {
    const body = frameSnappy(encodeFamilies(labelled(this.#plan.families, { labels: token.labels, now: Date.now() })));
    this.#bytes.inc(body.length);
    const headers = {
      authorization: `Bearer ${token.value}`,
      "content-type": PROTOBUF_CONTENT_TYPE,
      "content-encoding": "snappy",
    };
    const init = { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> };
    return (await this.#send("upload", { target: this.#plan.upload, init, signal }))?.status;
  }

  /** Sends and counts a request; undefined if it is not answered. The body is there if the answer is success. */
  async #send(
    purpose: Purpose,
    { target, init, signal }: { target: URL; init: RequestInit; signal: AbortSignal },
  ): Promise<{ status: number; body?: Uint8Array } | undefined> {
    const ended = this.#seconds.startTimer({ purpose });
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
      const response = await this.#plan.fetch(target, { ...init, signal: deadline, redirect: "manual" });
      const { status } = response;
      const body = await readUpTo(response, TOKEN_RESPONSE_LIMIT_BYTES);
      this.#requests.inc({ purpose, code: status });
      ended();
      if (status === 200 || status === 201) return { status, body };
      const reason = plainText(new TextDecoder().decode(body).trim(), { maxBytes: MAX_REASON_BYTES });
      this.#lastFailure.set(purpose, `${status}${reason && ` ${reason}`}`);
      return { status };
    } catch (error) {
      // What the end of the run cuts off says nothing of the server.
      if (signal.aborted) return undefined;
      this.#requests.inc({ purpose, code: "error" });
      this.#lastFailure.set(purpose, explain(error));
      return undefined;
    }
  }
}

/** The families with a client's labels on every sample, and the present as every timestamp. */
export function* labelled(
  families: Iterable<MetricFamily>,
  { labels, now }: { labels: ReadonlyMap<string, string>; now: number },
): Generator<MetricFamily> {
  const added: Label[] = Array.from(labels, ([name, value]) => ({ name, value }));
  for (const family of families) {
    const metrics = family.metrics.map((metric) => ({
      ...metric,
      labels: [...metric.labels.filter(({ name }) => !labels.has(name)), ...added],
      timestampMs: now,
    }));
    yield { ...family, metrics };
  }
}

function readToken(body: Uint8Array): Token | undefined {
  try {
    const { token, expiresInSeconds, labels } = JSON.parse(new TextDecoder().decode(body));
    // An expiry under a minute means never, as the clients of openshift/telemeter read it.
    const renewAtMs = expiresInSeconds < 60 ? Infinity : Date.now() + 1_000 * expiresInSeconds - RENEW_EARLY_MS;
    return { value: String(token), labels: new Map(Object.entries(labels)), renewAtMs };
  } catch {
    return undefined;
  }
}

function formatMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
