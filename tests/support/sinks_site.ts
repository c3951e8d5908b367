/**
 * An index whose clusters show what tests want, and sinks that forward it.
 *
 * @module
 */

import { createRegistry, type Registry } from "../../common/metrics.ts";
import { noProxy } from "../../common/outgoing/proxy_rule.ts";
import { RepeatLog } from "../../common/repeat_log.ts";
import { ExpositionIndex, toEntry } from "../../server/exposition/exposition_index.ts";
import { Renderer } from "../../server/ingest/renderer.ts";
import { SinkMetrics } from "../../server/sinks/sink_metrics.ts";
import { SinkConnection } from "../../server/sinks/sink_connection.ts";
import { tenantOf } from "../../server/sinks/tenants.ts";
import { Sinks, type SinksOptions } from "../../server/sinks/sinks.ts";
import { recordingLog } from "./recording_log.ts";
import { RENDER_RULES } from "./render_rules.ts";

/** How long a sample is shown. */
export const TTL_MS = 600_000;

/** What a store keeps of its server's own, in memory. */
export class MetaStore {
  readonly #texts = new Map<string, string>();

  /** What is kept under a key. */
  getMeta(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#texts.get(key));
  }

  /** Keeps it. */
  setMeta(key: string, text: string): Promise<void> {
    this.#texts.set(key, text);
    return Promise.resolve();
  }
}

/** What shows and forwards. */
export class SinksSite implements AsyncDisposable {
  /** What is shown. */
  readonly index: ExpositionIndex = new ExpositionIndex({ ttlMs: TTL_MS });
  /** What the log has. */
  readonly log: ReturnType<typeof recordingLog> = recordingLog();
  /** The metrics. */
  readonly registry: Registry = createRegistry();
  /** The sinks. */
  sinks!: Sinks;
  readonly #renderer = new Renderer({
    ...RENDER_RULES,
    notesSamples: true,
    limitBytes: 2e7,
    maxTextBytes: 4e7,
    limits: { maxFamilies: 1e4, maxSeries: 1e5, maxLabels: 64 },
  });
  #connection!: SinkConnection;
  #sequence = 0;

  /** Forwards to places with these URLs. */
  static async open(
    urls: readonly URL[],
    options: Partial<SinksOptions> & { readonly tenant?: string } = {},
  ): Promise<SinksSite> {
    const site = new SinksSite();
    const { tenant } = options;
    site.#connection = await SinkConnection.open({
      files: {},
      tenantHeader: "X-Scope-OrgID",
      proxyFor: noProxy,
      log: site.log.log,
    });
    site.sinks = await Sinks.open({
      places: urls.map((url) => ({
        name: url.href,
        send: site.#connection.to(url),
        ...tenant === undefined ? {} : { tenantOf: tenantOf(tenant) },
      })),
      index: site.index,
      store: new MetaStore(),
      ttlMs: TTL_MS,
      metrics: new SinkMetrics(site.registry),
      losses: new RepeatLog(site.log.log, { level: "warn" }),
      gatherMs: 10,
      maxBackoffMs: 50,
      ...options,
    });
    return site;
  }

  /** A cluster pushes lines; `{}` in them becomes its label. Their time is that of the push unless they say one. */
  push(id: string, lines: readonly string[], { receivedAtMs = Date.now() }: { receivedAtMs?: number } = {}): void {
    const text = lines.map((line) => `${line.replace("{", `{_id="${id}",`)} ${receivedAtMs}\n`).join("");
    const rendered = this.#renderer.render({
      contentType: "text",
      contentEncoding: "identity",
      labels: new Map([["_id", id]]),
      body: new TextEncoder().encode(text),
      receivedAtMs,
    });
    this.index.show(toEntry(rendered, { id, sequence: ++this.#sequence, receivedAtMs }));
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.sinks[Symbol.asyncDispose]();
    this.#connection[Symbol.dispose]();
  }
}
