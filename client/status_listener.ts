/**
 * The listener of the client's status page, as careful as its address asks for.
 *
 * @module
 */

import { type FamilyRegistry, metricOf } from "../common/exposition/family_registry.ts";
import { isThisMachine } from "../common/http/addresses.ts";
import { CONNECTION_METRICS, type ConnectionMetrics, CUTS, SHARES } from "../common/http/connection_counts.ts";
import type { HostileLimits } from "../common/http/hostile_limits.ts";
import type { Handler } from "../common/http/http.ts";
import { listen } from "../common/http/http_server.ts";
import type { Listener } from "../common/http/listener.ts";
import type { Logger } from "../common/log.ts";
import type { Address } from "../common/option_kinds.ts";

/** What a status page allows whom it does not know: a Prometheus and the probes of an orchestrator keep some few connections. */
const STATUS_LIMITS: HostileLimits = { maxConnections: 128 };

/**
 * Listens. On this machine alone it trusts who comes. Where others come as well, it says so, and guards itself at the price of
 * some 10 MB: who holds all files that the client may open keeps it from pushing.
 *
 * @throws {UsageError} if the address cannot be listened on.
 */
export async function listenForStatus(
  handler: Handler,
  { address, registry, log }: { address: Address; registry: FamilyRegistry; log: Logger },
): Promise<Listener> {
  if (isThisMachine(address.hostname)) return await listen(handler, { address, log });
  const metrics = connectionMetrics(registry);
  const listener = await listen(handler, { address, name: "status", hostile: STATUS_LIMITS, metrics, log });
  log.warn(
    "Shows its pages to whoever reaches --listen, and reloads for them: let a firewall keep out all but your Prometheus",
    { listen: `${listener.hostname}:${listener.port}` },
  );
  return listener;
}

/** Counts connections as the server does. */
function connectionMetrics(registry: FamilyRegistry): ConnectionMetrics {
  const refused = registry.counter(CONNECTION_METRICS.refused, { labelled: true });
  const cut = registry.counter(CONNECTION_METRICS.cut, { labelled: true });
  const open = new Map<string, () => number>();
  registry.read(() => ({
    ...CONNECTION_METRICS.open,
    type: "gauge",
    metrics: [...open].map(([listener, count]) => metricOf({ listener }, count())),
  }));
  return {
    refused: (listener, reason) => refused.add(1, { listener, reason }),
    cut: (listener, reason) => cut.add(1, { listener, reason }),
    watchOpen: (listener, count) => {
      for (const reason of SHARES) refused.add(0, { listener, reason });
      for (const reason of CUTS) cut.add(0, { listener, reason });
      open.set(listener, count);
      return () => void open.delete(listener);
    },
  };
}
