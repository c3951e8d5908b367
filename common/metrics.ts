/**
 * What a program tells of itself on `/metrics`.
 *
 * @module
 */

import process from "node:process";
import { Counter, Gauge, Registry as PrometheusRegistry } from "prom-client";

/**
 * Where the metrics of one program are registered.
 *
 * @internal its members are those of the library, which documents them
 */
export class Registry extends PrometheusRegistry {}

/**
 * A registry with the process's own metrics, under their usual names. prom-client's default set is not used, as it reads
 * files under `/proc` for which our programs ask no permission.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  const registers = [registry];
  const startedAtMs = Date.now();
  new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent, in seconds",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory, in bytes",
    registers,
    collect() {
      this.set(Deno.memoryUsage().rss);
    },
  });
  new Gauge({
    name: "process_heap_bytes",
    help: "Memory of the JavaScript heap and of buffers outside it, in bytes",
    labelNames: ["kind"],
    registers,
    collect() {
      const { heapUsed, external } = Deno.memoryUsage();
      this.set({ kind: "heap" }, heapUsed);
      this.set({ kind: "external" }, external);
    },
  });
  new Gauge({
    name: "process_start_time_seconds",
    help: "When the process started, in seconds since the epoch",
    registers,
  }).set(startedAtMs / 1_000);
  return registry;
}

/** The handler of `GET /metrics`. */
export function metricsHandler(registry: Registry): () => Promise<Response> {
  return async () => new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
}
