/**
 * Looks after the exposition index while the server runs.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import type { ExpositionIndex } from "./exposition_index.ts";

/** How often clusters are dropped whose every sample has passed its time, in milliseconds. */
const EXPIRE_INTERVAL_MS = 10_000;

/** Tells the size of the index on /metrics, and drops what has expired until the returned function is called. */
export function watchIndex(
  index: ExpositionIndex,
  { now, registry }: { now: () => number; registry: Registry },
): () => void {
  const registers = [registry];
  const sizes: [name: string, help: string, size: () => number][] = [
    ["telemeter_partitions", "Clusters held", () => index.clusters],
    ["telemeter_families", "Families held, counted by cluster", () => index.families],
    ["telemeter_series", "Series held", () => index.series],
    ["telemeter_index_bytes", "Memory of the exposition index, in bytes", () => index.bytes],
  ];
  for (const [name, help, size] of sizes) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(size());
      },
    });
  }
  const cleanups = new Counter({
    name: "telemeter_cleanups_total",
    help: "Clusters removed because all of their samples had passed their TTL",
    registers,
  });
  const expire = () => cleanups.inc(index.expire({ now: performance.now(), wallMs: now() }).length);
  const timer = setInterval(expire, EXPIRE_INTERVAL_MS);
  return () => clearInterval(timer);
}
