/**
 * What a server tells of itself on `/metrics`.
 *
 * @module
 */

import { Counter, Gauge, Registry as PrometheusRegistry } from "prom-client";
import { processMetrics } from "./process_metrics.ts";

/**
 * Where the metrics of one program are registered.
 *
 * @internal its members are those of the library, which documents them
 */
export class Registry extends PrometheusRegistry {}

/** A registry with the process's own metrics. */
export function createRegistry(): Registry {
  const registry = new Registry();
  for (const { type, read, ...about } of processMetrics({ startedAtMs: Date.now() })) {
    const registers = [registry];
    if (type === "counter") {
      new Counter({
        ...about,
        registers,
        collect() {
          this.reset();
          for (const { labels, value } of read()) this.inc(labels, value);
        },
      });
    } else {
      new Gauge({
        ...about,
        registers,
        collect() {
          for (const { labels, value } of read()) this.set(labels, value);
        },
      });
    }
  }
  return registry;
}

/** The handler of `GET /metrics`. */
export function metricsHandler(registry: Registry): () => Promise<Response> {
  return async () => new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
}
